"""The drift role's own list: each action only looks, and is for a type that a stack has."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from infra.systems.delivery_reads import BUCKETS, GLOBAL, LISTED, NAMED
from rehearsal.aws.schemas import TYPES
from rehearsal.recording import Recording
from tests.iam import policies_of
from tests.stacks import ACCOUNT, REGION
from tests.witness import cfn_lint
from tests.witness.iam_actions import action, matching

SERVICES = {"lb": "elasticloadbalancing", "vpc": "ec2", "cloudwatch/log": "logs"}
"""Of Pulumi's modules whose name is not IAM's."""

CONTENTS = {
    "ec2:GetConsoleOutput", "ec2:GetPasswordData", "ecr:BatchGetImage", "logs:FilterLogEvents", "logs:GetLogEvents",
    "s3:GetObject", "secretsmanager:GetSecretValue", "ssm:GetParameter", "ssm:GetParametersByPath", "ssm:ListCommandInvocations",
    "ssm:GetCommandInvocation", "lambda:GetFunction", "codecommit:GitPull", "dynamodb:Scan", "sqs:ReceiveMessage",
    "iam:GenerateCredentialReport", "iam:ListAccessKeys", "kms:Decrypt",
}  # fmt: skip


def service(type_: str) -> str:
    module = type_.removeprefix("aws:").split("/")[0]
    if type_.startswith("aws:cloudwatch/log"):
        return "logs"
    return SERVICES.get(module, module)


def listed() -> set[str]:
    wanted = [(name, actions) for name, actions in LISTED.items()]
    wanted += [(name, actions) for table in (NAMED, GLOBAL) for name, (actions, _) in table.items()]
    wanted += [
        ("s3", BUCKETS),
        ("route53", "GetHostedZone GetHealthCheck"),
        ("logs", "GetDelivery GetDeliverySource GetDeliveryDestination"),
    ]
    return {f"{name}:{one}" for name, actions in wanted for one in actions.split()}


def registered(stack: Recording) -> set[str]:
    return {one.type for one in stack if one.custom and one.type.startswith("aws:")}


def test_each_action_is_aws_s_own_and_only_looks() -> None:
    for pattern in listed():
        for one in matching(pattern):
            assert one.access <= {"List", "Read"}, one.name


def test_the_services_are_those_that_a_stack_has(prod: Recording, dev: Recording) -> None:
    there = {service(one) for stack in (prod, dev) for one in registered(stack)}
    assert {one.split(":")[0] for one in listed()} == there


@pytest.mark.parametrize("name", sorted(CONTENTS))
def test_no_content_is_among_them(name: str, prod: Recording) -> None:
    assert not [pattern for pattern in listed() if action(name) in matching(pattern)]


def test_nothing_is_in_it_for_services_that_the_stack_does_not_have(prod: Recording) -> None:
    """What AWS's two audit policies gave: 190 services more, and what would help who has taken the role over."""
    audit = {one for policy in ("SecurityAudit", "ViewOnlyAccess") for one in of_aws(policy)}
    assert len({one.split(":")[0] for one in audit}) > 150
    drift = policies_of(prod, "delivery-prod-drift")
    for name in (
        "iam:ListUsers",
        "iam:ListAccessKeys",
        "lambda:GetFunction",
        "dynamodb:DescribeTable",
        "organizations:ListAccounts",
    ):
        assert not drift.allow(name, "*"), name
    assert drift.allow("ec2:DescribeVpcs", "*")
    assert drift.allow("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/eco2-prod-external-dns")
    assert not drift.allow("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/payroll")
    assert not drift.allow("ssm:GetDocument", f"arn:aws:ssm:{REGION}:{ACCOUNT}:document/wealist-dev-database-init")


def of_aws(policy: str) -> Iterator[str]:
    for statement in json.loads(aws_managed_policies_data)[policy]["Document"]["Statement"]:
        found = statement["Action"]
        yield from found if isinstance(found, list) else [found]


OF_OTHERS = ("AssociateWebACL", "DisassociateWebACL")
"""What CloudFormation's handlers ask to read that changes something, or is another service's than the type's."""

NOT_ASKED = {
    "autoscaling:Describe*", "codedeploy:GetDeployment", "codedeploy:ListDeployments", "ec2:DescribeVpcEncryptionControls",
    "logs:GetDataProtectionPolicy", "logs:GetDeliveryDestinationPolicy", "s3:GetAnalyticsConfiguration",
    "s3:GetIntelligentTieringConfiguration", "s3:GetInventoryConfiguration", "s3:GetMetricsConfiguration",
    "s3:ListTagsForResource", "ssm:GetParameters",
}  # fmt: skip
"""Parts that no resource here sets (deliveries' and log groups' policies, S3's inventories), and values of parameters."""


@pytest.mark.verify
def test_whatever_cloudformation_reads_of_a_type_is_among_them(prod: Recording, dev: Recording) -> None:
    allowed = {one.name for pattern in listed() for one in matching(pattern)}
    missing = set()
    for type_ in registered(prod) | registered(dev):
        described = cfn_lint.schema(TYPES[type_]) if type_ in TYPES else {}
        for name in described.get("handlers", {}).get("read", {}).get("permissions", []):
            own = name.split(":")[0].lower() == service(type_)
            if own and name not in allowed | NOT_ASKED and not name.endswith(OF_OTHERS):
                missing.add(name)
    assert missing == set()
