"""The plan that outsiders read says what the stack is, in Terraform's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rehearsal.recording import Recording
from rehearsal.report.saved import Masker
from tests.outsiders.listed import listed, stale, unexplained
from tests.outsiders.terraform import plan, terraform_type


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
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws_vpc_security_group_ingress_rule"),
    ],
)
def test_a_type_has_terraforms_name(token: str, name: str) -> None:
    assert terraform_type(token) == name


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


def test_what_refers_to_what_is_in_it(document: dict[str, Any]) -> None:
    (found,) = [
        one for one in document["configuration"]["root_module"]["resources"]
        if one["address"] == "aws_wafv2_web_acl_association.eco2-waf-association"
    ]  # fmt: skip
    assert "aws_lb.eco2-api-alb" in found["expressions"]["resource_arn"]["references"]


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
