"""Istio rooms: pure builders of mesh objects, and the components that register them."""
