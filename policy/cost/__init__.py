"""What a stack costs a month: prices and assumptions as data, and an estimate over the resources that were registered."""
