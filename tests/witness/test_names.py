"""How long names may be, and who the services are that policies name: beside botocore, cfn-lint's schemas and others' texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import moto
import pulumi_aws
import pytest

from infra.names import LIMITS
from rehearsal.aws.tables import table
from rehearsal.recording import Recording
from tests.witness.botocore import told
from tests.witness.documents import documents

OF_BOTOCORE = {
    "load balancer": ("elbv2", "CreateLoadBalancer", "Name"),
    "target group": ("elbv2", "CreateTargetGroup", "Name"),
    "trust store": ("elbv2", "CreateTrustStore", "Name"),
    "role": ("iam", "CreateRole", "RoleName"),
    "policy": ("iam", "CreatePolicy", "PolicyName"),
    "database": ("rds", "CreateDBInstance", "DBInstanceIdentifier"),
    "replication group": ("elasticache", "CreateReplicationGroup", "ReplicationGroupId"),
    "security group": ("ec2", "CreateSecurityGroup", "GroupName"),
}
_MOST = re.compile(r"(?:maximum of|Up to|1 to) (\d+) (?:alphanumeric )?(?:characters|letters)", re.IGNORECASE)

OF_CDK = {
    "logdelivery.elasticloadbalancing.amazonaws.com": (
        "aws-elasticloadbalancingv2/lib/shared/base-load-balancer",
        'ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")',
    ),
    "logs.ap-northeast-2.amazonaws.com": (
        "aws-ecs/lib/base/base-service",
        "ServicePrincipal(`logs.${this.env.region}.amazonaws.com`)",
    ),
}
"""Service principals that none of the texts has: aws-cdk-lib's file that has them, and how it writes them."""


@pytest.mark.parametrize("kind", OF_BOTOCORE)
def test_a_names_limit_is_what_the_services_model_says(kind: str) -> None:
    assert LIMITS[kind] == longest(*OF_BOTOCORE[kind])


def test_a_buckets_limit_is_what_its_schema_says() -> None:
    assert LIMITS["bucket"] == table("cloudformation")["limits"]["AWS::S3::Bucket"]["BucketName"]["maxLength"]


def test_each_limit_has_a_witness() -> None:
    assert LIMITS.keys() == OF_BOTOCORE.keys() | {"bucket"}


def test_service_principals_are_those_that_others_write(dev: Recording, prod: Recording) -> None:
    """IAM refuses a policy whose principal does not exist, so the first `up` would stop there."""
    named = {name for stack in (dev, prod) for name in service_principals(stack)}
    assert len(named) > 6
    assert {name for name in named if not is_written(name)} == OF_CDK.keys()


def test_a_service_principal_that_nobody_writes_is_noticed() -> None:
    assert not is_written("flow-logs.amazonaws.com")
    assert is_written("ec2.amazonaws.com")


def longest(service: str, operation: str, name: str) -> int | None:
    """The most characters of a member, by its shape or else by the model's prose."""
    shape, prose = told(service, operation, name)
    if "max" in shape:
        return int(shape["max"])
    said = _MOST.search(prose)
    return int(said[1]) if said else None


def service_principals(stack: Recording) -> Iterator[str]:
    for document in documents(stack):
        for one in document.statements:
            yield from (name for kind, name in (*one.principals, *one.not_principals) if kind == "Service")


def is_written(principal: str) -> bool:
    """Whether AWS's own policies, as moto has them, or the examples of the provider's documentation name the service."""
    return any(f'"{principal}"' in text or f"`{principal}`" in text for text in _texts())


@cache
def _texts() -> tuple[str, ...]:
    provider = Path(pulumi_aws.__file__).parent
    files = ("codedeploy/deployment_group.py", "ec2/flow_log.py", "s3/bucket_logging.py", "cloudfront/distribution.py")
    own = Path(moto.__file__).parent / "iam/aws_managed_policies.py"
    return (own.read_text(), *((provider / file).read_text() for file in files))
