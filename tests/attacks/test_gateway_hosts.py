"""A tenant's code opens another's host at the gateway that all share: it is refused, and found in what is rendered."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.components.mesh.authorization import Allow, AllowArgs, Anyone, Preflight
from infra.components.mesh.filters.local_limits import Burst, burst_limit
from infra.components.mesh.filters.placing import GatewayFilter, GatewayFilterArgs
from infra.components.mesh.objects import Place
from infra.contract import Cluster
from infra.exports import SystemOutputs
from infra.settings import Settings
from infra.systems import Guest
from infra.systems.eco2 import own_hosts
from policy.mesh_objects import AUTHORIZATION_POLICY, GATEWAY
from policy.rules.mesh_tokens import RULES
from policy.rules.model import Resource, Stack
from policy.run import examine, guarded
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording
from tests.other_stacks import build_with
from tests.policy.broken import changed
from tests.systems import guestbook
from tests.systems.tenancy import WORKERS

OWN, CLUSTERS = "guests.eco2.example.com", "api.eco2.example.com"
Evil = Callable[[Cluster, str], None]
"""What a tenant's code does with the cluster, under this name."""


def placed(cluster: Cluster, name: str) -> Place:
    return Place(name=name.removeprefix("eco2-tenant-"), namespace=cluster.gateway.namespace)


def opens(*callers: Anyone | Preflight) -> Evil:
    def evil(cluster: Cluster, name: str) -> None:
        args = AllowArgs(place=placed(cluster, name), workload=cluster.gateway.labels, callers=callers)
        Allow(name, args, cluster.platform.edge_objects)

    return evil


def bursts(cluster: Cluster, name: str) -> None:
    patches = [burst_limit(CLUSTERS, cluster.gateway.port, Burst(per_second=1, burst=1))]
    args = GatewayFilterArgs(place=placed(cluster, name), workload=cluster.gateway.labels, patches=patches)
    GatewayFilter(name, args, cluster.platform.edge_objects)


ATTACKS: dict[str, Evil] = {
    "the cluster's API": opens(Anyone(paths=["/api/v1/my/*"], hosts=[CLUSTERS])),
    "its own host, and another's beside it": opens(Anyone(paths=["/api/v1/my/*"], hosts=[OWN, CLUSTERS])),
    "a host of nobody yet": opens(Anyone(paths=["/api/v1/my/*"], hosts=["next.eco2.example.com"])),
    "every host, by naming none": opens(Anyone(paths=["/api/v1/my/*"])),
    "another's preflights": opens(Preflight(paths=["/api/v1/my/*"], hosts=[CLUSTERS])),
    "a limit on another's host": bursts,
}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, dict[str, str]]:
    """A stack whose tenant opens its own host, and what each attack was told; one that went through is not there."""
    refused: dict[str, str] = {}

    def build(settings: Settings, cluster: Cluster) -> SystemOutputs:
        outputs = guestbook.build(settings, cluster)
        for number, (what, evil) in enumerate(ATTACKS.items()):
            try:
                evil(cluster, f"{cluster.platform.edge_name}-more-{number}")
            except ValueError as error:
                refused[what] = str(error)
        opens(Anyone(paths=["/api/v1/guests/*"], hosts=[OWN]))(cluster, f"{cluster.platform.edge_name}-more")
        return outputs

    guest = Guest(declare=guestbook.declare, build=build)
    recording = build_with(tmp_path_factory.mktemp("tried"), WORKERS, "eco2", guestbook.SYSTEM, guest=guest)
    return recording, refused


@pytest.mark.parametrize("what", ATTACKS)
def test_it_is_refused(tried: tuple[Recording, dict[str, str]], what: str) -> None:
    said = r"guestbook: eco2-tenant-guestbook-more-.* is about the host '.*' at the gateway"
    assert re.search(said, tried[1].get(what, "it went through"))


def test_of_what_is_refused_nothing_is_registered(resources: list[Resource]) -> None:
    assert [one.name for one in resources if re.search(r"-more-\d", one.name)] == []


@pytest.fixture(scope="module")
def resources(tried: tuple[Recording, dict[str, str]]) -> list[Resource]:
    return [one for one in seen_by_rules(tried[0]) if one.type.startswith("kubernetes:")]


def findings(resources: list[Resource]) -> list[str]:
    seen = [guarded(one) for one in resources]
    found, undecided = examine([rule for rule in RULES if rule.name == "mesh-own-hosts"], Stack(seen), seen)
    assert undecided == []
    return [one.message for one in found]


def test_its_own_host_it_opens_and_what_it_hangs_there_says_whose_it_is(resources: list[Resource]) -> None:
    marks = {
        one.props["metadata"]["name"]: one.props["metadata"]["annotations"].get(own_hosts.TENANT)
        for one in resources
        if one.type in (AUTHORIZATION_POLICY, GATEWAY) and one.props["metadata"]["namespace"] == "istio-system"
    }
    assert {marks["guestbook-gateway"], marks["guestbook-edge"], marks["guestbook-more"]} == {guestbook.SYSTEM}
    assert marks["edge"] is marks["eco2-gateway"] is None
    assert findings(resources) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"spec.rules.0.to.0.operation.hosts.0": CLUSTERS}, f"{CLUSTERS} is the cluster's own"),
        ({"spec.rules.0.to.0.operation.hosts.0": "next.eco2.example.com"}, "no Gateway serves next.eco2.example.com"),
        ({"spec.rules.0.to.0.operation.hosts": ...}, "it names no host"),
        ({"metadata.annotations": {}}, f"{OWN} is guestbook's, and this is the cluster's own"),
        ({"metadata.annotations": {own_hosts.TENANT: "exchange"}}, f"{OWN} is guestbook's, and this is exchange's"),
    ],
)
def test_rendered_it_is_found(resources: list[Resource], change: dict[str, Any], told: str) -> None:
    """As if nothing had been refused, or had been registered by another way than the one that is handed out."""
    (own,) = [
        one
        for one in resources
        if (one.type, one.props["metadata"]["name"]) == (AUTHORIZATION_POLICY, "guestbook-more")
    ]
    spoiled = [replace(one, props=changed(one.props, change)) if one is own else one for one in resources]
    assert any(told in one for one in findings(spoiled)), findings(spoiled)
