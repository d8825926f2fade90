"""What the AWS rules let pass on purpose: each is a case that a stricter reading would find something in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from policy.aws_types import (
    ENDPOINT,
    HEADERS,
    INSTANCE,
    LISTENER,
    LISTENER_RULE,
    ROLE,
    TARGET_GROUP,
    WEB_ACL,
)
from policy.catalog import ALL_RULES
from policy.rules.model import Resource, Stack, StackRule
from policy.run import examine, guarded
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording
from tests.policy.broken import changed
from tests.policy.cases_aws import allow, trust

EXTERNAL_ID = {"StringEquals": {"sts:ExternalId": "d41d8cd9"}}
ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
POLICY_TEXT = "securityHeadersConfig.contentSecurityPolicy.contentSecurityPolicy"


@pytest.fixture(scope="module")
def prod_plain(prod: Recording) -> list[Resource]:
    return seen_by_rules(prod)


def _found(resources: list[Resource], type_: str, name: str, change: Mapping[str, Any]) -> set[str]:
    """The rules that say more of the stack once the resource is changed."""
    (one,) = (each for each in resources if (each.type, each.name) == (type_, name))
    spoiled = guarded(replace(one, props=changed(one.props, change)))
    stack = [guarded(each) for each in resources]
    after = [spoiled if each.urn == one.urn else each for each in stack]
    rules = [rule for rule in ALL_RULES if isinstance(rule, StackRule) or type_ in getattr(rule, "types", ())]
    findings = [
        {(each.rule.name, each.resource.urn, each.message) for each in examine(rules, Stack(all_), [of])[0]}
        for all_, of in ((stack, guarded(one)), (after, spoiled))
    ]
    return {rule for rule, _, _ in findings[1] - findings[0]}


@pytest.mark.parametrize(
    "document",
    [
        trust({"AWS": "arn:aws:iam::111122223333:root"}, Condition=EXTERNAL_ID),
        trust({"AWS": "arn:aws:iam::111122223333:root"}, Condition=ORGANIZATION),
        trust({"AWS": "arn:aws:iam::111122223333:role/deploy"}, Condition=EXTERNAL_ID),
        trust({"AWS": "arn:aws:iam::290008131187:role/deploy"}),
        trust(
            {"AWS": "arn:aws:iam::290008131187:root"},
            Condition={"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::290008131187:role/deploy"}},
        ),
    ],
)
def test_a_principal_that_is_named_or_bound_is_trusted(document: str, prod_plain: list[Resource]) -> None:
    assert _found(prod_plain, ROLE, "eco2-node-worker", {"assumeRolePolicy": document}) == set()


@pytest.mark.parametrize(
    "condition",
    [
        ORGANIZATION,
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::290008131187:role/eco2-*"}},
        {"StringEquals": {"aws:PrincipalAccount": "290008131187"}, "ArnLike": {"aws:PrincipalArn": "*"}},
    ],
)
def test_an_endpoint_serves_an_organization_or_the_accounts_roles(
    condition: dict[str, Any], prod_plain: list[Resource]
) -> None:
    policy = allow("*", Principal={"AWS": "*"}, Condition=condition)
    assert _found(prod_plain, ENDPOINT, "eco2-endpoints-ssm", {"policy": policy}) == set()


@pytest.mark.parametrize(
    "policy",
    [
        "default-src 'none'; script-src 'self' https://scripts.example.com",
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'nonce-4AEemGb0xJptoIGFP3Nd'",
        "default-src 'self' 'unsafe-inline'; script-src 'self'",
        "default-src 'self'; script-src 'self'; script-src 'unsafe-inline'",
        "DEFAULT-SRC 'self'; script-src 'self' 'wasm-unsafe-eval'; frame-ancestors 'none'",
        "default-src 'self' https://*.example.com",
    ],
)
def test_a_content_policy_is_read_as_browsers_read_it(policy: str, prod_plain: list[Resource]) -> None:
    assert _found(prod_plain, HEADERS, "wealist-site-headers", {POLICY_TEXT: policy}) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"rules.0.statement.rateBasedStatement.limit": 10_000},
        {"rules.0.statement.rateBasedStatement.evaluationWindowSec": ...},
        {"rules.3.statement.managedRuleGroupStatement.ruleActionOverrides": []},
        {
            "rules.3.statement.managedRuleGroupStatement.ruleActionOverrides": [
                {"name": "NoUserAgent_HEADER", "actionToUse": {"count": {}}},
                {"name": "CrossSiteScripting_BODY", "actionToUse": {"captcha": {}}},
            ]
        },
    ],
)
def test_a_firewall_may_be_stricter_and_count_what_is_refused_for_its_form(
    change: dict[str, Any], prod_plain: list[Resource]
) -> None:
    assert _found(prod_plain, WEB_ACL, "eco2-waf-acl", change) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"actions": [{"type": "redirect", "redirect": {"host": "www.example.com", "statusCode": "HTTP_302"}}]},
        {"actions": [{"type": "authenticate-oidc"}, {"type": "forward", "targetGroupArn": "arn:aws:…"}]},
        {"conditions.0.pathPattern.values": ["/api/users/actuator*"]},
        {"conditions.0.pathPattern.values": ["/api/*/actuator", "/api/user?/actuator/*"]},
    ],
)
def test_management_paths_may_be_refused_in_other_ways(change: dict[str, Any], prod_plain: list[Resource]) -> None:
    assert _found(prod_plain, LISTENER_RULE, "wealist-api-refuse-api-users-actuator", change) == set()


def test_a_service_without_management_paths_needs_no_refusal(prod_plain: list[Resource]) -> None:
    without = [one for one in prod_plain if one.name != "wealist-api-refuse-api-users-actuator"]
    change = {"healthCheck.path": "/api/users/health"}
    group = "wealist-api-user-tg"
    assert _found(without, TARGET_GROUP, group, change) == set()
    found = _found(without, TARGET_GROUP, group, {"healthCheck.path": "/api/users/management/health/readiness"})
    assert found == {"alb-management-refused"}


def test_a_listener_that_forwards_all_else_forwards_management_paths_too(prod_plain: list[Resource]) -> None:
    (group,) = (one for one in prod_plain if one.name == "wealist-api-user-tg")
    rules = ("wealist-api-refuse-api-users-actuator", "wealist-api-forward-api-users")
    others = [one for one in prod_plain if one.name not in rules]
    forward = {"defaultActions": [{"type": "forward", "targetGroupArn": group.outputs["arn"]}]}
    assert _found(others, LISTENER, "wealist-api-https", forward) == {"alb-management-refused"}


def test_machines_that_keep_nothing_need_no_protection(prod_plain: list[Resource]) -> None:
    change = {"disableApiTermination": ...}
    assert _found(prod_plain, INSTANCE, "eco2-k8s-api-scan-instance", change) == set()
    tagged = {
        "tags": {
            "Name": "k8s-api-scan",
            "Project": "p",
            "Environment": "e",
            "System": "s",
            "ManagedBy": "m",
            "role": "control-plane",
        }
    }
    assert _found(prod_plain, INSTANCE, "eco2-k8s-api-scan-instance", tagged) == {
        "ec2-termination-protection",
        "stateful-protected",
    }
