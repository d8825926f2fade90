"""The mutation score: security-relevant properties of the stacks are spoiled one by one, and each must be noticed by a rule."""
