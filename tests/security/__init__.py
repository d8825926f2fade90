"""docs/security.md, from the built graph of the stacks: who may be which role, what each reads, who holds which secret."""
