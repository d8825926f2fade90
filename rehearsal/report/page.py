"""The page that `make up` prints: tree, contents, outputs, policies, stand-ins, cost, and where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from policy.catalog import ALL_RULES
from policy.placement import place
from policy.rules.model import Stack
from rehearsal.html.page import FILE, Report, page
from rehearsal.judging import seen_by_rules
from rehearsal.report.contents import DOCUMENTS, contents_table
from rehearsal.report.cost import cost_chapter, estimated
from rehearsal.report.facts import text
from rehearsal.report.nodes import held_table, nodes_table
from rehearsal.report.policies import policies_chapter, policies_summary
from rehearsal.report.since import Difference
from rehearsal.report.tree import resource_tree

_LOOKED_FOR = ("_url", "url", "name_servers", "control_plane")
_WIDTH_OF_FILES = 120


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run took."""

    resources: int
    seconds: float
    peak_mb: int

    def __str__(self) -> str:
        return f"{self.resources} resources, {self.seconds:.1f} s, {self.peak_mb} MB at its peak"


@dataclass(frozen=True, kw_only=True)
class Run(Report):
    """A run that succeeded: what it was asked for, what it recorded, and what it left."""

    stood_in: tuple[str, ...]
    how: str
    cost: Cost
    folder: Path
    since: Difference | None


CHAPTERS: Mapping[str, str] = {
    "tree": "Resources",
    "contents": "What the documents contain, and what stands for it",
    "nodes": "The nodes",
    "policies": "Policies",
    "cost": "What it costs a month, by estimate",
}
"""What there is to read at length, by the name that `SHOW` has for it: each is a file beside `resources.json`."""


def print_page(console: Console, run: Run, show: str = "") -> None:
    """Print the page, or the chapter that is asked for (`all` for each)."""
    for name in CHAPTERS if show == "all" else filter(None, [show]):
        _print_chapter(console, run, name)
    if show not in ("", "all"):
        return
    outputs = run.mask(run.recording.stack_outputs)
    _heading(console, f"What stands in {run.stack}")
    console.print(_standing(run))
    _heading(console, "Since the last run")
    for line in run.since.lines() if run.since else ["this is the first"]:
        console.print(line, markup=False, highlight=False)
    _heading(console, "Policies")
    console.print(policies_summary(run.judgement, run.mask, len(ALL_RULES)))
    _heading(console, "Outputs")
    console.print(outputs_table(outputs, short=True))
    _heading(console, "This run")
    console.print(_this_run(run))


def print_looking(console: Console, looking: Sequence[str]) -> None:
    """Print how to look at the result."""
    _heading(console, "How to look at it")
    for line in looking:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def save_chapters(run: Run, folder: Path) -> None:
    """Write each chapter, and all outputs, as text."""
    for name in CHAPTERS:
        with (folder / f"{name}.txt").open("w") as file:
            _print_chapter(Console(file=file, width=_WIDTH_OF_FILES), run, name)
    with (folder / "outputs.txt").open("w") as file:
        Console(file=file, width=_WIDTH_OF_FILES).print(outputs_table(run.mask(run.recording.stack_outputs)))


def save_page(run: Run, folder: Path) -> None:
    """Write `report.html`."""
    (folder / FILE).write_text(page(run))


def _print_chapter(console: Console, run: Run, name: str) -> None:
    _heading(console, CHAPTERS[name])
    match name:
        case "tree":
            console.print(resource_tree(run.recording, f"{run.project} {run.stack}"))
        case "contents":
            for system in (system for system in run.systems if system in DOCUMENTS):
                console.print(Text(f"{system}.md", "bold"))
                console.print(contents_table(run.recording, system))
        case "nodes":
            for system, offered in run.mask(run.recording.stack_outputs).items():
                if isinstance(offered, dict) and "nodes" in offered:
                    console.print(Text(system, "bold"))
                    console.print(nodes_table(offered["nodes"]))
            if holdings := place(Stack(seen_by_rules(run.recording))).holdings:
                console.print(Text("What their pods ask for", "bold"))
                console.print(held_table(holdings))
        case "policies":
            console.print(policies_chapter(run.judgement, run.mask, len(ALL_RULES)))
        case "cost":
            console.print(cost_chapter(run.recording, run.stack))


def _standing(run: Run) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("system", "resources", "Kubernetes objects", "components", "USD a month"):
        table.add_column(column, justify="left" if column == "system" else "right")
    estimate = estimated(run.recording, run.stack)
    costs = estimate.by_system() if estimate else {}
    for system in run.systems:
        parts = [one for one in run.recording if one.name.startswith(f"{system}-")]
        rendered = sum(one.rendered or one.type.startswith("kubernetes:") for one in parts)
        custom = sum(one.custom for one in parts)
        table.add_row(
            system,
            str(custom - rendered),
            str(rendered),
            str(len(parts) - custom),
            f"{costs.get(system, 0):,.0f}" if estimate else "",
        )
    return table


def outputs_table(outputs: dict[str, Any], *, short: bool = False) -> Table:
    """Every output by its dotted name, but for nodes, which have a table; the values are masked already.

    With `short`, those that people open or look for: addresses, hosts and name servers.
    """
    table = _pairs()
    for name, value in _flat(outputs):
        if not name.endswith(".nodes") and (not short or name.endswith(_LOOKED_FOR)):
            table.add_row(name, value)
    return table


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [row for key in sorted(value) for row in _flat(value[key], f"{name}.{key}" if name else key)]
    return [(name, text(value))]


def _this_run(run: Run) -> Table:
    table = _pairs()
    table.add_row("ran", run.how)
    table.add_row("took", str(run.cost))
    table.add_row("resources", f"{_shown(run.folder)}/resources.json")
    table.add_row(
        "at length",
        f"{_shown(run.folder)}/{{{','.join(CHAPTERS)},outputs}}.txt, or SHOW={'|'.join([*CHAPTERS, 'all'])}",
    )
    table.add_row("as a page", f"{_shown(run.folder)}/{FILE}: pictures, tables, search; it asks nothing of any network")
    table.add_row("manifests", f"{_shown(run.folder)}/manifests/ ({_manifests(run.folder)})")
    if run.stood_in:
        names = ", ".join(one.removeprefix(f"{run.project}:") for one in run.stood_in)
        table.add_row("stand-ins", f"made-up values for {names}: secrets that the rehearsal cannot read")
    return table


def _manifests(folder: Path) -> str:
    count = len(list((folder / "manifests").rglob("*.yaml")))
    return f"{count} Kubernetes objects" if count else "no Kubernetes objects in this stack"


def _shown(folder: Path) -> str:
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)


def _pairs() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _heading(console: Console, title: str) -> None:
    console.print()
    console.print(Rule(Text(title, "bold"), align="left", style="dim"))


def print_failure(console: Console, title: str, message: str) -> None:
    """An error for people: what happened, then one line per cause."""
    console.print(f"[bold red]{escape(title)}[/]")
    console.print(message, markup=False, highlight=False, soft_wrap=True)
