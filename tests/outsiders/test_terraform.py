"""The plan that outsiders read says what the stack is, in Terraform's words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rehearsal.recording import Recording
from rehearsal.report.saved import Masker
from tests.outsiders.listed import listed, stale, unexplained
from tests.outsiders.terraform import plan, terraform_type
from tests.tools import missing
from tools.witnesses import find_witness


@pytest.fixture(scope="module")
def document(prod: Recording) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(plan(prod, Masker(prod))))
    return found


def planned(document: dict[str, Any], address: str) -> dict[str, Any]:
    (found,) = [one for one in document["planned_values"]["root_module"]["resources"] if one["address"] == address]
    values: dict[str, Any] = found["values"]
    return values


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("aws:ec2/natGateway:NatGateway", "aws_nat_gateway"),
        ("aws:rds/instance:Instance", "aws_db_instance"),
        ("aws:s3/bucketVersioning:BucketVersioning", "aws_s3_bucket_versioning"),
        ("aws:wafv2/webAcl:WebAcl", "aws_wafv2_web_acl"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "aws_cloudwatch_metric_alarm"),
        ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "aws_iam_openid_connect_provider"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws_vpc_security_group_ingress_rule"),
    ],
)
def test_a_type_has_terraforms_name(token: str, name: str) -> None:
    assert terraform_type(token) == name


@pytest.mark.verify
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_every_name_is_one_of_the_providers(stack: str, request: pytest.FixtureRequest) -> None:
    """Types, arguments and blocks, each where the source of that type is: a linter overlooks what it does not know."""
    source = find_witness("terraform-provider-aws") or missing(
        "terraform-provider-aws is not fetched: `python -m tools.witnesses` does it"
    )
    recording: Recording = request.getfixturevalue(stack)
    names = names_by_type(source)
    resources = plan(recording, Masker(recording))["planned_values"]["root_module"]["resources"]
    assert {one["type"] for one in resources} - {*names} == set()
    unknown = {(one["type"], name) for one in resources for name in arguments(one["values"]) - names[one["type"]]}
    assert unknown == set()


def names_by_type(source: Path) -> dict[str, set[str]]:
    """Every word in quotes where a type is written, by the type, and what stands there for one."""
    constants = dict(re.findall(r'(Attr\w+)\s*=\s*"(\w+)"', (source / "names/attr_consts_gen.go").read_text()))
    found: dict[str, set[str]] = {}
    for service in (source / "internal/service").iterdir():
        text = "\n".join(path.read_text() for path in service.glob("*.go"))
        said = {constants[name] for name in re.findall(r"names\.(Attr\w+)", text) if name in constants}
        words = {*re.findall(r'"([a-z0-9_]+)"', text), *said}
        found |= dict.fromkeys(re.findall(r'@(?:SDK|Framework)Resource\("(\w+)"', text), words)
    return found


def arguments(value: Any) -> set[str]:
    """The names in it, blocks' too; the keys of maps are whoever's."""
    match value:
        case dict():
            return {*value}.union(*(arguments(inner) for inner in value.values() if isinstance(inner, list)))
        case list():
            return set().union(*map(arguments, value))
        case _:
            return set()


def test_every_resource_is_in_it_once(document: dict[str, Any], prod: Recording) -> None:
    addresses = [one["address"] for one in document["planned_values"]["root_module"]["resources"]]
    assert len(addresses) == len(set(addresses)) == sum(one.custom and one.type.startswith("aws:") for one in prod)


def test_blocks_are_lists_and_maps_are_maps(document: dict[str, Any]) -> None:
    machine = planned(document, "aws_instance.eco2-k8s-redis-instance")
    assert machine["metadata_options"][0]["http_tokens"] == "required"
    assert machine["tags"]["Name"] == "k8s-redis"
    site = planned(document, "aws_cloudfront_distribution.wealist-site-distribution")
    assert site["origin"][0]["domain_name"]
    acl = planned(document, "aws_wafv2_web_acl.eco2-waf-acl")
    assert acl["rule"][0]["statement"][0]["rate_based_statement"][0]["limit"] == 3000


def expressions(document: dict[str, Any], address: str) -> dict[str, Any]:
    (found,) = [one for one in document["configuration"]["root_module"]["resources"] if one["address"] == address]
    said: dict[str, Any] = found["expressions"]
    return said


def change(document: dict[str, Any], address: str) -> dict[str, Any]:
    (found,) = [one["change"] for one in document["resource_changes"] if one["address"] == address]
    made: dict[str, Any] = found
    return made


def test_what_only_making_another_tells_is_unknown_and_names_its_output(document: dict[str, Any]) -> None:
    """A linter follows what the source says, as it would of a plan of Terraform's own."""
    association = "aws_wafv2_web_acl_association.eco2-waf-association"
    assert expressions(document, association) == {
        "resource_arn": {"references": ["aws_lb.eco2-api-alb.id", "aws_lb.eco2-api-alb"]},
        "web_acl_arn": {"references": ["aws_wafv2_web_acl.eco2-waf-acl.arn", "aws_wafv2_web_acl.eco2-waf-acl"]},
    }
    assert change(document, association)["after_unknown"] == {"resource_arn": True, "web_acl_arn": True}
    assert {"resource_arn", "web_acl_arn"} & {*planned(document, association)} == set()


def test_a_text_with_anothers_part_in_it_is_known_and_refers_to_it(document: dict[str, Any]) -> None:
    policy = "aws_s3_bucket_policy.wealist-access-logs-policy"
    assert "aws_s3_bucket.wealist-access-logs" in expressions(document, policy)["policy"]["references"]
    assert planned(document, policy)["policy"]
    assert change(document, policy)["after_unknown"] == {"bucket": True}


def test_each_block_has_expressions_of_its_own(document: dict[str, Any]) -> None:
    """Trivy takes what has none for an attribute, and reads its first item alone."""
    acl = "aws_wafv2_web_acl.eco2-waf-acl"
    rules = planned(document, acl)["rule"]
    assert len(expressions(document, acl)["rule"]) == len(rules) > 3
    (origin,) = expressions(document, "aws_cloudfront_distribution.wealist-site-distribution")["origin"]
    assert "aws_cloudfront_origin_access_control.wealist-site-oac" in origin["origin_access_control_id"]["references"]


def test_no_secret_is_in_it(document: dict[str, Any], prod: Recording) -> None:
    text = json.dumps(document)
    secrets = [str(one.outputs["result"]) for one in prod if one.type == "random:index/randomPassword:RandomPassword"]
    assert secrets
    assert [one for one in secrets if one in text] == []


def test_the_list_says_no_more_and_no_less_than_what_is_found() -> None:
    entry = listed()[0]
    exactly = {(entry.check, pattern.replace("*", "x")) for pattern in entry.resources}
    assert unexplained(entry.judge, exactly, [entry]) == stale(entry.judge, exactly, [entry]) == []
    assert unexplained(entry.judge, {*exactly, ("CKV_NEW_1", "a")}, [entry]) == ["CKV_NEW_1 a"]
    assert len(stale(entry.judge, set(), [entry])) == len(entry.resources)


def test_nothing_is_listed_twice() -> None:
    found = [(one.judge, one.check, pattern) for one in listed() for pattern in one.resources]
    assert len(found) == len(set(found))
