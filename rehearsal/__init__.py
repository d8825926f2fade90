"""The embedded cloud: runs the unmodified program against moto, without an account."""
