"""What the policies say of a stack: what they found, what is exempted until when, and what to tidy up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from policy.run import Finding, Judgement
from rehearsal.report.saved import Masker

_COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
_SUMMARISED = 8


class PoliciesBroken(Exception):
    """Mandatory rules are broken; the message has one line for each finding and one for its remedy."""

    def __init__(self, judgement: Judgement, mask: Masker) -> None:
        lines = [
            f"{one.rule.name} ({one.rule.severity}), {one.where}: {mask(one.message)}{_once(one)}\n  {one.rule.remedy}"
            for one in judgement.stopping
        ]
        last = "Mend them, or exempt them in policy/exemptions.yaml with a reason and an end (docs/policies.md)."
        super().__init__("\n".join([*lines, last]))


def policies_chapter(judgement: Judgement, mask: Masker, rules: int) -> RenderableType:
    """The chapter: a sentence, the findings, the exemptions that hold, those to remove or renew."""
    parts: list[RenderableType] = [Text(_sentence(judgement, rules))]
    if judgement.open:
        parts.append(_findings(judgement, mask))
    if judgement.exempted:
        parts.append(_exempted(judgement))
    parts.extend(Text(line, "yellow") for line in _stale(judgement))
    return Group(*parts)


def policies_summary(judgement: Judgement, mask: Masker, rules: int) -> RenderableType:
    """A sentence, and what is open, what stops first: the rest is in the chapter."""
    found = sorted(judgement.open, key=lambda one: not one.stops)
    shown = [
        f"{one.rule.name}{'' if one.stops else ' (advice)'}, {one.where}: {mask(one.message)}"
        for one in found[:_SUMMARISED]
    ]
    more = len(found) - len(shown)
    lines = [*shown, *([f"and {more} more"] if more else []), *_stale(judgement)]
    return Group(Text(_sentence(judgement, rules)), *(Text(line, "yellow") for line in lines))


def _sentence(judgement: Judgement, rules: int) -> str:
    stopping = len(judgement.stopping)
    advising = len(judgement.open) - stopping
    said = [
        f"{stopping} {'finding stops' if stopping == 1 else 'findings stop'}",
        f"{advising} {'advises' if advising == 1 else 'advise'}",
        f"{len(judgement.exempted)} {'is' if len(judgement.exempted) == 1 else 'are'} exempted",
    ]
    unsaid = f"; {len(judgement.undecided)} cannot be said yet" if judgement.undecided else ""
    return f"{rules} rules: {', '.join(said)}{unsaid}"


def _findings(judgement: Judgement, mask: Masker) -> Table:
    table = _table("severity", "rule", "resource", "what is wrong, and how to mend it")
    for one in judgement.open:
        severity = Text(one.rule.severity, _COLOURS[one.rule.severity])
        level = "" if one.stops else " (advice)"
        said = Text.assemble(f"{mask(one.message)}{_once(one)}", ("\n" + one.rule.remedy, "dim"))
        table.add_row(severity, one.rule.name + level, one.where, said)
    return table


def _exempted(judgement: Judgement) -> Table:
    table = _table("exempted", "rule", "until", "why")
    groups = Counter(
        (one.exemption.expires, one.rule.name, one.exemption.reason) for one in judgement.exempted if one.exemption
    )
    for (expires, rule, reason), count in sorted(groups.items()):
        table.add_row(f"{count} ×", rule, str(expires), reason)
    return table


def _stale(judgement: Judgement) -> Iterator[str]:
    for one in judgement.stale:
        yield f"exemption of {one.exemption.resource} from {one.exemption.rule}: {one.why}"


def _once(finding: Finding) -> str:
    return f" (exempted until {finding.expired.expires})" if finding.expired else ""


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place in (0, 1))
    return table
