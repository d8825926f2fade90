"""`make preview`: what a change does to the stacks, and first of all what it puts in danger."""
