"""What the project builds and installs for itself, pinned."""
