"""A cluster's nodes, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from policy.placement import Holding
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


HELD = (
    "name",
    "pods",
    "processors",
    "MiB asked for",
    "while updated",
    "at limits",
    "MiB there are",
    "at limits / there",
)


def held_table(holdings: Sequence[Holding]) -> Table:
    """What the pods of each node ask for, and what it gives; processors in thousandths."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in HELD:
        table.add_column(
            column, style="bold" if column == "name" else "", justify="left" if column == "name" else "right"
        )
    for one in holdings:
        gives, asked, most = one.node.gives, one.asked, one.most
        table.add_row(
            one.node.name,
            str(asked.pods),
            f"{asked.cpu} of {gives.cpu}",
            *map(str, (asked.memory, most.memory, one.at_limits, gives.memory)),
            f"{one.at_limits / gives.memory:.2f}",
        )
    return table
