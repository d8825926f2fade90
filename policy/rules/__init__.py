"""The rules, one file per concern; none of them knows how or where it is run."""
