"""The prod stack as the account shows it: read back with boto3, not from what was registered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest

from rehearsal.cloud import Cloud
from rehearsal.recording import Recording
from tests.shared import made_once
from tests.stacks import REGION, stack_up


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recording, Cloud]]:
    with ExitStack() as stays:
        standing: list[tuple[Recording, Cloud]] = []

        def stand() -> Recording:
            standing.append(stays.enter_context(stack_up("prod", tmp_path_factory.mktemp("standing"))))
            return standing[0][0]

        made_once("prod", tmp_path_factory, stand)
        if not standing:
            stand()
        yield standing[0]


@pytest.fixture
def aws(standing: tuple[Recording, Cloud], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Clients of the standing account, by service."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "rehearsal")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "rehearsal")
    return lambda service, region=REGION: boto3.client(service, region_name=region)


def test_nothing_drifts_right_after_it_was_made(standing: tuple[Recording, Cloud]) -> None:
    _, cloud = standing
    drifted = []
    for urn, state in cloud.live.items():
        token = urn.split("::")[2].split("$")[-1]
        seen = cloud.read(urn, token, state)
        if seen is None:
            drifted.append(f"{urn.split('::')[-1]}: gone")
        elif seen.inputs != state.inputs:
            changed = [key for key in state.inputs if seen.inputs.get(key) != state.inputs[key]]
            drifted.append(f"{urn.split('::')[-1]}: {changed}")
        elif seen.outputs != state.outputs:
            changed = [key for key in seen.outputs if seen.outputs.get(key) != state.outputs.get(key)]
            drifted.append(f"{urn.split('::')[-1]}: outputs {changed}")
    assert drifted == []


def test_everything_registered_lives(standing: tuple[Recording, Cloud]) -> None:
    recording, cloud = standing
    in_files = {one.urn for one in recording if one.rendered or one.type.startswith("pulumi:providers:")}
    registered = {one.urn for one in recording if one.custom} - in_files
    assert registered == set(cloud.live)


def test_the_vpc_has_six_subnets_in_three_zones(aws: Any) -> None:
    (vpc,) = aws("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["wealist-prod-vpc"]}])["Vpcs"]
    subnets = aws("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    assert sorted(subnet["CidrBlock"] for subnet in subnets) == [
        "10.1.0.0/24", "10.1.1.0/24", "10.1.10.0/24", "10.1.11.0/24", "10.1.12.0/24", "10.1.2.0/24",
    ]  # fmt: skip
    assert {subnet["AvailabilityZone"] for subnet in subnets} == {f"{REGION}{zone}" for zone in "acd"}


def test_the_default_security_group_has_no_rules(aws: Any) -> None:
    (vpc,) = aws("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["wealist-prod-vpc"]}])["Vpcs"]
    (group,) = aws("ec2").describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"]
    assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])


def test_no_security_group_kept_awss_open_egress(aws: Any) -> None:
    groups = aws("ec2").describe_security_groups(Filters=[{"Name": "tag:System", "Values": ["wealist"]}])
    for group in groups["SecurityGroups"]:
        assert not [rule for rule in group["IpPermissionsEgress"] if rule["IpProtocol"] == "-1"], group["GroupName"]


def test_instances_run_in_private_subnets_without_public_addresses(aws: Any) -> None:
    reservations = aws("ec2").describe_instances(
        Filters=[{"Name": "tag:Name", "Values": ["wealist-prod-backend", "wealist-prod-monitoring"]}]
    )["Reservations"]
    instances = [instance for one in reservations for instance in one["Instances"]]
    private = aws("ec2").describe_subnets(Filters=[{"Name": "tag:Tier", "Values": ["private"]}])["Subnets"]
    assert len(instances) == 3
    assert {instance["SubnetId"] for instance in instances} <= {subnet["SubnetId"] for subnet in private}


def test_the_load_balancer_is_protected_and_drops_bad_headers(aws: Any) -> None:
    (balancer,) = aws("elbv2").describe_load_balancers(Names=["wealist-prod-alb"])["LoadBalancers"]
    attributes = aws("elbv2").describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])
    values = {one["Key"]: one["Value"] for one in attributes["Attributes"]}
    assert values["deletion_protection.enabled"] == "true"
    assert values["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert values["access_logs.s3.bucket"] == "wealist-access-logs"


def test_the_auto_scaling_groups_have_their_sizes(aws: Any) -> None:
    groups = aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert {one["AutoScalingGroupName"]: (one["MinSize"], one["MaxSize"]) for one in groups} == {
        "wealist-prod-backend-asg": (2, 6),
        "wealist-prod-database-init-asg": (1, 1),
        "wealist-prod-monitoring-asg": (1, 1),
        "eco2-prod-tenants-asg": (3, 9),
    }


def test_the_database_is_encrypted_private_and_protected(aws: Any) -> None:
    (database,) = aws("rds").describe_db_instances(DBInstanceIdentifier="wealist-prod-rds")["DBInstances"]
    assert (database["Engine"], database["DBInstanceClass"]) == ("postgres", "db.t3.micro")
    assert (database["StorageEncrypted"], database["PubliclyAccessible"], database["DeletionProtection"]) == (
        True,
        False,
        True,
    )


def test_the_masters_password_is_where_the_parameter_says(aws: Any) -> None:
    name = aws("ssm").get_parameter(Name="/wealist/prod/db/master_arn")["Parameter"]["Value"]
    secret = json.loads(aws("secretsmanager").get_secret_value(SecretId=name)["SecretString"])
    # Which user it is of, moto makes up.
    assert secret["username"]
    assert secret["password"]


def test_redis_fails_over(aws: Any) -> None:
    (cache,) = aws("elasticache").describe_replication_groups(ReplicationGroupId="wealist-prod-redis")[
        "ReplicationGroups"
    ]
    assert (cache["TransitEncryptionEnabled"], cache["AtRestEncryptionEnabled"]) == (True, True)
    assert cache["AutomaticFailover"] in ("enabled", "enabling")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("db/endpoint", "String"), ("db/user_db_name", "String"), ("db/user_db_password", "SecureString")],
)
def test_the_documented_parameters_can_be_read(aws: Any, name: str, kind: str) -> None:
    parameter = aws("ssm").get_parameter(Name=f"/wealist/prod/{name}", WithDecryption=True)["Parameter"]
    assert parameter["Type"] == kind
    assert parameter["Value"]


def test_the_endpoint_parameter_is_the_databases_host(aws: Any) -> None:
    (database,) = aws("rds").describe_db_instances(DBInstanceIdentifier="wealist-prod-rds")["DBInstances"]
    parameter = aws("ssm").get_parameter(Name="/wealist/prod/db/endpoint")["Parameter"]
    assert parameter["Value"] == database["Endpoint"]["Address"]


def test_every_bucket_blocks_public_access_and_is_encrypted(aws: Any) -> None:
    buckets = [bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"]]
    assert set(buckets) >= {
        "eco2-example-access-logs", "eco2-example-bootstrap", "eco2-example-etcd-checksums", "eco2-example-etcd-snapshots",
        "eco2-example-issuer", "eco2-example-postgres-backups",
        "wealist-access-logs", "wealist-app-artifacts", "wealist-app-resources", "wealist-codedeploy-artifacts",
        "wealist-deploy-scripts", "wealist-frontend",
    }  # fmt: skip
    for bucket in buckets:
        blocked = aws("s3").get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert all(blocked.values()), bucket
        (rule,) = aws("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_the_certificates_are_issued_where_they_are_used(aws: Any) -> None:
    hosts = {
        region: {one["DomainName"] for one in aws("acm", region).list_certificates()["CertificateSummaryList"]}
        for region in ("us-east-1", REGION)
    }
    standby = {"exchange.eco2.example.com"}
    assert hosts["us-east-1"] == {"wealist.co.kr", "oidc.eco2.example.com", "lab-web.eco2.example.com"} | standby
    documented = {"api.wealist.co.kr", "api.eco2.example.com"}
    tenants = {f"{label}.eco2.example.com" for label in ("exchange", "exchange-edge", "immersiverse", "lab")}
    assert hosts[REGION] == documented | tenants


def test_the_roles_are_there(aws: Any) -> None:
    roles = {role["RoleName"] for role in aws("iam").list_roles()["Roles"]}
    assert {"wealist-prod-ec2-role", "wealist-prod-codedeploy-role", "wealist-prod-github-actions-role"} <= roles


def test_releases_go_to_the_backend(aws: Any) -> None:
    assert sorted(aws("codedeploy").list_applications()["applications"]) == [
        "wealist-prod-board-service",
        "wealist-prod-user-service",
    ]


def test_the_fourteen_nodes_run(aws: Any) -> None:
    running = [{"Name": "instance-state-name", "Values": ["running"]}, {"Name": "tag:Name", "Values": ["k8s-*"]}]
    found = [one["Instances"][0] for one in aws("ec2").describe_instances(Filters=running)["Reservations"]]
    assert len(found) == 14
    assert all("PublicIpAddress" not in instance or not instance["PublicIpAddress"] for instance in found)
    assert {instance["MetadataOptions"]["HttpTokens"] for instance in found} == {"required"}


def test_a_bucket_refuses_the_world_and_serves_its_owner(aws: Any) -> None:
    listed = aws("s3").list_objects_v2(Bucket="eco2-example-issuer")["Contents"]
    assert {one["Key"] for one in listed} == {".well-known/openid-configuration"}, "the master adds its keys"
