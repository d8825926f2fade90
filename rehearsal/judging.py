"""What the policies say of a stack that was rehearsed, or of one that was saved."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from policy.catalog import ALL_RULES, NAMES
from policy.exemptions import Exemption, load_exemptions
from policy.rules.model import Resource
from policy.run import Judgement, judge
from rehearsal.recording import Registered
from rehearsal.values import UNKNOWN, Props, Secret


class Known(Protocol):
    """What a registration and one of a saved snapshot both say of a resource."""

    @property
    def urn(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def parent(self) -> str: ...
    @property
    def protect(self) -> bool: ...


def seen_as(one: Known, props: dict[str, Any], outputs: dict[str, Any], id_: str) -> Resource:
    """A resource as rules see it: its id, if it has one, is among its outputs."""
    return Resource(
        urn=one.urn,
        type=one.type,
        name=one.name,
        parent=one.parent,
        protect=one.protect,
        props=props,
        outputs={**outputs, "id": id_} if id_ else outputs,
    )


def seen_by_rules(registered: Iterable[Registered]) -> list[Resource]:
    """Registered resources as rules see them: secrets opened, numbers and texts as they are."""
    return [seen_as(one, _plain(one.inputs), _plain(one.outputs), one.id) for one in registered]


def seen_by_rules_in(path: Path) -> list[Resource]:
    """The resources of a saved `resources.json`; its secrets are masked, which no rule minds."""
    return [
        seen_as(SimpleNamespace(**one), one["inputs"], one["outputs"], one["id"])
        for one in json.loads(path.read_text())["resources"]
    ]


def judged(
    resources: Iterable[Resource], exemptions: Iterable[Exemption] | None = None, today: date | None = None
) -> Judgement:
    """All rules on them, with the project's exemptions and as of today where nothing else is given."""
    return judge(
        resources,
        rules=ALL_RULES,
        exemptions=tuple(load_exemptions(NAMES) if exemptions is None else exemptions),
        today=today or date.today(),
    )


def _plain(values: Props) -> dict[str, Any]:
    return {key: _opened(value) for key, value in values.items()}


def _opened(value: Any) -> Any:
    match value:
        case Secret():
            return _opened(value.value)
        case dict():
            return {key: _opened(item) for key, item in value.items()}
        case list() | tuple():
            return [_opened(item) for item in value]
        case _ if value is UNKNOWN:
            from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

            return UNKNOWN_STRING_VALUE
        case _:
            return value
