"""The runbooks' commands for Pulumi, as they stand there, on the engine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import boto3
import jmespath
import pytest

from tests.aws_command import run_aws
from tests.rehearsal.command_line import CommandLine, command_line, init_wealist
from tests.stacks import REGION, ROOT

RUNBOOKS = ROOT / "docs/runbooks"


def lines(page: str) -> list[str]:
    """The lines of a page's blocks; one that goes on in the next line is one."""
    text = (RUNBOOKS / page).read_text().replace("\\\n", " ")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


def commands(page: str) -> list[str]:
    """Those that are Pulumi's."""
    return [line for line in lines(page) if line.startswith("pulumi ")]


def approved(command: str) -> str:
    """As it is typed where nobody is asked."""
    asks = re.match(r"pulumi (up|destroy|refresh|stack rm|state unprotect)\b", command)
    return f"{command} --yes" if asks else command


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """With wealist's part of prod, which has every kind of protection."""
    with command_line(tmp_path_factory.mktemp("runbooks")) as opened:
        before = frozenset(held())
        init_wealist(opened)
        opened.succeed(approved(zones_first()))
        assert {"ns-2048.awsdns-64.com"} < set(json.loads(opened.succeed(SERVERS)))
        opened.succeed("PULUMI_SKIP_CHECKPOINTS=true pulumi up -s prod --yes --suppress-progress")
        yield replace(opened, before=before)


SERVERS = "pulumi stack output -s prod wealist --json | jq .name_servers"


def zones_first() -> str:
    """The first update of the first run's page, without eco2's zone."""
    (command,) = re.findall(r"^pulumi up .*--target.*$", (ROOT / "docs/first-run.md").read_text(), re.MULTILINE)
    return re.sub(r" --target '\*\*::eco2[^']*'", "", command)


@pytest.mark.judges
def test_a_protected_stack_does_not_go_by_itself(shell: CommandLine) -> None:
    before = len(shell.cloud.left())
    done = shell("pulumi destroy -s prod --yes")
    assert done.returncode != 0
    assert "protect" in done.stdout + done.stderr
    assert len(shell.cloud.left()) == before > 150


SWEEP = (
    ("acm", "list_certificates", "CertificateSummaryList[].CertificateArn"),
    ("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups[].AutoScalingGroupName"),
    ("cloudfront", "list_distributions", "DistributionList.Items[].Id"),
    ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    ("codedeploy", "list_applications", "applications"),
    ("ec2", "describe_addresses", "Addresses[].AllocationId"),
    ("ec2", "describe_instances", "Reservations[].Instances[?State.Name!='terminated'].InstanceId[]"),
    ("ec2", "describe_launch_templates", "LaunchTemplates[].LaunchTemplateId"),
    ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted'].NatGatewayId"),
    ("ec2", "describe_security_groups", "SecurityGroups[].GroupId"),
    ("ec2", "describe_volumes", "Volumes[].VolumeId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints[?State!='deleted'].VpcEndpointId"),
    ("ec2", "describe_vpcs", "Vpcs[].VpcId"),
    ("ecr", "describe_repositories", "repositories[].repositoryName"),
    ("elasticache", "describe_replication_groups", "ReplicationGroups[].ReplicationGroupId"),
    ("elbv2", "describe_load_balancers", "LoadBalancers[].LoadBalancerArn"),
    ("elbv2", "describe_target_groups", "TargetGroups[].TargetGroupArn"),
    ("iam", "list_instance_profiles", "InstanceProfiles[].InstanceProfileName"),
    ("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList[].Arn"),
    ("iam", "list_roles", "Roles[].RoleName"),
    ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier"),
    ("rds", "describe_db_snapshots", "DBSnapshots[].DBSnapshotIdentifier"),
    ("route53", "list_hosted_zones", "HostedZones[].Id"),
    ("s3", "list_buckets", "Buckets[].Name"),
    ("secretsmanager", "list_secrets", "SecretList[].Name"),
    ("sns", "list_topics", "Topics[].TopicArn"),
    ("ssm", "describe_parameters", "Parameters[?!starts_with(Name, '/aws/service/')].Name"),
)
"""Where an account shows what costs something or opens something; interfaces go with what they are of, which moto forgets."""


def held() -> set[str]:
    """What the account holds, and its keys by their state."""
    seen = set()
    for service, operation, query in SWEEP:
        pages = boto3.client(service, region_name=REGION).get_paginator  # type: ignore[call-overload]
        client = boto3.client(service, region_name=REGION)  # type: ignore[call-overload]
        answers = pages(operation).paginate() if client.can_paginate(operation) else [getattr(client, operation)()]
        seen |= {f"{service}: {one}" for answer in answers for one in jmespath.search(query, answer) or []}
    kms = boto3.client("kms", region_name=REGION)
    aliases = kms.list_aliases()["Aliases"]
    of_aws = {one.get("TargetKeyId") for one in aliases if one["AliasName"].startswith("alias/aws/")}
    keys = {one["KeyId"] for one in kms.list_keys()["Keys"]} - of_aws
    return seen | {f"kms: {kms.describe_key(KeyId=key)['KeyMetadata']['KeyState']}" for key in keys}


@pytest.mark.judges
def test_a_stack_is_taken_down_by_its_page_and_what_it_says_stays_is_all_that_does(shell: CommandLine) -> None:
    for command in lines("take-a-stack-down.md"):
        if command.startswith("aws rds"):
            run_aws(command, region=REGION)
    stands = held()
    page = commands("take-a-stack-down.md")
    assert [command.split()[1] for command in page] == ["config"] * 5 + ["up", "destroy", "stack"]
    for command in page:
        shell.succeed(f"PULUMI_SKIP_CHECKPOINTS=true {approved(command)}")
    assert shell.cloud.left() == {}
    assert shell.succeed("pulumi stack ls --json") == "[]\n"
    assert len(stands) > 80
    assert held() - shell.before == {"rds: wealist-prod-kept", "kms: PendingDeletion"}


@pytest.mark.parametrize("page", sorted(path.name for path in RUNBOOKS.glob("*.md")))
def test_a_page_names_its_stack_and_nothing_that_is_left_to_be_guessed(page: str) -> None:
    for command in commands(page):
        assert re.search(r" -s prod\b| rm prod\b", command), command
