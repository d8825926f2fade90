"""A copy of dev's file, edited as the page of a third stack says: it stands beside dev and prod, and shares nothing with them."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.settings import Settings, SettingsError, load_settings
from rehearsal.cloud import Cloud, open_cloud
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


@pytest.mark.parametrize("origin", ["dev", "prod"])
def test_a_copy_beside_its_origin_is_told_each_key_of_the_page(tmp_path: Path, origin: str) -> None:
    """As long as the edits are not done; then nothing is left to say."""
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copy(ROOT / f"Pulumi.{origin}.yaml", tmp_path / "Pulumi.staging.yaml")
    with pytest.raises(SettingsError) as said:
        loaded(tmp_path)
    assert {problem.partition(":")[0] for problem in said.value.problems} == {*ROWS}
    assert all(f"{origin}'s" in problem and "give staging" in problem for problem in said.value.problems)


def test_the_edited_copy_beside_the_others_is_told_nothing(tmp_path: Path) -> None:
    changed_stack(tmp_path, "dev", dict(EDITS))
    (tmp_path / "Pulumi.dev.yaml").rename(tmp_path / "Pulumi.staging.yaml")
    for name in ("Pulumi.dev.yaml", "Pulumi.prod.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    assert loaded(tmp_path).stack == "staging"


@pytest.mark.parametrize(
    ("edit", "problems"),
    [
        ({"wealist.network.cidr": "10.2.16.0/20"}, ["wealist.network.cidr: '10.2.16.0/20' overlaps with prod's 10.2.0.0/16"]),
        ({"platform.account": "111122223333", "wealist.domain": "wealist.co.kr"}, []),
        ({"platform.systems": ["wealist"], "eco2.bucket_prefix": "eco2-example"}, []),
    ],
)  # fmt: skip
def test_only_what_two_stacks_of_one_account_build_is_shared(
    tmp_path: Path, edit: dict[str, Any], problems: list[str]
) -> None:
    changed_stack(tmp_path, "dev", {**EDITS, **edit})
    (tmp_path / "Pulumi.dev.yaml").rename(tmp_path / "Pulumi.staging.yaml")
    shutil.copy(ROOT / "Pulumi.prod.yaml", tmp_path)
    told: tuple[str, ...] = ()
    try:
        loaded(tmp_path)
    except SettingsError as error:
        told = error.problems
    assert [one.partition(", in the same")[0] for one in told] == problems


def loaded(folder: Path) -> Settings:
    """What `load_settings` gives of the stack `staging`."""
    found: list[Settings] = []
    run(lambda: found.append(load_settings()), stack_file("staging", folder), Cloud({}))
    return found[0]
