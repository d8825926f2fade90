"""What outsiders' linters say of both stacks: checkov, kube-score and parliament, each installed apart, never by `make up`."""
