"""What wealist's settings change, and what they leave as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.preview.comparison import Kind, compare
from rehearsal.preview.dangers import dangers_of
from rehearsal.preview.snapshot import taken
from rehearsal.recording import Recording
from tests.stacks import ACCOUNT, REGION, changed_stack, program

AMAZON_LINUX_2 = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2"


@pytest.fixture(scope="module")
def dev(dev: Recording) -> Recording:
    return dev.part("wealist")


def changed(folder: Path, changes: dict[str, Any]) -> Recording:
    """The dev stack's wealist with settings changed, built afresh."""
    only = {"platform.systems": ["wealist"], **changes}
    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder) as cloud:
        return run(program, changed_stack(folder, "dev", only), cloud)


def names(recording: Recording) -> set[str]:
    return {resource.name for resource in recording}


def test_the_outputs_are_the_documented_contract(dev: Recording) -> None:
    assert set(dev.stack_outputs) == {
        "vpc_id", "site_url", "api_url", "name_servers", "distribution_id", "frontend_bucket",
        "load_balancer_dns_name", "database_address", "redis_endpoint", "parameter_path", "repository_urls",
        "codedeploy_applications", "artifacts_bucket", "deploy_role_arn", "alarm_topic_arn",
    }  # fmt: skip
    assert all(value is not None for value in dev.stack_outputs.values())


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


PINNED = "ami-0123456789abcdef0"


@pytest.fixture(scope="module")
def careful(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A stack that outlives the loss of a zone, and stays with an image."""
    changes = {"wealist.network.nat": "per_zone", "wealist.backend": {"image_id": PINNED}}
    return changed(tmp_path_factory.mktemp("careful"), changes)


def test_a_nat_gateway_per_zone_has_a_table_per_zone(careful: Recording) -> None:
    assert nat(careful) == (3, 3, 4, 6)
    gateways = {gateway.id: gateway["subnetId"] for gateway in careful.of("NatGateway")}
    zones = {subnet.id: subnet["availabilityZone"] for subnet in careful.of("Subnet")}
    for association in careful.of("RouteTableAssociation"):
        routes = [one for one in careful.of("Route") if one["routeTableId"] == association["routeTableId"]]
        for gateway in [route.get("natGatewayId") for route in routes]:
            assert gateway is None or zones[gateways[gateway]] == zones[association["subnetId"]]


def test_adding_a_zone_changes_no_resource_that_was_there(dev: Recording, tmp_path: Path) -> None:
    recording = changed(tmp_path, {"wealist.network.zones": {"a": 0, "b": 3, "c": 1, "d": 2}})
    assert names(dev) < names(recording)
    before = {one.name: one.get("cidrBlock") for one in dev.of("Subnet")}
    after = {one.name: one.get("cidrBlock") for one in recording.of("Subnet")}
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"wealist-network-public-b", "wealist-network-private-b"}
    compared = compare("dev", taken(dev), taken(recording))
    decided = [one.kind for one in compared.changes]
    assert decided.count(Kind.ADD) >= 4
    assert {Kind.REPLACE, Kind.REMOVE} & set(decided) == set()
    assert dangers_of(compared) == ()


def images(recording: Recording) -> set[str]:
    return {template["imageId"] for template in recording.of("LaunchTemplate")}


def test_amazon_linux_2_is_a_setting(dev: Recording, elsewhere: Recording) -> None:
    assert len(images(elsewhere)) == 1
    assert not images(elsewhere) & images(dev)


def test_an_image_can_be_stayed_with(careful: Recording) -> None:
    assert images(careful) == {PINNED}


def test_an_alert_address_subscribes_to_the_alarms(elsewhere: Recording) -> None:
    assert elsewhere.one("TopicSubscription")["endpoint"] == "ops@wealist.co.kr"
