"""Versions, instance classes and node types that AWS offers, and in which regions: the table `offers`, from cfn-lint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rehearsal.aws.tables import table
from rehearsal.provider import Rejected
from rehearsal.values import Props

_DATABASE = "aws:rds/instance:Instance"
_CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
_CLASSES = {_DATABASE: "instanceClass", _CACHE: "nodeType"}


def check_offered(token: str, inputs: Props, region: str) -> None:
    """`Rejected` names what AWS does not offer there; of an engine that no system uses there is no list."""
    engine = inputs.get("engine")
    if token not in _CLASSES or engine not in (offers := table("offers")):
        return
    _check("engineVersion", inputs, offers[engine]["versions"], f"a version of {engine}", offers["source"])
    there = _in(offers[engine]["classes"], region)
    _check(_CLASSES[token], inputs, there, f"offered for {engine} in {region}", offers["source"])


def _check(key: str, inputs: Props, allowed: Sequence[str], what: str, source: str) -> None:
    wanted = inputs.get(key)
    if wanted is not None and wanted not in allowed:
        beginning = re.split(r"(?<=\d)\D", str(wanted))[0]
        alike = [one for one in allowed if re.split(r"(?<=\d)\D", one)[0] == beginning]
        raise Rejected(f"{key}: {wanted!r} is not {what}, as {source} lists them: {', '.join(alike or allowed)}")


def _in(classes: dict[str, Any], region: str) -> list[str]:
    """The key of each group are the regions that lack it."""
    return sorted(name for lacking, names in classes.items() if region not in lacking.split() for name in names)
