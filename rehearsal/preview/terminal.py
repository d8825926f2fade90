"""The page in a terminal."""

from __future__ import annotations

import re

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from rehearsal.preview.dangers.model import CLOSE, OPEN
from rehearsal.preview.page import Entry, Page, Section, spent

_PARTS = re.compile(f"({OPEN}[^{CLOSE}]*{CLOSE})")
_LONGEST = 160
_MOST, _LINES = 40, 40
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def print_preview(console: Console, page: Page, where: str) -> None:
    """Print the page, long sections cut; `where` is the file that has all of it."""
    console.print(f"compared with {page.base}", markup=False, highlight=False)
    console.print(_numbers(page))
    for note in page.notes:
        console.print(_spoken(note, "yellow"))
    for section in page.sections:
        _print_section(console, section)
    if not page.sections:
        console.print("nothing changes", highlight=False)
    console.print()
    console.print(f"the whole preview: {where}", markup=False, highlight=False, soft_wrap=True)


def _numbers(page: Page) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in (
        "stack",
        "in danger",
        "replaced",
        "removed",
        "changed",
        "added",
        "unchanged",
        "new findings",
        "a month",
    ):
        table.add_column(
            column, justify="left" if column == "stack" else "right", style="bold" if column == "stack" else ""
        )
    for total in page.totals:
        if total.trouble:
            table.add_row(total.stack, "not compared")
            continue
        numbers = (total.replaced, total.removed, total.changed, total.added, total.unchanged, total.findings)
        table.add_row(
            total.stack, Text(str(total.dangers), "bold red" if total.dangers else ""), *map(str, numbers), spent(total)
        )
    return table


def _print_section(console: Console, section: Section) -> None:
    danger = section.title.startswith("In danger")
    console.print()
    console.print(
        Rule(
            Text(f"{section.title} ({len(section.entries)})", "bold red" if danger else "bold"),
            align="left",
            style="dim",
        )
    )
    shown = section.entries if section.open else section.entries[:_MOST]
    for entry in shown:
        _print_entry(console, entry)
    if len(section.entries) > len(shown):
        console.print(f"… and {len(section.entries) - len(shown)} more", highlight=False, style="dim")


def _print_entry(console: Console, entry: Entry) -> None:
    console.print(_spoken(entry.head))
    for detail in entry.details:
        console.print(Text("  ").append_text(_spoken(detail)))
    lines = entry.diff.split("\n") if entry.diff else []
    for line in lines[:_LINES]:
        clean = "".join(sign if sign.isprintable() else " " for sign in line)
        console.print(Text(f"    {clean}", _COLOURS.get(clean[:1], "dim")), soft_wrap=True)
    if len(lines) > _LINES:
        console.print(f"    … {len(lines) - _LINES} more lines", style="dim", highlight=False)


def _spoken(text: str, style: str = "") -> Text:
    """Quoted values stand out, and are never taken for markup."""
    said = Text(style=style)
    for part in _PARTS.split(text):
        value = part.strip(OPEN + CLOSE)
        if part.startswith(OPEN):
            said.append(value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…", "bold")
        else:
            said.append(part)
    return said
