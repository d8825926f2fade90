"""IAM documents compared by meaning: who may do what on what, under which conditions, that could not before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from policy.iam_documents import ANYBODY, Statement, statements
from rehearsal.preview.comparison import Change, Comparison
from rehearsal.preview.dangers.model import Danger, Rank, listed, quoted
from rehearsal.preview.dangers.network import contains
from rehearsal.preview.references import References
from rehearsal.preview.snapshot import Resource
from rehearsal.preview.values import opened

_ROLE, _ATTACHMENT = "aws:iam/role:Role", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
_ON_A_ROLE = ("aws:iam/rolePolicy:RolePolicy", _ATTACHMENT)
_WEB_IDENTITY = "sts:assumerolewithwebidentity"


@dataclass
class Widening:
    """What a document allows that the one before it did not."""

    actions: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    principals: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)
    denials: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = [
            (self.principals, "for {}"),
            (self.conditions, "without the condition {}"),
            (self.actions, "the actions {}"),
            (self.resources, "on {}"),
            (self.pairs, "{}"),
            (self.denials, "no longer denied: {}"),
        ]
        return "; ".join(text.format(listed(dict.fromkeys(values))) for values, text in said if values)


def widened_documents(comparison: Comparison) -> Iterator[Danger]:
    """Trust policies, permissions and resource policies that allow more; roles that get further policies."""
    roles = {one.inputs.get("name") or one.id for one in comparison.old if one.type == _ROLE}
    for change in comparison.changes:
        if change.new is None:
            yield from _removed(change, comparison)
        elif change.old is not None or change.twin is not None:
            yield from _changed(change.new, change.old or change.twin, comparison)
        else:
            yield from _added(change.new, roles, comparison)


def documents(resource: Resource, references: References) -> Iterator[tuple[str, tuple[Statement, ...]]]:
    """The policy documents among a resource's inputs; a malformed one allows nothing."""
    for key, value in resource.inputs.items():
        document = opened(value)
        if isinstance(document, Mapping) and "Statement" in document:
            try:
                yield key, statements(references.readable(document))
            except (AttributeError, TypeError, ValueError):
                yield key, ()


def _changed(now: Resource, was: Resource | None, comparison: Comparison) -> Iterator[Danger]:
    if now.type == _ATTACHMENT or was is None:
        return
    before = dict(documents(was, comparison.old_references))
    for key, after in documents(now, comparison.new_references):
        found = widening(before.get(key, ()), after)
        if str(found):
            yield _widened(now, key, found)


def _widened(now: Resource, key: str, found: Widening) -> Danger:
    trust = key == "assumeRolePolicy"
    everybody = any(one.endswith(ANYBODY) and len(one) <= len(f"Federated {ANYBODY}") for one in found.principals)
    return Danger(
        rank=Rank.EXPOSED if everybody else Rank.WIDENED,
        resource=now,
        what=f"{'the trust policy' if trust else quoted(key)} allows more: {found}",
        why="whoever it names can take on the role and all that it may do"
        if trust
        else "no statement before it allowed that",
        remedy="name the principal, and bind it with conditions (account, source, subject and audience)"
        if trust
        else "name the actions and the resources that the task needs, and keep the conditions",
    )


def _added(now: Resource, roles: set[Any], comparison: Comparison) -> Iterator[Danger]:
    references = comparison.new_references
    if now.type in _ON_A_ROLE and now.inputs.get("role") in roles:
        yield _further(now, references)
    for key, document in documents(now, references):
        for statement in (one for one in document if one.allows):
            if _is_open(statement):
                yield _open(now, key, statement)
            elif ANYBODY in statement.actions and ANYBODY in statement.resources and not statement.principals:
                yield _everything(now)


def _further(now: Resource, references: References) -> Danger:
    policy = references.readable(now.inputs.get("policyArn")) if now.type == _ATTACHMENT else None
    granted = [
        action for _, document in documents(now, references) for one in document if one.allows for action in one.actions
    ]
    said = f"the policy {quoted(policy)}" if policy else f"the actions {listed(granted)}"
    return Danger(
        rank=Rank.WIDENED,
        resource=now,
        what=f"the role {quoted(now.inputs.get('role'))}, which exists, gets {said}",
        why="whoever has the role may do that from now on",
        remedy="give it to a role of its own, or say in the pull request who needs it",
    )


def _is_open(statement: Statement) -> bool:
    web = any(action.lower() == _WEB_IDENTITY for action in statement.actions)
    subjects = any(key.endswith(":sub") for _, key, _ in statement.conditions)
    return (statement.is_for_anybody and not statement.conditions) or (web and not subjects)


def _open(now: Resource, key: str, statement: Statement) -> Danger:
    return Danger(
        rank=Rank.EXPOSED,
        resource=now,
        what=f"{quoted(key)} lets anybody do {listed(statement.actions or ['everything'])}",
        why="there is no condition on who asks",
        remedy="name the principal, and bind it with conditions (account, source, subject and audience)",
    )


def _everything(now: Resource) -> Danger:
    return Danger(
        rank=Rank.WIDENED,
        resource=now,
        what=f"it allows every action on every resource ({quoted(ANYBODY)} on {quoted(ANYBODY)})",
        why="whoever has it is an administrator of the account",
        remedy="name the actions and the resources that the task needs",
    )


def _removed(change: Change, comparison: Comparison) -> Iterator[Danger]:
    """With a removed resource policy, what it denied is allowed."""
    was = change.resource
    if change.twin is not None or was.type.startswith("aws:iam/"):
        return
    for key, document in documents(was, comparison.old_references):
        denied = [action for one in document if not one.allows for action in one.actions]
        owner = next((was.inputs[name] for name in ("bucket", "arn", "repository") if was.inputs.get(name)), None)
        if denied and owner in {name for one in comparison.new for name in (one.id, one.inputs.get("bucket"))}:
            yield Danger(
                rank=Rank.WIDENED,
                resource=was,
                what=f"{quoted(key)} is removed, and with it what it denied: {listed(dict.fromkeys(denied))}",
                why="requests that were refused are allowed wherever another policy allows them",
                remedy="keep the policy with its `Deny` statements",
            )


def widening(before: Iterable[Statement], after: Iterable[Statement]) -> Widening:
    """What `after` allows and `before` did not."""
    found = Widening()
    old, new = tuple(before), tuple(after)
    allowed = [one for one in old if one.allows]
    for statement in (one for one in new if one.allows):
        for piece in _pieces(statement):
            if not any(_covers(one, piece) for one in allowed):
                _explain(piece, allowed, found)
    denied = [one for one in new if not one.allows]
    for statement in (one for one in old if not one.allows):
        for piece in _pieces(statement):
            # A denial with fewer conditions denies more: here the new one has to cover the old one.
            if not any(_covers(one, piece) for one in denied):
                found.denials += piece.actions or ("everything else",)
    return found


def _pieces(statement: Statement) -> Iterator[Statement]:
    """The statement as ones with one principal, one action and one resource each."""
    for principal in statement.principals or (None,):
        for action in statement.actions or (None,):
            for resource in statement.resources or (None,):
                yield Statement(
                    **{
                        **vars(statement),
                        "principals": (principal,) if principal else (),
                        "actions": (action,) if action else (),
                        "resources": (resource,) if resource else (),
                    }
                )


def _covers(wide: Statement, piece: Statement) -> bool:
    return _covers_all_but_conditions(wide, piece) and _demands_no_more(wide, piece)


def _covers_all_but_conditions(wide: Statement, piece: Statement) -> bool:
    return (
        _within(piece.actions, piece.not_actions, wide.actions, wide.not_actions)
        and _within(piece.resources, piece.not_resources, wide.resources, wide.not_resources)
        and _within(
            _texts(piece.principals), _texts(piece.not_principals), _texts(wide.principals), _texts(wide.not_principals)
        )
    )


def _within(
    narrow: tuple[str, ...], narrow_not: tuple[str, ...], wide: tuple[str, ...], wide_not: tuple[str, ...]
) -> bool:
    """Whether a choice, by what it names or by what it leaves out, lies in another; the empty one is all there is."""
    if narrow_not:
        return bool(not wide and all(_matches(one, narrow_not) for one in wide_not)) or _names_all(wide)
    if wide_not:
        return bool(narrow) and not any(_touches(one, wide_not) for one in narrow)
    return all(_matches(one, wide) for one in narrow) if wide else not narrow


def _names_all(patterns: tuple[str, ...]) -> bool:
    return any(pattern in (ANYBODY, f"AWS {ANYBODY}") for pattern in patterns)


def _matches(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text.lower(), _literal(pattern)) for pattern in patterns)


def _touches(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text.lower(), _literal(one)) or fnmatchcase(one.lower(), _literal(text)) for one in patterns)


def _literal(pattern: str) -> str:
    """IAM knows `*` and `?`, and no classes of characters."""
    return pattern.lower().replace("[", "[[]")


def _texts(principals: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(f"{kind} {value}" for kind, value in principals)


def _demands_no_more(wide: Statement, piece: Statement) -> bool:
    """Whether each condition of the wide one holds whenever those of the other do."""
    return all(any(_implies(one, condition) for one in piece.conditions) for condition in wide.conditions)


def _implies(one: tuple[str, str, tuple[str, ...]], other: tuple[str, str, tuple[str, ...]]) -> bool:
    (operator, key, values), (wanted, wanted_key, wanted_values) = one, other
    if key != wanted_key or operator.removesuffix("IfExists") != wanted.removesuffix("IfExists"):
        return False
    if operator.endswith("IfExists") and not wanted.endswith("IfExists"):
        return False
    if "Not" in operator:
        return set(wanted_values) <= set(values)
    if "IpAddress" in operator:
        return all(any(contains(wide, value) for wide in wanted_values) for value in values)
    if "Like" in operator:
        return all(any(fnmatchcase(value, wide.replace("[", "[[]")) for wide in wanted_values) for value in values)
    return set(values) <= set(wanted_values)


def _explain(piece: Statement, allowed: list[Statement], found: Widening) -> None:
    """Note what about it is new: a condition that is gone, a principal, an action, a resource, or only the combination."""
    same = [one for one in allowed if _covers_all_but_conditions(one, piece)]
    if same:
        lost = [one for one in same[0].conditions if not any(_implies(has, one) for has in piece.conditions)]
        found.conditions += [f"{operator} {key}: {', '.join(values)}" for operator, key, values in lost]
        return
    fresh = [
        (found.principals, _texts(piece.principals), [_texts(one.principals) for one in allowed], piece.not_principals),
        (found.actions, piece.actions, [one.actions for one in allowed], piece.not_actions),
        (found.resources, piece.resources, [one.resources for one in allowed], piece.not_resources),
    ]
    noted = False
    for notes, values, known, excluded in fresh:
        new = [one for one in values if not any(_matches(one, patterns) for patterns in known)]
        new += [f"everything but {', '.join(map(str, excluded))}"] if excluded else []
        notes.extend(new)
        noted = noted or bool(new)
    if not noted:
        found.pairs.append(" ".join((*piece.actions, "on", *piece.resources, *_texts(piece.principals))))
