"""AWS rooms."""
