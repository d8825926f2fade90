"""Kubernetes rooms."""
