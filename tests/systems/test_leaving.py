"""What the page of taking a stack down says stays, and costs, is reckoned from the built stack."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from policy.cost.volumes import CLAIMING, claims
from rehearsal.cloud import open_cloud
from rehearsal.engine.stack import without_protection
from rehearsal.inprocess import run
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.stacks import ACCOUNT, REGION, ROOT, program, stack_file

PAGE = (ROOT / "docs/runbooks/take-a-stack-down.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## What stays")[2].splitlines()
    if line.startswith("| ") and not line.startswith("| what")
]


def row(start: str) -> list[str]:
    (found,) = [row for row in ROWS if row[0].startswith(start)]
    return found


def price(key: str) -> float:
    prices = yaml.safe_load((ROOT / "policy/cost/prices.yaml").read_text())
    return float(prices["regions"][REGION][key]["usd"])


def names(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def test_the_keys_wait_as_long_as_they_are_built_to(prod: Recording) -> None:
    what, count, usd, until = row("keys of")
    keys = prod.of("aws:kms/key:Key")
    assert names(what) == {one.name for one in keys}
    assert count.split()[0] == str(len(keys))
    assert {f"{one['deletionWindowInDays']:.0f} days" for one in keys} == {until.split(",")[0]}
    assert usd == "0"


def test_the_snapshot_that_is_kept_is_under_a_key_that_stays(prod: Recording) -> None:
    """A copy under the stack's own could not be read when that is gone."""
    what, size, usd, until = row("the snapshot")
    (kept,) = names(what)
    assert f"--target-db-snapshot-identifier {kept} --kms-key-id alias/aws/rds" in PAGE
    assert until == f"`aws rds delete-db-snapshot --db-snapshot-identifier {kept}`"
    (instance,) = prod.of("aws:rds/instance:Instance")
    assert instance["storageEncrypted"]
    assert size == f"up to {instance['allocatedStorage']:.0f} GiB"
    assert float(usd) == pytest.approx(instance["allocatedStorage"] * price("rds.backup"), abs=0.005)


def test_what_may_be_locked_is_named(prod: Recording) -> None:
    what, _, usd, _ = row("`eco2-example-etcd-snapshots`")
    locked = {one["bucket"] for one in prod.of("aws:s3/bucket:Bucket") if one.get("objectLockEnabled")}
    assert names(what) == locked | {"lock: compliance"}
    assert usd == f"{price('s3.gb')} a GB"


def test_the_volumes_that_only_the_cluster_knows_are_all_counted(prod: Recording) -> None:
    _, size, usd, _ = row("volumes of claims")
    claimed = [sizes for one in prod if one.type in CLAIMING and (sizes := list(claims(reveal(one.inputs))))]
    total = sum(map(sum, claimed))
    assert size == f"{total:.0f} GiB in {len(claimed)} objects"
    assert float(usd) == pytest.approx(total * price("ebs.gp3"), abs=0.005)


def test_every_public_domain_is_to_be_taken_from_its_registrar(prod: Recording) -> None:
    what, count, _, until = row("the names of")
    domains = {one["name"] for one in prod.of("aws:route53/zone:Zone") if not one.get("vpcs")}
    assert names(what) == domains
    assert count == f"{len(domains)} delegations"
    assert until.startswith("**at once**")


def test_the_states_place_is_the_deliverys() -> None:
    what, _, usd, _ = row("the state")
    settings = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]["edge-platform:delivery"]
    assert names(what) == {settings["state_bucket"], settings["secrets_key"]}
    assert float(usd) == price("kms.key")


def test_with_the_pages_settings_nothing_else_is_built_to_outlive_the_stack(tmp_path: Path) -> None:
    with open_cloud(region=REGION, account=ACCOUNT, manifests=tmp_path) as cloud:
        bare = run(program, without_protection(stack_file("prod")), cloud)
    goes: dict[str, dict[str, Any]] = {
        "aws:s3/bucket:Bucket": {"forceDestroy": True},
        "aws:ecr/repository:Repository": {"forceDelete": True},
        "aws:rds/instance:Instance": {"skipFinalSnapshot": True, "deletionProtection": False},
        "aws:lb/loadBalancer:LoadBalancer": {"enableDeletionProtection": False},
    }
    for type_, wanted in goes.items():
        assert bare.of(type_)
        for one in bare.of(type_):
            assert {key: bool(one.get(key)) for key in wanted} == wanted, one.name
    assert [
        one.name
        for one in bare
        if one.get("skipDestroy") or (one.get("finalSnapshotIdentifier") and not one.get("skipFinalSnapshot"))
    ] == []
    # The bundle is an object: it goes with its bucket.
    assert {one.type for one in bare if one.retain_on_delete} <= {"aws:s3/bucketObjectv2:BucketObjectv2"}
