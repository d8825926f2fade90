"""Whoever takes over one of wealist's machines, containers or pipelines stays there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from rehearsal.recording import Recording
from tests.iam import Policies, policies_of

REGION, ACCOUNT = "ap-northeast-2", "290008131187"
BACKEND, MONITORING, PIPELINE = (
    "wealist-prod-ec2-role",
    "wealist-prod-monitoring-role",
    "wealist-prod-github-actions-role",
)
ALERTMANAGER = "wealist-prod-alertmanager"
DATABASE_INIT = "wealist-prod-database-init-role"
GRAFANA, SERVICES = "monitoring/grafana_admin_password", ("db/user_db_password", "redis/auth_token", "jwt/secret")


def parameter(name: str) -> str:
    return f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/wealist/prod/{name}"


def decrypts(policies: Policies, key: str, context: Mapping[str, Any], service: str = "ssm") -> bool:
    """AmazonSSMManagedInstanceCore lets each machine ask for every parameter: whether it is shown one is the key's matter."""
    return policies.allow("kms:Decrypt", key, {"kms:ViaService": f"{service}.{REGION}.amazonaws.com", **context})


def reads(prod: Recording, policies: Policies, name: str) -> bool:
    key = prod.one("Key", "wealist-encryption-key").outputs["arn"]
    return decrypts(policies, key, {"kms:EncryptionContext:PARAMETER_ARN": parameter(name)})


def without_context(policies: Policies) -> Policies:
    """As they were: whatever the key encrypted, through SSM."""
    kept = []
    for one in policies.statements:
        condition = {
            operator: tests for operator, tests in one.get("Condition", {}).items() if operator != "StringLike"
        }
        kept.append({**one, "Condition": condition})
    return Policies(statements=tuple(kept))


def master_secret(prod: Recording) -> str:
    return str(prod.part("wealist").one("Instance").outputs["masterUserSecrets"][0]["secretArn"])


@pytest.mark.parametrize(
    ("role", "own", "others"),
    [
        (BACKEND, SERVICES, (GRAFANA,)),
        (MONITORING, (GRAFANA,), SERVICES),
        (DATABASE_INIT, SERVICES[:1], (GRAFANA, *SERVICES[1:])),
    ],
)
def test_a_machine_reads_its_own_secrets_alone(
    prod: Recording, role: str, own: tuple[str, ...], others: tuple[str, ...]
) -> None:
    policies = policies_of(prod, role)
    assert [name for name in own if not reads(prod, policies, name)] == []
    assert [name for name in others if reads(prod, policies, name)] == []
    assert [name for name in others if not reads(prod, without_context(policies), name)] == []


def test_one_role_alone_reads_the_masters_password(prod: Recording) -> None:
    secret = master_secret(prod)
    named = {one["role"] for one in prod.of("RolePolicyAttachment")}
    able = set()
    for role in named:
        try:
            policies = policies_of(prod, role)
        except LookupError:  # only policies of AWS's
            continue
        if policies.allow("secretsmanager:GetSecretValue", secret):
            able.add(role)
    assert able == {DATABASE_INIT}


def test_its_key_opens_that_secret_alone(prod: Recording) -> None:
    key, policies = prod.one("Key", "wealist-encryption-key").outputs["arn"], policies_of(prod, DATABASE_INIT)
    secret = master_secret(prod)
    assert decrypts(policies, key, {"kms:EncryptionContext:SecretARN": secret}, "secretsmanager")
    assert not decrypts(policies, key, {"kms:EncryptionContext:SecretARN": f"{secret}x"}, "secretsmanager")


def test_nobody_becomes_the_machine_that_makes_databases(prod: Recording) -> None:
    (profile,) = [one for one in prod.of("InstanceProfile") if one["role"] == DATABASE_INIT]
    machines = [one for one in prod.of("LaunchTemplate") if one["iamInstanceProfile"] == {"name": profile["name"]}]
    assert [one["tagSpecifications"][0]["tags"]["Name"] for one in machines] == ["wealist-prod-database-init"]
    for role in (BACKEND, MONITORING, PIPELINE):
        policies = policies_of(prod, role)
        arn = f"arn:aws:iam::{ACCOUNT}:role/{DATABASE_INIT}"
        assert not policies.allow("sts:AssumeRole", arn)
        assert not policies.allow("iam:PassRole", arn)


@pytest.mark.parametrize("name", ["db/endpoint", "redis/endpoint", "db/user_db_password", "jwt/secret", "versions/x"])
def test_a_pipeline_moves_no_endpoint_and_sets_no_secret(prod: Recording, name: str) -> None:
    """Who moves the database's endpoint is sent the services' passwords."""
    pipeline = policies_of(prod, PIPELINE)
    assert not pipeline.allow("ssm:PutParameter", parameter(name))
    assert pipeline.allow("ssm:PutParameter", parameter("version/user_service"))


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_no_container_reaches_its_machines_role(stack: str, request: pytest.FixtureRequest) -> None:
    """A bridge is one hop: with a limit of 1 the metadata service's token does not cross it."""
    recording: Recording = request.getfixturevalue(stack)
    machines = [*recording.of("LaunchTemplate"), *recording.of("aws:ec2/instance:Instance")]
    assert len(machines) > 10
    assert [one.name for one in machines if one["metadataOptions.httpPutResponseHopLimit"] != 1] == []


def test_alertmanagers_keys_tell_of_alerts_and_do_nothing_else(prod: Recording) -> None:
    """A container has them: whoever takes it over can say on two topics that something, or nothing, is the matter."""
    own = policies_of(prod, ALERTMANAGER)
    assert {action for statement in own.statements for action in statement["Action"]} == {
        "sns:Publish",
        "kms:GenerateDataKey",
        "kms:Decrypt",
    }
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}"
    for name in ("wealist-prod-alarms", "wealist-prod-heartbeat"):
        assert own.allow("sns:Publish", f"{topic}:{name}")
    for name in ("eco2-prod-alarms", "eco2-prod-heartbeat", "wealist-dev-alarms"):
        assert not own.allow("sns:Publish", f"{topic}:{name}")
    for name in (GRAFANA, *SERVICES):
        assert not reads(prod, own, name)
    key = prod.one("Key", "wealist-encryption-key").outputs["arn"]
    assert decrypts(own, key, {}, "sns")


def test_the_monitoring_machine_alone_becomes_alertmanager_and_nobody_else(prod: Recording) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/"
    (role,) = [one for one in prod.of("aws:iam/role:Role") if one["name"] == ALERTMANAGER]
    (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert (trust["Action"], trust["Principal"]) == (["sts:AssumeRole"], {"AWS": f"{arn}{MONITORING}"})
    assert policies_of(prod, MONITORING).allow("sts:AssumeRole", f"{arn}{ALERTMANAGER}")
    for other in (BACKEND, PIPELINE, DATABASE_INIT, MONITORING, "eco2-prod-alertmanager"):
        assert not policies_of(prod, MONITORING).allow("sts:AssumeRole", f"{arn}{other}")
    for other in (BACKEND, PIPELINE, DATABASE_INIT, ALERTMANAGER):
        assert not policies_of(prod, other).allow("sts:AssumeRole", f"{arn}{ALERTMANAGER}")
