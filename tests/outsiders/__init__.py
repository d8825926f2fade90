"""What outsiders' linters and rules say of both stacks, each installed or built apart, never by `make up`."""
