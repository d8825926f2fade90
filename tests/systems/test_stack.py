"""What holds for whole stacks, whatever is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.names import LIMITS, TIGHTEST
from infra.systems import REGISTRY
from rehearsal.cloud import Cloud, open_cloud
from rehearsal.inprocess import run
from rehearsal.provider import State
from rehearsal.recording import Recording, Registered
from rehearsal.values import Secret, contains
from tests.stacks import ACCOUNT, REGION, ROOT, program, stack_file

STACKS = ("dev", "prod")
LOGICAL = re.compile(r"^[a-z0-9]+(_[a-z0-9]+)*(-\w+)+$")


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> Recording:
    recording: Recording = request.getfixturevalue(request.param)
    return recording


def names(recording: Recording) -> set[str]:
    return {resource.name for resource in recording}


def test_every_resource_has_a_component_as_parent(stack: Recording) -> None:
    loose = [
        resource.name
        for resource in stack
        if resource.custom and "pulumi:pulumi:Stack::" in resource.parent and not allowed_at_the_top(resource)
    ]
    assert loose == []


NAMED: Mapping[str, tuple[str, str]] = {
    "aws:lb/loadBalancer:LoadBalancer": ("load balancer", "name"),
    "aws:lb/targetGroup:TargetGroup": ("target group", "name"),
    "aws:iam/role:Role": ("role", "name"),
    "aws:iam/policy:Policy": ("policy", "name"),
    "aws:rds/instance:Instance": ("database", "identifier"),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("replication group", "replicationGroupId"),
    "aws:ec2/securityGroup:SecurityGroup": ("security group", "name"),
}
"""What AWS has a limit for, and where the name is; a bucket's has no stack in it."""


@pytest.mark.parametrize("system", REGISTRY)
def test_the_stacks_name_has_the_room_that_the_tightest_name_leaves(prod: Recording, system: str) -> None:
    """So the settings refuse every name that the system would, and no other."""
    room = {
        (kind, one[key].removeprefix(f"{system}-prod-")): LIMITS[kind] - len(one[key])
        for one in prod.part(system)
        for kind, key in [NAMED.get(one.type, ("", ""))]
        if kind and one[key].startswith(f"{system}-prod-")
    }
    assert min(room, key=lambda name: room[name], default=None) == TIGHTEST.get(system)


def test_the_pages_name_resources_that_there_are(prod: Recording) -> None:
    text = "".join(path.read_text() for path in (ROOT / "docs").rglob("*.md"))
    named = set(re.findall(r"urn:pulumi:prod::[^'`\s]+", text))
    assert len(named) >= 2
    assert named - {one.urn for one in prod} == set()
    targets = re.findall(r"--target '\*\*::([^']+)'", text)
    assert len(targets) >= 4
    assert set(targets) - names(prod) == set()


def test_an_update_may_leave_out_all_but_the_zones(tmp_path: Path) -> None:
    """What the engine leaves out by `--target` has no outputs, and the program goes on to it all the same."""
    with open_cloud(region=REGION, account=ACCOUNT, manifests=tmp_path) as cloud:
        recording = run(program, stack_file("prod"), OnlyZones(cloud))  # type: ignore[arg-type]
    assert {one.name for one in recording if one.id} == {"wealist-dns-zone", "eco2-private-dns-zone", "eco2-dns-zone"}


class OnlyZones:
    """A cloud in which nothing but zones is made."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def check(self, urn: str, type_: str, inputs: dict[str, Any]) -> None:
        """The engine does not ask for what it leaves out."""

    def create(self, urn: str, type_: str, inputs: dict[str, Any]) -> State:
        if type_ == "aws:route53/zone:Zone":
            return self._cloud.create(urn, type_, {key: value for key, value in inputs.items() if key != "vpcs"})
        return State(id="", inputs=inputs, outputs={})


def allowed_at_the_top(resource: Registered) -> bool:
    """Generated secrets, the GitHub provider, an instance profile and the cluster's provider are made by a system itself."""
    if resource.type.startswith("pulumi:providers:"):
        return True
    return resource.type.split(":")[-1] in {
        "RandomPassword",
        "OpenIdConnectProvider",
        "InstanceProfile",
        "Provider",
    }


def test_no_state_holds_a_key_of_the_cluster(stack: Recording) -> None:
    """They are made where they are used, on its master: whoever reads a state signs no token and decrypts no etcd with it."""
    kinds = {one.type.split(":")[-1] for one in stack}
    assert not kinds & {"PrivateKey", "RandomBytes"}
    assert [one["name"] for one in stack.of("Parameter") if "/kubernetes/" in one["name"]] == []


def test_no_stack_of_eco2_is_sent_the_cookies_of_another() -> None:
    """A cookie of a domain is sent to all hosts below it (RFC 6265 5.1.3), and two s_access are refused."""
    domains = {json.loads(stack_file(stack).config["edge-platform:eco2"])["domain"] for stack in STACKS}
    assert len(domains) == len(STACKS)
    assert [one for one in domains if any(one.endswith(f".{other}") for other in domains)] == []


def test_logical_names_begin_with_their_system(stack: Recording) -> None:
    known = tuple(f"{system}-" for system in REGISTRY)
    assert [one.name for one in stack if not one.name.startswith(known) or not LOGICAL.match(one.name)] == []


def test_logical_names_are_the_same_in_both_stacks(prod: Recording, dev: Recording) -> None:
    """But for what only one of them builds: the account's provider for GitHub, and the lab's web client."""
    site = {one for one in names(prod) if one.startswith("gateway_lab-site")}
    assert site
    assert names(prod) ^ names(dev) == {"wealist-github", *site}


def test_everything_that_takes_tags_is_tagged(stack: Recording) -> None:
    untagged = [
        one.name
        for one in stack
        if "tags" in one.inputs
        and isinstance(one["tags"], dict)
        and one["tags"].get("System") != one.name.split("-")[0]
    ]
    assert untagged == []


def test_no_secret_is_registered_in_plain_text(stack: Recording) -> None:
    """A generated or configured secret appears in inputs only where it is marked."""
    secrets = {one.outputs["result"] for one in stack.of("RandomPassword")}
    secrets |= {value for key, value in stack_file("prod").config.items() if key in stack_file("prod").secret_keys}

    def leaks(value: Any) -> bool:
        return isinstance(value, str) and any(secret in value for secret in secrets)

    for resource in stack:
        for key, value in resource.inputs.items():
            if not isinstance(value, Secret):
                assert not contains(value, leaks), f"{resource.name}.{key}"


def test_no_output_of_the_stack_is_a_secret(stack: Recording) -> None:
    assert not contains(stack.stack_outputs, lambda value: isinstance(value, Secret))


def test_prod_and_dev_share_no_physical_name(prod: Recording, dev: Recording) -> None:
    def physical(recording: Recording) -> set[str]:
        return {
            one[key]
            for one in recording
            for key in ("name", "bucket", "identifier", "replicationGroupId")
            if isinstance(one.get(key), str) and one.custom and one.type.split("/")[0] != "aws:route53"
        }

    # One account, two stacks: only AWS's own log paths and default names may meet.
    assert physical(prod) & physical(dev) == set()
