"""What a preview says, apart from how it is shown: sections of entries, the dangers first."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from rehearsal.preview.comparison import Change, Comparison, Kind, Property
from rehearsal.preview.cost import MOST, CostOfChange, cost_of
from rehearsal.preview.dangers import dangers_of
from rehearsal.preview.dangers.model import TITLES, Danger, listed, quoted
from rehearsal.preview.replacement import is_known
from rehearsal.preview.snapshot import Finding, Resource
from rehearsal.preview.values import ABSENT, Sealed, decoded, differences
from rehearsal.report.facts import MASK

_TOGETHER = 4
_CONTEXT = 3


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing to say. `head` and `details` are texts with quoted values; `diff` is shown literally."""

    head: str
    details: tuple[str, ...] = ()
    diff: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Entries under a title. An `open` one is read by everybody, the others by whoever wants to know."""

    title: str
    entries: tuple[Entry, ...]
    open: bool = False
    level: int = 3


@dataclass(frozen=True, kw_only=True)
class Totals:
    """A stack in numbers."""

    stack: str
    dangers: int = 0
    added: int = 0
    changed: int = 0
    replaced: int = 0
    removed: int = 0
    unchanged: int = 0
    findings: int = 0
    cost: CostOfChange | None = None
    trouble: bool = False


@dataclass(frozen=True, kw_only=True)
class Page:
    """The whole preview."""

    base: str
    totals: tuple[Totals, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()

    @property
    def has_danger(self) -> bool:
        return any(total.dangers for total in self.totals)

    @property
    def has_trouble(self) -> bool:
        return any(total.trouble for total in self.totals)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A stack that cannot be compared, and why."""

    stack: str
    message: str


def page_of(base: str, comparisons: Sequence[Comparison], troubles: Sequence[Trouble], notes: Sequence[str]) -> Page:
    """The page: troubles, dangers and findings of all stacks, then each stack's changes."""
    dangers = {one.stack: dangers_of(one) for one in comparisons}
    costs = {one.stack: cost_of(one) for one in comparisons}
    sections = [
        *_trouble_sections(troubles),
        *_danger_sections(dangers),
        *_finding_sections(comparisons),
        Section(title="What it costs a month, by estimate", entries=tuple(_cost_entries(costs)), open=True),
        *(section for one in comparisons for section in _stack_sections(one)),
    ]
    totals = [_totals(one, dangers[one.stack], costs[one.stack]) for one in comparisons]
    totals += [Totals(stack=one.stack, trouble=True) for one in troubles]
    return Page(
        base=base,
        totals=tuple(sorted(totals, key=lambda total: total.stack)),
        sections=tuple(section for section in sections if section.entries),
        notes=tuple(notes),
    )


def _totals(comparison: Comparison, dangers: Sequence[Danger], cost: CostOfChange | None) -> Totals:
    return Totals(
        stack=comparison.stack,
        dangers=len(dangers),
        added=len(comparison.of(Kind.ADD)),
        changed=len(comparison.of(Kind.UPDATE)),
        replaced=len(comparison.of(Kind.REPLACE)),
        removed=len(comparison.of(Kind.REMOVE)),
        unchanged=comparison.unchanged,
        findings=len(comparison.findings),
        cost=cost,
    )


def _trouble_sections(troubles: Sequence[Trouble]) -> Iterator[Section]:
    for one in troubles:
        first, _, rest = one.message.partition("\n")
        yield Section(title=f"{one.stack} is not compared", entries=(Entry(head=first, diff=rest),), open=True)


# Dangers and findings


def _danger_sections(dangers: Mapping[str, Sequence[Danger]]) -> Iterator[Section]:
    """One section per rank; the same danger in several stacks or of several resources is said once."""
    for rank, title in TITLES.items():
        said: dict[tuple[str, ...], dict[str, list[str]]] = {}
        places: dict[tuple[str, ...], tuple[int, str]] = {}
        for stack, found in dangers.items():
            for one in (one for one in found if one.rank is rank):
                words = (one.what, one.why, one.remedy, kind(one.resource))
                said.setdefault(words, {}).setdefault(one.resource.name, []).append(stack)
                places[words] = min(places.get(words, (one.order, one.resource.name)), (one.order, one.resource.name))
        entries = tuple(_danger_entry(words, said[words]) for words in sorted(said, key=lambda words: places[words]))
        yield Section(title=f"In danger: {title}", entries=entries, open=True)


def _danger_entry(said: tuple[str, ...], resources: Mapping[str, Sequence[str]]) -> Entry:
    what, why, remedy, of = said
    stacks = sorted({stack for found in resources.values() for stack in found})
    return Entry(
        head=f"{', '.join(stacks)}: {listed(sorted(resources))} ({quoted(of)}): {what}",
        details=(f"Why: {why}.", f"Remedy: {remedy}."),
    )


def _finding_sections(comparisons: Sequence[Comparison]) -> Iterator[Section]:
    for title, is_open in (("New policy findings", True), ("Policy findings that are gone", False)):
        found: dict[Finding, list[str]] = defaultdict(list)
        for comparison in comparisons:
            for one in comparison.findings if is_open else comparison.findings_gone:
                found[replace(one, resource=one.resource.partition("/")[2])].append(comparison.stack)
        ordered = sorted(
            found.items(), key=lambda item: (not item[0].mandatory, item[0].rule, item[0].resource, item[0].message)
        )
        yield Section(title=title, entries=tuple(_finding_entry(*item) for item in ordered), open=is_open)


def _finding_entry(one: Finding, stacks: Sequence[str]) -> Entry:
    weight = "stops the deployment" if one.mandatory else "advice"
    weight = f"exempt until {quoted(one.exempt_until)}" if one.exempt_until else weight
    return Entry(
        head=f"{', '.join(stacks)}: {quoted(one.resource)}: {quoted(one.message)}",
        details=(f"Rule {quoted(one.rule)} ({quoted(one.severity)}, {weight}). Remedy: {quoted(one.remedy)}",),
    )


# Cost


def _cost_entries(costs: Mapping[str, CostOfChange | None]) -> Iterator[Entry]:
    """What changes it in each stack, the dearest first."""
    for stack, cost in sorted(costs.items()):
        if cost is None or not cost.changes:
            continue
        said = [
            f"{signed(one.usd)}: {quoted(one.resource.name)} ({quoted(kind(one.resource))})"
            for one in cost.changes[:MOST]
        ]
        rest = cost.changes[MOST:]
        if rest:
            said.append(f"{signed(sum(one.usd for one in rest))}: {len(rest)} more")
        said += [f"Not counted: {quoted(one)}" for one in cost.unpriced]
        yield Entry(
            head=f"{stack}: {money(cost.before)} → {money(cost.after)} ({signed(cost.usd)})", details=tuple(said)
        )


def money(usd: float) -> str:
    """US dollars, whole ones."""
    return f"${usd:,.0f}"


def spent(total: Totals) -> str:
    """What the stack costs a month, before and after where it changes."""
    if total.cost is None:
        return "not known"
    after = money(total.cost.after)
    return f"{money(total.cost.before)} → {after}" if total.cost.changes else after


def signed(usd: float) -> str:
    """A difference in US dollars, to the cent where it is small."""
    digits = 0 if abs(usd) >= 10 else 2
    return f"{'−' if usd < 0 else '+'}${abs(usd):,.{digits}f}"


# Changes


def _stack_sections(comparison: Comparison) -> Iterator[Section]:
    common = _common(comparison)
    of = {kind_: comparison.of(kind_) for kind_ in Kind}
    stack = comparison.stack
    yield Section(
        title=f"{stack}: replaced", entries=tuple(_changed(comparison, of[Kind.REPLACE], frozenset())), open=True
    )
    yield Section(title=f"{stack}: removed", entries=tuple(map(_whole, of[Kind.REMOVE])), open=True)
    yield Section(title=f"{stack}: the same change on many resources", entries=tuple(_common_entries(common)))
    yield Section(title=f"{stack}: changed", entries=tuple(_changed(comparison, of[Kind.UPDATE], frozenset(common))))
    yield Section(title=f"{stack}: added", entries=tuple(_whole(one, comparison) for one in of[Kind.ADD]))
    yield Section(title=f"{stack}: renamed, and nothing else", entries=tuple(map(_renamed, comparison.renamed)))
    yield Section(title=f"{stack}: outputs", entries=tuple(Entry(head=_step(one)) for one in comparison.outputs))


Said = tuple[str, str, str]


def _said(one: Property) -> Said:
    return one.path, shown(one.old), shown(one.new)


def _common(comparison: Comparison) -> dict[Said, list[tuple[Property, Resource]]]:
    """The updates that many resources share, each with these resources."""
    found: dict[Said, list[tuple[Property, Resource]]] = defaultdict(list)
    for change in comparison.of(Kind.UPDATE):
        for one in change.properties:
            if not isinstance(one.old, Sealed) and not isinstance(one.new, Sealed):
                found[_said(one)].append((one, change.resource))
    return {said: shared for said, shared in found.items() if len(shared) >= _TOGETHER}


def _common_entries(common: Mapping[Said, Sequence[tuple[Property, Resource]]]) -> Iterator[Entry]:
    for shared in common.values():
        kinds = Counter(kind(resource) for _, resource in shared)
        counted = listed(
            f"{count} {name}" for name, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
        )
        yield Entry(
            head=f"{_step(shared[0][0])} on {len(shared)} resources",
            details=(f"{counted}: {listed(resource.name for _, resource in shared)}",),
        )


def _changed(comparison: Comparison, changes: Iterable[Change], common: frozenset[Said]) -> Iterator[Entry]:
    for change in changes:
        own = [one for one in change.properties if _said(one) not in common]
        if not own:
            continue
        resource = change.resource
        head = f"{quoted(resource.name)} ({quoted(kind(resource))})"
        if not is_known(resource.type):
            head += ": whether this type is replaced is not known here"
        if resource.type.startswith("kubernetes:") and change.old and change.new:
            options = tuple(_step(one) for one in own if one.path.startswith("options."))
            yield Entry(head=head, details=options, diff=_yaml_diff(change, comparison))
        else:
            yield Entry(
                head=head,
                details=tuple(_step(one) for one in own if not _is_text(one)),
                diff="\n".join(_text_diff(one) for one in own if _is_text(one)),
            )


def _whole(change: Change, comparison: Comparison | None = None) -> Entry:
    """An added or removed resource; an added one with its inputs."""
    resource = change.resource
    head = f"{quoted(resource.name)} ({quoted(kind(resource))})"
    if change.twin and change.twin.name != resource.name:
        head += (
            f", which was {quoted(change.twin.name)}" if change.new else f", which is {quoted(change.twin.name)} now"
        )
    if comparison is None:
        return Entry(head=head)
    if change.twin:
        return Entry(
            head=head, details=tuple(map(_step, _since(change.twin, resource, comparison))) or ("with the same inputs",)
        )
    return Entry(head=head, diff=_prefixed("+", _yaml(comparison.new_references.readable(resource.inputs))))


def _since(was: Resource, now: Resource, comparison: Comparison) -> Iterator[Property]:
    """What is different about a resource that goes on under another name."""
    before, after = comparison.old_references.readable(was.inputs), comparison.new_references.readable(now.inputs)
    return (Property(path=one.path, old=one.old, new=one.new) for one in differences(before, after))


def _renamed(pair: tuple[Resource, Resource]) -> Entry:
    was, now = pair
    what = (
        f"{quoted(was.name)} → {quoted(now.name)}"
        if was.name != now.name
        else f"{quoted(now.name)}: under another parent"
    )
    return Entry(head=f"{what} ({quoted(kind(now))}), by its alias")


def _step(one: Property) -> str:
    """`path` old → new; of lists of plain values, what came and what went."""
    replaces = ": this replaces it" if one.forces else ""
    if isinstance(one.old, list) and isinstance(one.new, list):
        gone, fresh = [v for v in one.old if v not in one.new], [v for v in one.new if v not in one.old]
        said = [f"+ {listed(map(shown, fresh))}"] if fresh else []
        said += [f"− {listed(map(shown, gone))}"] if gone else []
        return f"{quoted(one.path)} {' '.join(said) or 'in another order'}{replaces}"
    return f"{quoted(one.path)} {quoted(shown(one.old))} → {quoted(shown(one.new))}{replaces}"


def shown(value: Any) -> str:
    """A value in one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case Sealed():
            return MASK
        case Mapping() | list():
            return yaml.dump(
                _plain(value), Dumper=yaml.CSafeDumper, default_flow_style=True, width=10_000, allow_unicode=True
            ).strip()
        case _:
            return str(value)


def _is_text(one: Property) -> bool:
    """Whether it is better read line by line: scripts, configuration files, user data."""
    return any(isinstance(text := decoded(value), str) and "\n" in text for value in (one.old, one.new))


def _text_diff(one: Property) -> str:
    old, new = (
        "" if value is ABSENT or isinstance(value, Sealed) else str(decoded(value)) for value in (one.old, one.new)
    )
    return _diff(old, new, one.path)


def _yaml_diff(change: Change, comparison: Comparison) -> str:
    if change.old is None or change.new is None:
        return ""
    replaced = frozenset(one.resource.urn for one in comparison.of(Kind.REPLACE))
    old = _yaml(comparison.old_references.readable(change.old.inputs))
    return _diff(old, _yaml(comparison.new_references.readable(change.new.inputs, replaced)), "")


def _diff(old: str, new: str, name: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, n=_CONTEXT, lineterm=""))
    return "\n".join(lines if name else lines[2:])


def _prefixed(sign: str, text: str) -> str:
    return "\n".join(f"{sign} {line}" for line in text.splitlines())


def _yaml(value: Any) -> str:
    return yaml.dump(_plain(value), Dumper=yaml.CSafeDumper, allow_unicode=True, width=110, default_flow_style=False)


def _plain(value: Any) -> Any:
    match value:
        case Sealed():
            return MASK
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case str():
            return decoded(value)
        case _:
            return value


def kind(resource: Resource) -> str:
    """The type as people say it: `rds:Instance`, `StatefulSet`."""
    package, module, name = resource.type.split(":")[:3]
    return f"{module.split('/')[0]}:{name}" if package == "aws" else name
