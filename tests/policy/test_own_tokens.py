"""A tenant's own tokens as the rules see them: fine as they are rendered, and each way of weakening them is noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from policy.catalog import ALL_RULES
from policy.mesh_objects import AUTHORIZATION_POLICY, ENVOY_FILTER, REQUEST_AUTHENTICATION
from policy.rules.model import Resource, Rule, Stack
from policy.run import examine, guarded
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording
from tests.policy.broken import changed
from tests.systems.guestbook_edge import ISSUER

RULES = [rule for rule in ALL_RULES if rule.name.startswith("mesh-")]
ASKED, REQUIRED, READ, OPEN, HOSTS = (
    (AUTHORIZATION_POLICY, "ext-authz-policy"),
    (AUTHORIZATION_POLICY, "guestbook-books-token"),
    (REQUEST_AUTHENTICATION, "guestbook-tokens"),
    (AUTHORIZATION_POLICY, "guestbook-readers"),
    (ENVOY_FILTER, "tenants-token-hosts"),
)
WHOM = "spec.rules.0.from.0.source.notRequestPrincipals"
WHAT = "spec.rules.0.to.0.operation"


@pytest.fixture(scope="module")
def resources(cluster_with_guestbook: tuple[Recording, dict[str, Any]]) -> list[Resource]:
    return [one for one in seen_by_rules(cluster_with_guestbook[0]) if one.type.startswith("kubernetes:")]


@pytest.fixture(scope="module")
def recorded(resources: list[Resource]) -> list[Resource]:
    """The limiter's objects alone: what other objects break by being left out is in both sides of a comparison."""
    return [one for one in resources if one.props.get("metadata", {}).get("namespace") == "ratelimit"]


def found(resources: Sequence[Resource], rules: Sequence[Rule] = RULES) -> set[str]:
    seen = [guarded(one) for one in resources]
    findings, undecided = examine(rules, Stack(seen), seen)
    assert undecided == []
    return {one.rule.name for one in findings}


def spoiled(resources: Sequence[Resource], which: tuple[str, str], change: dict[str, Any]) -> list[Resource]:
    kind, name = which
    (own,) = [one for one in resources if one.type == kind and one.props["metadata"]["name"] == name]
    return [replace(one, props=changed(one.props, change)) if one is own else one for one in resources]


WEAKER: dict[str, tuple[tuple[str, str], dict[str, Any], str]] = {
    "not at the gateway": (REQUIRED, {"spec.selector.matchLabels": {"istio": "another"}}, "required"),
    "an AUDIT": (REQUIRED, {"spec.action": "AUDIT"}, "required"),
    "any issuer's": (REQUIRED, {WHOM: ["*"]}, "required"),
    "one of any": (REQUIRED, {WHOM: ["*/*"]}, "required"),
    "one of two issuers'": (REQUIRED, {WHOM: [f"{ISSUER}/*", "https://evil.example/*"]}, "required"),
    "an issuer that nobody reads": (REQUIRED, {WHOM: ["https://evil.example/*"]}, "required"),
    "only from some address": (REQUIRED, {"spec.rules.0.from.0.source.ipBlocks": ["10.0.0.0/8"]}, "required"),
    "only sometimes": (REQUIRED, {"spec.rules.0.when": [{"key": "request.headers[x]", "values": ["1"]}]}, "required"),
    "without a port": (REQUIRED, {f"{WHAT}.hosts": ["books.eco2.example.com"]}, "required"),
    "on another port": (REQUIRED, {f"{WHAT}.ports": ["8443"]}, "required"),
    "some paths alone": (REQUIRED, {f"{WHAT}.paths": ["/api/v1/books/*"]}, "required"),
    "public by pattern": (REQUIRED, {f"{WHAT}.notPaths": ["/books/*"]}, "required"),
    "not for GET": (REQUIRED, {f"{WHAT}.notMethods": ["GET"]}, "required"),
    "another issuer is read": (READ, {"spec.jwtRules.0.issuer": "https://evil.example"}, "required"),
    "read by other pods": (READ, {"spec.selector.matchLabels": {"istio": "another"}}, "required"),
    "for no audience": (READ, {"spec.jwtRules.0.audiences": ...}, "read-safely"),
    "keys in the clear": (READ, {"spec.jwtRules.0.jwksUri": "http://login.example.org/keys"}, "read-safely"),
    "a token in the address": (READ, {"spec.jwtRules.0.fromParams": ["token"]}, "read-safely"),
    "one issuer, two sets of keys": (READ, {"spec.jwtRules.1.issuer": ISSUER}, "read-safely"),
    "a host more": (ASKED, {f"{WHAT}.notHosts": ["api.eco2.example.com", "api.eco2.example.com:*"]}, "required"),
}


def test_they_are_fine_as_they_are(resources: list[Resource]) -> None:
    assert found(resources) - {"mesh-route-timeout"} == set()


@pytest.mark.parametrize("how", WEAKER)
def test_a_weaker_requirement_is_noticed(resources: list[Resource], how: str) -> None:
    which, change, rule = WEAKER[how]
    assert f"mesh-own-tokens-{rule}" in found(spoiled(resources, which, change))


def test_paths_outside_the_api_are_a_hosts_own(resources: list[Resource]) -> None:
    loose = spoiled(resources, OPEN, {f"{WHAT}.hosts": ...})
    assert "mesh-allow-named" in found(loose)
    assert "mesh-allow-named" in found(spoiled(resources, OPEN, {f"{WHAT}.paths": ["/*"]}))


REDIS_OPEN = {"data": {"redis.conf": 'port 6379\nsave ""\n'}}
LIMITER_IMAGE = "spec.template.spec.containers.1.image"


def test_the_limiters_redis_without_a_password_has_no_port(recorded: list[Resource]) -> None:
    opened = spoiled(recorded, ("kubernetes:core/v1:ConfigMap", "ratelimit-redis"), REDIS_OPEN)
    assert "kubernetes-database-authenticates" in found(opened, ALL_RULES) - found(recorded, ALL_RULES)


def test_the_limiters_image_is_its_makers(recorded: list[Resource]) -> None:
    which = ("kubernetes:apps/v1:Deployment", "ratelimit")
    other = spoiled(recorded, which, {LIMITER_IMAGE: "docker.io/someone/ratelimit:3fb70258"})
    assert "kubernetes-image-registry" in found(other, ALL_RULES) - found(recorded, ALL_RULES)


def test_a_filter_that_is_off_is_noticed_where_it_is_not_the_one_that_reads_tokens(resources: list[Resource]) -> None:
    place = "spec.configPatches.0.patch.value"
    off = {place: {"typed_per_filter_config": {"envoy.filters.http.rbac": {"disabled": True}}}}
    assert "mesh-envoyfilter-fails-closed" in found(spoiled(resources, HOSTS, off))
