"""What the project costs, as ratios within one run: `make bench-ratios`. No test has a limit of time."""
