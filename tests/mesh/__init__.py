"""The rendered mesh, run by real servers on loopback."""
