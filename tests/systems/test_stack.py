"""What holds for whole stacks, whatever is in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.recording import Recording, Registered
from rehearsal.values import Secret, contains
from tests.stacks import ACCOUNT, REGION, changed_stack, program, stack_file

STACKS = ("dev", "prod")
AMAZON_LINUX_2 = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2"
LOGICAL = re.compile(r"^[a-z0-9]+(-\w+)+$")


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> Recording:
    recording: Recording = request.getfixturevalue(request.param)
    return recording


def changed(folder: Path, changes: dict[str, Any]) -> Recording:
    """The dev stack with settings changed, built afresh."""
    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder) as cloud:
        return run(program, changed_stack(folder, "dev", changes), cloud)


def names(recording: Recording) -> set[str]:
    return {resource.name for resource in recording}


def test_every_resource_has_a_component_as_parent(stack: Recording) -> None:
    loose = [
        resource.name
        for resource in stack
        if resource.custom and "pulumi:pulumi:Stack::" in resource.parent and not allowed_at_the_top(resource)
    ]
    assert loose == []


def allowed_at_the_top(resource: Registered) -> bool:
    """A generated secret, the GitHub provider and the instance profile are single resources that a system makes itself."""
    return resource.type.split(":")[-1] in {"RandomPassword", "OpenIdConnectProvider", "InstanceProfile"}


def test_logical_names_begin_with_their_system(stack: Recording) -> None:
    assert [one.name for one in stack if not one.name.startswith("wealist-") or not LOGICAL.match(one.name)] == []


def test_logical_names_are_the_same_in_both_stacks(prod: Recording, dev: Recording) -> None:
    """But for what only one of them builds: the account's provider for GitHub."""
    assert names(prod) ^ names(dev) == {"wealist-github"}


def test_everything_that_takes_tags_is_tagged(stack: Recording) -> None:
    untagged = [
        one.name
        for one in stack
        if "tags" in one.inputs and isinstance(one["tags"], dict) and one["tags"].get("System") != "wealist"
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


def test_the_outputs_are_the_documented_contract(stack: Recording) -> None:
    assert set(stack.stack_outputs["wealist"]) == {
        "vpc_id", "site_url", "api_url", "name_servers", "distribution_id", "frontend_bucket",
        "load_balancer_dns_name", "database_address", "redis_endpoint", "parameter_path", "repository_urls",
        "codedeploy_applications", "artifacts_bucket", "deploy_role_arn", "alarm_topic_arn",
    }  # fmt: skip
    assert all(value is not None for value in stack.stack_outputs["wealist"].values())


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


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A stack with what the real ones leave off: no NAT, another image, somebody to be told of alarms."""
    changes = {
        "wealist.network.nat": "none",
        "wealist.backend": {"image_parameter": AMAZON_LINUX_2},
        "wealist.alert_email": "ops@wealist.co.kr",
    }
    return changed(tmp_path_factory.mktemp("elsewhere"), changes)


def nat(recording: Recording) -> tuple[int, int, int, int]:
    return tuple(len(recording.of(one)) for one in ("NatGateway", "Eip", "RouteTable", "RouteTableAssociation"))  # type: ignore[return-value]


def test_without_nat_private_subnets_have_no_way_out(elsewhere: Recording) -> None:
    assert nat(elsewhere) == (0, 0, 2, 6)
    assert [route.name for route in elsewhere.of("Route")] == ["wealist-network-public-internet"]


def test_a_single_nat_gateway_serves_all_zones(dev: Recording) -> None:
    assert nat(dev) == (1, 1, 2, 6)


def test_a_nat_gateway_per_zone_has_a_table_per_zone(tmp_path: Path) -> None:
    recording = changed(tmp_path, {"wealist.network.nat": "per_zone"})
    assert nat(recording) == (3, 3, 4, 6)
    gateways = {gateway.id: gateway["subnetId"] for gateway in recording.of("NatGateway")}
    zones = {subnet.id: subnet["availabilityZone"] for subnet in recording.of("Subnet")}
    for association in recording.of("RouteTableAssociation"):
        routes = [one for one in recording.of("Route") if one["routeTableId"] == association["routeTableId"]]
        for gateway in [route.get("natGatewayId") for route in routes]:
            assert gateway is None or zones[gateways[gateway]] == zones[association["subnetId"]]


def test_adding_a_zone_changes_no_resource_that_was_there(dev: Recording, tmp_path: Path) -> None:
    recording = changed(tmp_path, {"wealist.network.zones": {"a": 0, "b": 3, "c": 1, "d": 2}})
    assert names(dev) < names(recording)
    before = {one.name: one.get("cidrBlock") for one in dev.of("Subnet")}
    after = {one.name: one.get("cidrBlock") for one in recording.of("Subnet")}
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"wealist-network-public-b", "wealist-network-private-b"}


def test_amazon_linux_2_is_a_setting(elsewhere: Recording) -> None:
    assert {template["imageId"] for template in elsewhere.of("LaunchTemplate")} == {f"resolve:ssm:{AMAZON_LINUX_2}"}


def test_an_alert_address_subscribes_to_the_alarms(elsewhere: Recording) -> None:
    assert elsewhere.one("TopicSubscription")["endpoint"] == "ops@wealist.co.kr"
