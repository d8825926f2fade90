"""What a rehearsal shows on the terminal and leaves in `.rehearsal/`; it only looks at what was recorded."""
