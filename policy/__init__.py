"""What may not be merged or deployed, whatever the documents say: rules over the resources that the program registers."""
