"""Definitions of kinds, given to a real API server: what it drops of them, Argo CD is told to pass over.

Else their chart is out of step for ever, and every wave after it waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from infra.components.cluster.gitops import DEFINITIONS_DIFFERENCES
from tests.cluster.api_server import ApiServer, api_server
from tests.tools import required_definitions, required_kafka
from tools.definitions import definitions

pytestmark = pytest.mark.verify


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("definitions"), []) as running:
        yield running


def dropped(asked: Any, kept: Any, pointer: str = "") -> Iterator[str]:
    """JSON pointers of what was asked for and is not there."""
    if isinstance(asked, dict) and isinstance(kept, dict):
        for key, value in asked.items():
            here = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in kept:
                yield here
            else:
                yield from dropped(value, kept[key], here)
    elif isinstance(asked, list) and isinstance(kept, list) and len(asked) == len(kept):
        for number, (one, other) in enumerate(zip(asked, kept, strict=True)):
            yield from dropped(one, other, f"{pointer}/{number}")
    elif asked != kept:
        yield pointer


def test_what_is_dropped_of_definitions_is_passed_over(server: ApiServer) -> None:
    """Of every chart's kinds that can be had: from Go modules, and by Strimzi's own generator."""
    passed_over = set(yaml.safe_load(DEFINITIONS_DIFFERENCES)["jsonPointers"])
    found: dict[str, set[str]] = {}
    for one in definitions([required_definitions(), required_kafka() / "crds"]):
        name = one["metadata"]["name"]
        assert server.create(one).status in (201, 409), name
        kept = server.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}").body
        gone = set(dropped(one["spec"], kept["spec"], "/spec"))
        if gone:
            found[name] = gone
    assert {name: gone - passed_over for name, gone in found.items() if gone - passed_over} == {}
    assert passed_over <= {pointer for gone in found.values() for pointer in gone} | {"/spec/preserveUnknownFields"}
