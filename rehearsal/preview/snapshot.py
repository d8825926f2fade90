"""What the program of one side registered, in a form that two processes and two commits understand alike.

It holds no secret: a `Sealed` value stands for one, and tells only whether it is another one than before.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rehearsal.preview.values import Sealed, leaves
from rehearsal.recording import Recording, Registered
from rehearsal.report.saved import Masker
from rehearsal.values import Secret, reveal
from rehearsal.whole_file import write_whole

_SEALED = "sealed\u0000"
_NO_ID = re.compile(r"\d+|[a-z]{2}(-[a-z]+)+-\d[a-z]?|none")
_NAMING = ("name", "bucket", "identifier", "replicationGroupId", "domainName", "key", "deploymentGroupName")
_IS_ID = re.compile(r"(?=.*\d)\S{8,}")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registration. `inputs` and `outputs` are plain, but for `Sealed` secrets.

    Not a `Registered`: this is what the file holds, which another commit reads, and it keeps its fields when that one gets others.
    """

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    provider: str
    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    ignore_changes: tuple[str, ...]
    aliases: tuple[str, ...]
    id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    @cached_property
    def made_up(self) -> tuple[tuple[str, str], ...]:
        """The outputs, and the id, that do not follow from the inputs, by their names: a replacement has others."""
        return tuple(_made_up(self)) if self.custom else ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a policy rule says of a resource, named with its stack: `prod/wealist-database-instance`."""

    rule: str
    resource: str
    message: str
    severity: str
    mandatory: bool
    remedy: str
    exempt_until: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A stack as its program registered it, what it exports, and what the policies find in it."""

    resources: Mapping[str, Resource]
    outputs: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources.values())


EMPTY = Snapshot(resources={}, outputs={})
"""A stack that is not there."""


def taken(recording: Recording, configured: Iterable[str] = (), findings: Iterable[Finding] = ()) -> Snapshot:
    """The snapshot of a recording; `configured` are the texts of secrets from the stack's file."""
    mask = Masker(recording, configured)
    return Snapshot(
        resources={one.urn: _resource(one, mask) for one in recording},
        outputs=_sealed(recording.stack_outputs, mask),
        findings=tuple(replace(one, message=str(mask(one.message))) for one in findings),
    )


def save(path: Path, snapshot: Snapshot) -> None:
    """Write it, whole or not at all, for this user's eyes."""
    content = {
        "resources": [
            {**asdict(one), "inputs": _dumped(one.inputs), "outputs": _dumped(one.outputs)}
            for one in snapshot.resources.values()
        ],
        "outputs": _dumped(snapshot.outputs),
        "findings": [asdict(one) for one in snapshot.findings],
    }
    write_whole(path, json.dumps(content, ensure_ascii=False), mode=0o600)


def load(path: Path) -> Snapshot:
    """Read what `save` wrote."""
    content = json.loads(path.read_text())
    resources = (_loaded_resource(one) for one in content["resources"])
    return Snapshot(
        resources={one.urn: one for one in resources},
        outputs=_loaded(content["outputs"]),
        findings=tuple(Finding(**one) for one in content["findings"]),
    )


def _resource(one: Registered, mask: Masker) -> Resource:
    secret_outputs = {key for key, value in one.inputs.items() if isinstance(value, Secret)}
    outputs = {key: Secret(value) if key in secret_outputs else value for key, value in one.outputs.items()}
    return Resource(
        urn=one.urn,
        type=one.type,
        name=one.name,
        parent=one.parent,
        custom=one.custom,
        provider=one.provider.rsplit("::", 1)[0],
        protect=one.protect,
        retain_on_delete=one.retain_on_delete,
        delete_before_replace=one.delete_before_replace,
        ignore_changes=one.ignore_changes,
        aliases=one.aliases,
        id=str(mask(one.id)),
        inputs=_sealed(one.inputs, mask),
        outputs=_sealed(outputs, mask) if one.custom else {},
    )


def _sealed(value: Any, mask: Masker) -> Any:
    match value:
        case Secret():
            return Sealed(hashlib.sha256(json.dumps(reveal(value), default=repr).encode()).hexdigest()[:16])
        case dict():
            return {str(key): _sealed(item, mask) for key, item in value.items()}
        case list() | tuple():
            return [_sealed(item, mask) for item in value]
        case None | bool() | int() | float():
            return value
        case _:
            return mask(str(value))


def _dumped(value: Any) -> Any:
    match value:
        case Sealed():
            return _SEALED + value.digest
        case Mapping():
            return {key: _dumped(item) for key, item in value.items()}
        case list():
            return [_dumped(item) for item in value]
        case _:
            return value


def _loaded(value: Any) -> Any:
    match value:
        case str() if value.startswith(_SEALED):
            return Sealed(value.removeprefix(_SEALED))
        case dict():
            return {key: _loaded(item) for key, item in value.items()}
        case list():
            return [_loaded(item) for item in value]
        case _:
            return value


def _loaded_resource(content: dict[str, Any]) -> Resource:
    tuples = {key: tuple(content[key]) for key in ("ignore_changes", "aliases")}
    plain = {"inputs": _loaded(content["inputs"]), "outputs": _loaded(content["outputs"])}
    return Resource(**{**content, **tuples, **plain})


def _made_up(resource: Resource) -> Iterator[tuple[str, str]]:
    given = {leaf for _, leaf in leaves(resource.inputs) if isinstance(leaf, str)}
    names = tuple(name for key in _NAMING if isinstance(name := resource.inputs.get(key), str) and name)
    answered = {key: value for key, value in resource.outputs.items() if key not in resource.inputs}
    for key, value in (("id", resource.id), *leaves(answered)):
        is_id = isinstance(value, str) and _IS_ID.fullmatch(value) and not _NO_ID.fullmatch(value)
        if is_id and value not in given and not value.endswith(names):
            yield key, value
