"""What a stack must not share with the others of its account: their files lie beside its own (docs/third-stack.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import yaml

OWN = (
    "wealist.domain",
    "wealist.bucket_prefix",
    "eco2.domain",
    "eco2.bucket_prefix",
    "exchange.bucket_prefix",
    "gateway_lab.bucket_prefix",
    "gateway_lab.tokens.issuer",
    "gateway_lab.tokens.keys",
    "immersiverse.bucket_prefix",
    "delivery.secrets_key",
)
"""Keys whose values are one stack's alone; of a mapping, each of its values."""
NETWORKS = ("wealist.network.cidr", "eco2.network.cidr")
"""Keys of addresses, none of which may be another stack's too."""

Sections = Mapping[str, Any]


def shared(stack: str, sections: Sections, project: str, root: Path) -> Iterator[str]:
    """A sentence for each value that another stack of the same account has too; files that cannot be read say nothing."""
    account, systems = _at(sections, "platform.account"), _at(sections, "platform.systems") or []
    if not account:
        return
    for path in sorted(root.glob("Pulumi.*.yaml")):
        other = path.name.split(".")[1]
        if other == stack:
            continue
        theirs = _sections(path, project)
        if _at(theirs, "platform.account") != account:
            continue
        built = [system for system in systems if system in (_at(theirs, "platform.systems") or [])]
        for key in OWN:
            if key.split(".")[0] in built and (both := _values(sections, key) & _values(theirs, key)):
                yield f"{key}: {_shown(both)} is {other}'s too, in the same account; give {stack} its own (docs/third-stack.md)"
        for key in NETWORKS:
            for block in _overlapping(sections, theirs, key):
                yield (
                    f"{key}: {_at(sections, key)!r} overlaps with {other}'s {block}, in the same account; "
                    f"give {stack} addresses of its own (docs/third-stack.md)"
                )


def _overlapping(sections: Sections, theirs: Sections, key: str) -> Iterator[str]:
    own = _network(sections, key)
    for other in NETWORKS:
        block = _network(theirs, other)
        if own and block and own.overlaps(block):
            yield str(block)


def _network(sections: Sections, key: str) -> IPv4Network | None:
    """Of a system that is built; what is no network is the model's to say."""
    if key.split(".", maxsplit=1)[0] not in (_at(sections, "platform.systems") or []):
        return None
    try:
        return IPv4Network(_at(sections, key))
    except (TypeError, ValueError):
        return None


def _values(sections: Sections, key: str) -> set[str]:
    value = _at(sections, key)
    values = value.values() if isinstance(value, Mapping) else [value]
    return {one for one in values if isinstance(one, str)}


def _at(sections: Sections, key: str) -> Any:
    value: Any = sections
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _sections(path: Path, project: str) -> Sections:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    config = content.get("config") if isinstance(content, Mapping) else None
    prefix = f"{project}:"
    return {key.removeprefix(prefix): value for key, value in (config or {}).items() if str(key).startswith(prefix)}


def _shown(values: set[str]) -> str:
    return ", ".join(repr(value if len(value) <= 60 else f"{value[:20]}…") for value in sorted(values))
