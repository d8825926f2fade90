"""`make lab`: the gateway of api-gateway-lab.md on loopback, with real programs, and a walk through its checkpoints."""
