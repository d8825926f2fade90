"""Two snapshots of a stack compared as the engine would: what it creates, updates, replaces and deletes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rehearsal.preview.references import References
from rehearsal.preview.replacement import forces_replacement
from rehearsal.preview.snapshot import Finding, Resource, Snapshot
from rehearsal.preview.values import Difference, differences, fields

_STACK = "pulumi:pulumi:Stack"


class Kind(StrEnum):
    """What happens to a resource."""

    ADD = "add"
    UPDATE = "update"
    REPLACE = "replace"
    REMOVE = "remove"


@dataclass(frozen=True, kw_only=True)
class Property:
    """An input that changes, as people read it; `forces` says that it replaces the resource."""

    path: str
    old: Any
    new: Any
    forces: bool = False


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens to one resource. `old` is `None` for an added one, `new` for a removed one.

    `twin` is, for a resource that is removed or added, the one that seems to be the same under another name or parent.
    """

    kind: Kind
    old: Resource | None
    new: Resource | None
    properties: tuple[Property, ...] = ()
    twin: Resource | None = None

    @property
    def resource(self) -> Resource:
        """The resource as it will be, or as it was."""
        found = self.new or self.old
        if found is None:
            raise ValueError("a change has a resource")
        return found

    @property
    def forcing(self) -> tuple[Property, ...]:
        return tuple(one for one in self.properties if one.forces)

    @property
    def ends(self) -> bool:
        """Whether the resource as it was will be deleted."""
        return self.kind in (Kind.REPLACE, Kind.REMOVE)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A stack's two sides and what is between them."""

    stack: str
    old: Snapshot
    new: Snapshot
    pairs: Mapping[str, Resource]
    changes: tuple[Change, ...]
    outputs: tuple[Property, ...]
    renamed: tuple[tuple[Resource, Resource], ...]
    unchanged: int
    findings: tuple[Finding, ...]
    findings_gone: tuple[Finding, ...]
    old_references: References
    new_references: References

    def of(self, kind: Kind) -> list[Change]:
        return [change for change in self.changes if change.kind is kind]


def compare(stack: str, old: Snapshot, new: Snapshot) -> Comparison:
    """What the change from `old` to `new` does."""
    pairs = _paired(old, new)
    labels = {before.urn: new.resources[urn].name for urn, before in pairs.items()}
    sides = _Sides(
        References(old, lambda resource: labels.get(resource.urn, resource.name)),
        References(new, lambda resource: resource.name),
        pairs,
    )
    changed = _changed(pairs, new, sides)
    taken = {before.urn for before in pairs.values()}
    gone = [one for one in old if one.urn not in taken and one.custom]
    fresh = [one for one in new if one.urn not in pairs and one.custom]
    changes = [
        *changed.values(),
        *(Change(kind=Kind.REMOVE, old=one, new=None, twin=_twin(one, fresh)) for one in gone),
        *(Change(kind=Kind.ADD, old=None, new=one, twin=_twin(one, gone)) for one in fresh),
    ]
    findings, gone_findings = _findings(
        old, new, [*((was, new.resources[urn]) for urn, was in pairs.items()), *_twins(changes)]
    )
    return Comparison(
        stack=stack,
        old=old,
        new=new,
        pairs=pairs,
        changes=tuple(sorted(changes, key=lambda change: (change.resource.name, change.resource.type, change.kind))),
        outputs=tuple(sides.properties(old.outputs, new.outputs, "", sides.replaced(changed))),
        renamed=tuple((was, new.resources[urn]) for urn, was in sorted(pairs.items()) if was.urn != urn and was.custom),
        unchanged=sum(resource.custom for resource in new) - len(changed) - len(fresh),
        findings=findings,
        findings_gone=gone_findings,
        old_references=sides.old,
        new_references=sides.new,
    )


def _twins(changes: Iterable[Change]) -> Iterator[tuple[Resource, Resource]]:
    """Old and new of what goes on under another name without an alias."""
    return ((one.twin, one.new) for one in changes if one.new and one.twin)


def _findings(
    old: Snapshot, new: Snapshot, same: Iterable[tuple[Resource, Resource]]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Findings that are new, and those that are gone; a resource with another name keeps its findings."""
    names = {now.name: was.name for was, now in same if was.name != now.name}

    def key(one: Finding, known: Mapping[str, str]) -> tuple[str, str, str]:
        stack, _, name = one.resource.partition("/")
        return one.rule, f"{stack}/{known.get(name, name)}", one.message

    found, before = {key(one, names): one for one in new.findings}, {key(one, {}): one for one in old.findings}
    return (
        tuple(found[one] for one in sorted(found.keys() - before.keys())),
        tuple(before[one] for one in sorted(before.keys() - found.keys())),
    )


def _paired(old: Snapshot, new: Snapshot) -> dict[str, Resource]:
    """New URN → the old resource that it goes on with, by its own URN or by an alias."""
    pairs: dict[str, Resource] = {}
    taken: set[str] = set()
    for resource in new:
        found = next(
            (urn for urn in (resource.urn, *_aliases(resource, new)) if urn in old.resources and urn not in taken), None
        )
        if found is not None:
            pairs[resource.urn] = old.resources[found]
            taken.add(found)
    return pairs


def _aliases(resource: Resource, snapshot: Snapshot) -> Iterator[str]:
    """Every URN that the resource may have had: its aliases, and what follows for it from those of its parents."""
    yield from resource.aliases
    parent = snapshot.resources.get(resource.parent)
    if parent is None:
        return
    names = [(resource.name, resource.type)]
    names += [(_name(alias), _type(alias)) for alias in resource.aliases]
    for alias in _aliases(parent, snapshot):
        for name, type_ in names:
            # As the engine does: a child that is named after its parent was named after its parent then.
            was = _name(alias) + name.removeprefix(parent.name) if name.startswith(parent.name) else name
            chain = alias.split("::")[2]
            prefix = "" if chain == _STACK else f"{chain}$"
            yield "::".join([*alias.split("::")[:2], f"{prefix}{type_}", was])


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]


def _type(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]


class _Sides:
    """The two sides' references, and what differs when they are read alike."""

    def __init__(self, old: References, new: References, pairs: Mapping[str, Resource]) -> None:
        self.old, self.new, self._pairs = old, new, pairs

    def replaced(self, changed: Mapping[str, Change]) -> frozenset[str]:
        return frozenset(urn for urn, change in changed.items() if change.kind is Kind.REPLACE)

    def properties(
        self, before: Mapping[str, Any], after: Mapping[str, Any], type_: str, replaced: frozenset[str]
    ) -> Iterator[Property]:
        """The inputs that differ once made-up values are read as references, and those that refer to what is replaced."""
        found = {one.path: one for one in differences(before, after)}
        if replaced:
            touched = (one for one in fields(after) if any(urn in replaced for _, urn in self.new.within(one[1])))
            found = {**{path: Difference(path=path, old=value, new=value) for path, value in touched}, **found}
        for path in sorted(found):
            one = found[path]
            was, now = self.old.readable(one.old), self.new.readable(one.new, replaced)
            if was != now:
                forces = forces_replacement(type_, one.plain_path, before, after)
                yield Property(path=path, old=was, new=now, forces=forces)

    def needs_a_look(self, before: Resource, after: Resource, replaced: frozenset[str]) -> bool:
        """Whether the inputs may differ: they do as they are, or they refer to a resource that is replaced."""
        if before.inputs != after.inputs:
            return True
        return bool(replaced) and any(urn in replaced for _, urn in self.new.within(after.inputs))


def _changed(pairs: Mapping[str, Resource], new: Snapshot, sides: _Sides) -> dict[str, Change]:
    """The changes of resources that go on; what a replacement does to those that refer to it is followed to its end."""
    replaced: frozenset[str] = frozenset()
    while True:
        changed = {
            urn: change
            for urn, before in pairs.items()
            if before.custom and (change := _change(before, new.resources[urn], sides, replaced))
        }
        further = sides.replaced(changed)
        if further == replaced:
            return changed
        replaced = further


def _change(before: Resource, after: Resource, sides: _Sides, replaced: frozenset[str]) -> Change | None:
    found = [*_options(before, after)]
    if sides.needs_a_look(before, after, replaced):
        found += [
            one
            for one in sides.properties(before.inputs, after.inputs, after.type, replaced)
            if not _is_ignored(one, after)
        ]
    if not found:
        return None
    kind = Kind.REPLACE if any(one.forces for one in found) else Kind.UPDATE
    return Change(kind=kind, old=before, new=after, properties=tuple(found))


def _options(before: Resource, after: Resource) -> Iterator[Property]:
    """What changes of the resource's options, by the names that a program gives them; they are not sent to the cloud."""
    steps = {
        "provider": (_name_of_provider(before), _name_of_provider(after)),
        "protect": (before.protect, after.protect),
        "retainOnDelete": (before.retain_on_delete, after.retain_on_delete),
    }
    for name, (was, now) in steps.items():
        if was != now:
            yield Property(path=f"options.{name}", old=was, new=now)


def _name_of_provider(resource: Resource) -> str:
    """Without its id, which changes with every configuration; the default provider has no name."""
    name = resource.provider.rsplit("::", 1)[-1]
    return "" if name.startswith("default") else name


def _is_ignored(one: Property, resource: Resource) -> bool:
    difference = Difference(path=one.path, old=one.old, new=one.new)
    return any(
        path in (one.path, difference.plain_path, difference.top) or difference.plain_path.startswith(f"{path}.")
        for path in resource.ignore_changes
    )


def _twin(resource: Resource, others: list[Resource]) -> Resource | None:
    """Among others, the resource that seems to be this one under another name or parent."""
    same = [one for one in others if one.type == resource.type]
    by_name = [one for one in same if _physical(one) and _physical(one) == _physical(resource)]
    by_logical = [one for one in same if one.name == resource.name]
    found = by_name or by_logical or [one for one in same if _likeness(one, resource) >= _ALIKE]
    return max(found, key=lambda one: (_likeness(one, resource), one.urn)) if found else None


_ALIKE = 0.8
_PHYSICAL = ("identifier", "replicationGroupId", "bucket", "name", "metadata")


def _physical(resource: Resource) -> Any:
    """The name in the cloud."""
    found = next((resource.inputs[key] for key in _PHYSICAL if resource.inputs.get(key)), None)
    return (found.get("namespace"), found.get("name")) if isinstance(found, Mapping) else found


def _likeness(one: Resource, other: Resource) -> float:
    """The share of inputs that are the same."""
    keys = one.inputs.keys() | other.inputs.keys()
    return sum(one.inputs.get(key) == other.inputs.get(key) for key in keys) / len(keys) if keys else 0.0
