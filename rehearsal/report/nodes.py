"""A cluster's nodes, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from rehearsal.report.facts import text

COLUMNS = ("name", "type", "zone", "role", "runs")
"""What a system's output `nodes` says of each node."""


def nodes_table(nodes: Sequence[Mapping[str, Any]]) -> Table:
    """One row per node, in the order of the output."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in COLUMNS:
        table.add_column(column, style="bold" if column == "name" else "", no_wrap=column != "runs")
    for node in nodes:
        table.add_row(*(text(node.get(column)) for column in COLUMNS))
    return table
