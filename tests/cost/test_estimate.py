"""What the stacks cost: every figure follows from the table, and nothing that costs is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from policy import aws_types as aws
from policy.cost.estimate import Estimate, estimate, of_unknown_types
from policy.cost.table import assumptions, prices
from policy.cost.uses import NAT, USES
from policy.cost.volumes import CLAIMING, claims
from policy.rules.model import Resource, Stack
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording

SEOUL = "ap-northeast-2"
HOURS = 730


def resource(type_: str, name: str, props: Mapping[str, Any], **outputs: Any) -> Resource:
    urn = f"urn:pulumi:prod::edge-platform::{type_}::{name}"
    return Resource(urn=urn, type=type_, name=name, parent="", protect=False, props=props, outputs=outputs)


def estimated(*resources: Resource, region: str = SEOUL, load: float = 0) -> Estimate:
    return estimate(Stack(resources), region=region, load_percent=load)


@pytest.fixture(scope="module", params=["dev", "prod"])
def stack(request: pytest.FixtureRequest) -> Stack:
    recording: Recording = request.getfixturevalue(request.param)
    return Stack(seen_by_rules(recording))


def test_everything_that_costs_has_a_price(stack: Stack) -> None:
    found = [*of_unknown_types(stack), *estimate(stack, region=SEOUL).unpriced]
    assert [f"{one.resource.name}: {one.why}" for one in found] == []


def test_no_kind_of_object_claims_a_volume_unnoticed(stack: Stack) -> None:
    claiming = {one.type for one in stack if one.type.startswith("kubernetes:") and any(claims(one.props))}
    assert claiming
    assert claiming <= CLAIMING


def test_no_object_makes_a_load_balancer_unnoticed(stack: Stack) -> None:
    """The cluster's controller would make one for an Ingress, at a price that is not known here."""
    assert not stack.of("kubernetes:networking.k8s.io/v1:Ingress")


def test_the_types_of_the_table_are_the_providers(stack: Stack) -> None:
    """A type that is misspelled is found by what really stands there under the other name."""
    assert prices().free.keys().isdisjoint(USES)
    assert {one.type for one in stack if one.type.startswith("aws:")} <= prices().free.keys() | USES.keys()


def test_a_type_that_nobody_priced_is_an_error_of_the_table() -> None:
    broker = resource("aws:msk/cluster:Cluster", "exchange-kafka", {})
    assert [one.why for one in of_unknown_types([broker])] == ["nothing is known of what aws:msk/cluster:Cluster costs"]


def test_a_size_that_has_no_price_is_said() -> None:
    found = estimated(resource(aws.INSTANCE, "eco2-a", {"instanceType": "z1d.metal"}))
    assert [one.why for one in found.unpriced] == ["there is no price of ec2.z1d.metal in ap-northeast-2"]


class TestTheDocumentsFigures:
    """wealist.md, Multi-AZ Configuration and Redis Connection & Failover: they are us-east-1's prices, with 20 GB."""

    @pytest.mark.parametrize(
        ("name", "type_", "says"), [("dev", aws.DATABASE, 15), ("prod", aws.DATABASE, 30), ("dev", aws.CACHE, 12)]
    )
    def test_are_reproduced_in_us_east_1(
        self, name: str, type_: str, says: int, request: pytest.FixtureRequest
    ) -> None:
        found = [one for one in seen_by_rules(request.getfixturevalue(name)) if one.type == type_]
        assert estimated(*found, region="us-east-1").usd == pytest.approx(says, rel=0.04)

    def test_are_half_as_much_again_in_seoul(self, prod: Recording) -> None:
        found = [one for one in seen_by_rules(prod) if one.type in (aws.DATABASE, aws.CACHE)]
        # 0.056 and 2 × 0.025 an hour, 20 GB at 0.262, the master's secret.
        assert estimated(*found).usd == pytest.approx(HOURS * (0.056 + 2 * 0.025) + 20 * 0.262 + 0.40)


class TestWhatIsBilled:
    def test_a_machine_its_volume_and_its_metrics(self) -> None:
        props = {
            "instanceType": "t3.medium",
            "monitoring": True,
            "rootBlockDevice": {"volumeType": "gp3", "volumeSize": 40},
        }
        assert estimated(resource(aws.INSTANCE, "eco2-a", props)).usd == pytest.approx(
            HOURS * 0.052 + 40 * 0.0912 + 7 * 0.30
        )

    @pytest.mark.parametrize(("capacity", "machines"), [({"desiredCapacity": 2, "minSize": 1}, 2), ({"minSize": 3}, 3)])
    def test_a_group_at_what_it_is_asked_for(self, capacity: Mapping[str, int], machines: int) -> None:
        ebs = {"volumeType": "gp3", "volumeSize": "30"}
        template = resource(
            aws.LAUNCH_TEMPLATE, "wealist-template",
            {"instanceType": "t3.small", "blockDeviceMappings": [{"ebs": ebs}]}, id="lt-1",
        )  # fmt: skip
        group = resource(aws.AUTO_SCALING_GROUP, "wealist-asg", {**capacity, "launchTemplate": {"id": "lt-1"}})
        assert estimated(template, group).usd == pytest.approx(machines * (HOURS * 0.026 + 30 * 0.0912))

    def test_a_group_of_a_template_that_is_elsewhere_is_not_known(self) -> None:
        group = resource(aws.AUTO_SCALING_GROUP, "wealist-asg", {"minSize": 1, "launchTemplate": {"id": "lt-2"}})
        assert [one.why for one in estimated(group).unpriced] == ["its launch template is not in this stack"]

    def test_an_interface_endpoint_by_its_zones_and_a_gateway_endpoint_not(self) -> None:
        interface = resource(aws.ENDPOINT, "eco2-a", {"vpcEndpointType": "Interface", "subnetIds": ["a", "b", "c"]})
        gateway = resource(aws.ENDPOINT, "eco2-b", {"vpcEndpointType": "Gateway"})
        assert estimated(interface, gateway).usd == pytest.approx(3 * HOURS * 0.013)

    def test_the_addresses_of_a_load_balancer_that_faces_the_internet(self) -> None:
        props = {"loadBalancerType": "application", "internal": False, "subnets": ["a", "b"]}
        inner = {**props, "internal": True}
        assert estimated(resource(aws.LOAD_BALANCER, "a", props)).usd == pytest.approx(HOURS * (0.0225 + 2 * 0.005))
        assert estimated(resource(aws.LOAD_BALANCER, "a", inner)).usd == pytest.approx(HOURS * 0.0225)

    @pytest.mark.parametrize(
        ("spec", "gib"),
        [
            ({"replicas": 2, "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": "50Gi"}}}}]}, 100),
            ({"prometheusSpec": {"replicas": 2, "storageSpec": {"spec": {"resources": {"requests": {"storage": "1Ti"}}}}}}, 2048),
            ({"replicas": 3, "storage": {"type": "persistent-claim", "size": "10Gi"}}, 30),
            ({"persistence": {"enabled": True, "storageClassName": "gp3-encrypted", "size": "512Mi"}}, 0.5),
            ({"persistence": {"enabled": False, "storageClassName": "gp3-encrypted", "size": "10Gi"}}, 0),
            ({"hard": {"requests.storage": "100Gi"}}, 0),
        ],
    )  # fmt: skip
    def test_a_claim_in_a_cluster_is_a_volume(self, spec: Mapping[str, Any], gib: float) -> None:
        assert sum(claims({"spec": spec})) == gib
        object_ = resource("kubernetes:apps/v1:StatefulSet", "eco2-a", {"spec": spec})
        assert estimated(object_).usd == pytest.approx(gib * 0.0912)


class TestAssumedUse:
    def test_follows_the_stacks_load_and_time_does_not(self) -> None:
        nat = resource(NAT, "eco2-nat", {})
        standing, assumed = HOURS * 0.059, assumptions().use["nat"]["gb"] * 0.059
        for percent in (0, 10, 100, 250):
            found = estimated(nat, load=percent)
            assert found.usd == pytest.approx(standing + assumed * percent / 100)
            assert found.assumed_usd == pytest.approx(assumed * percent / 100)

    def test_of_one_resource_goes_before_that_of_its_kind(self) -> None:
        names = ("eco2-waf-logs", "eco2-network-flow-logs", "wealist-other")
        assert [assumptions().of("log_group", name)["gb"] for name in names] == [5, 20, 1]

    def test_names_resources_that_there_are(self, prod: Recording) -> None:
        from fnmatch import fnmatchcase

        names = [one.name for one in prod]
        assert [
            pattern for pattern in assumptions().named if not any(fnmatchcase(name, pattern) for name in names)
        ] == []


def test_the_parts_are_the_whole(stack: Stack) -> None:
    found = estimate(stack, region=SEOUL)
    for parts in (found.by_system(), found.by_resource(), found.by_service()):
        assert sum(parts.values()) == pytest.approx(found.usd)
    assert set(found.by_system()) >= {"wealist", "eco2"}
    assert 0 < found.assumed_usd < found.usd / 3
