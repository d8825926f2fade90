"""The report of a stack as one self-contained page, `report.html`: pictures and tables; it only looks at what was recorded."""
