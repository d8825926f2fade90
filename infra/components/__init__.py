"""Rooms that know how to build something, and no system."""
