"""Alerts on their way to people: through a real Alertmanager to receivers on loopback."""
