"""A copy of dev's file, edited as the page of a third stack says: it stands beside dev and prod, and shares nothing with them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.stacks import ACCOUNT, REGION, ROOT, changed_stack, program, stack_file

PAGE = (ROOT / "docs/third-stack.md").read_text()
KEYS = "gateway_lab.tokens.keys"
ROWS = {row[1]: row[2] for row in re.finditer(r"^\| `([^`]+)` \| `?([^|`]+)`? \| [^|]+ \|$", PAGE, re.MULTILINE)}
NAMING = ("bucket", "clusterId", "domainName", "identifier", "name", "replicationGroupId")
"""Inputs by which AWS knows something, where its ARN does not say it."""

Shared = set[tuple[str, str]]


def own_key() -> dict[str, str]:
    number = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key().public_numbers().n
    return {"staging-1": base64.urlsafe_b64encode(number.to_bytes(256)).rstrip(b"=").decode()}


EDITS: Mapping[str, Any] = {**ROWS, KEYS: own_key()}


def configured(key: str) -> list[str]:
    """What dev has there: one value, or each of a mapping."""
    section, *path = key.split(".")
    value = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"][f"edge-platform:{section}"]
    for part in path:
        value = value[part]
    return list(value.values()) if isinstance(value, dict) else [value]


def stood(folder: Path, edits: Mapping[str, Any]) -> Recording:
    """The copy, under its own name, in an empty account."""
    changed_stack(folder, "dev", dict(edits))
    (folder / "Pulumi.dev.yaml").rename(folder / "Pulumi.staging.yaml")
    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder / "manifests") as cloud:
        recording = run(program, stack_file("staging", folder), cloud)
    assert recording.failures == ()
    return recording


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return stood(tmp_path_factory.mktemp("edited"), EDITS)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return stood(tmp_path_factory.mktemp("unedited"), {})


def physical(recording: Recording) -> Shared:
    """What AWS knows each resource by: type, and the ARN or the name that was asked for."""

    def of_each() -> Iterator[tuple[str, str]]:
        for one in recording:
            if one.custom and one.type.startswith("aws:"):
                for name in (one.outputs.get("arn"), *(one.get(key) for key in NAMING)):
                    if isinstance(name, str):
                        yield one.type, name

    return set(of_each())


def text(recording: Recording) -> str:
    return "\n".join(json.dumps(reveal(one.inputs), default=str) for one in recording)


def test_the_page_names_keys_that_dev_has() -> None:
    assert len(ROWS) == 12
    assert all(chain.from_iterable(map(configured, ROWS)))


@pytest.mark.parametrize("other", ["dev", "prod"])
def test_it_shares_no_name_with_another_stack_of_the_account(
    staging: Recording, other: str, request: pytest.FixtureRequest
) -> None:
    there = physical(request.getfixturevalue(other))
    assert len(there) > 400
    assert physical(staging) & there == set()


@pytest.mark.parametrize("other", ["dev", "prod"])
def test_its_addresses_are_no_other_stacks(staging: Recording, other: str, request: pytest.FixtureRequest) -> None:
    theirs = [ip_network(one["cidrBlock"]) for one in request.getfixturevalue(other).of("Vpc")]
    own = [ip_network(one["cidrBlock"]) for one in staging.of("Vpc")]
    assert len(own) == len(theirs) == 2
    assert not [(a, b) for a in own for b in theirs if a.overlaps(b)]


@pytest.mark.parametrize("key", ROWS)
def test_nothing_of_devs_is_left_by_an_edit_and_something_is_without(
    staging: Recording, copy: Recording, key: str
) -> None:
    for value in configured(key):
        assert not re.search(rf"(?<![\w.-]){re.escape(value)}", text(staging)), key
        assert value in text(copy), f"{key}: no resource has it; the page need not name it"


def test_a_copy_without_edits_would_take_devs_names(copy: Recording, dev: Recording) -> None:
    """The sweep finds what the page is for, zones, certificates, buckets and an issuer, and no more."""
    shared = physical(copy) & physical(dev)
    assert {type_.split("/")[0] for type_, _ in shared} == {"aws:acm", "aws:iam", "aws:route53", "aws:s3"}
    assert {name for type_, name in shared if type_.startswith("aws:iam")} == {
        f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eco2-dev.example.com"
    }
