"""What each protection of an edge costs, and what a change costs as services grow: `python -m tests.mesh.bench`."""
