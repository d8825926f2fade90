"""A cluster's nodes, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from rehearsal.report.facts import text

COLUMNS = ("type", "zone", "role", "runs")
"""What a system's output `nodes` says of each node, by the node's name."""


def nodes_table(nodes: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row per node, in the order of the output: its name and what `COLUMNS` has."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("node", style="bold", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, no_wrap=column != "runs")
    for name, node in nodes.items():
        table.add_row(name, *(text(node.get(column)) for column in COLUMNS))
    return table
