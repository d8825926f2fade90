"""What AWS refuses is refused: bad values before a call is made, unknown and duplicate names when it is made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from rehearsal.aws.provider import AwsProvider
from rehearsal.provider import Rejected
from rehearsal.values import UNKNOWN
from tests.rehearsal import aws_rows as rows
from tests.rehearsal.aws_rows import ROWS, Nowhere, policy
from tests.rehearsal.conftest import REGION, Prerequisites

DB = "aws:rds/instance:Instance"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
PARAMETER = "aws:ssm/parameter:Parameter"
RECORD = "aws:route53/record:Record"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
DEPLOYMENTS = "aws:codedeploy/deploymentGroup:DeploymentGroup"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"

BEHAVIOR = {"targetOriginId": "site", "cachePolicyId": rows.CACHING_OPTIMIZED}

# type, inputs changed (None: taken away), what the message says
BAD: list[tuple[str, dict[str, Any], str]] = [
    (rows.VPC, {"cidrBlock": "10.0.0.0/8"}, "between /16 and /28"),
    (rows.VPC, {"cidrBlock": "10.1.0.1/16"}, "not a CIDR block"),
    (rows.VPC, {"instanceTenancy": "shared"}, "instanceTenancy: 'shared' is not one of"),
    (rows.VPC, {"colour": "red"}, "no API call takes the input 'colour'"),
    (rows.SUBNET, {"cidrBlock": "10.1.0.0/29"}, "between /16 and /28"),
    (rows.SUBNET, {"vpcId": None}, 'Missing required parameter in input: "VpcId"'),
    (rows.GROUP, {"name": "sg-front"}, "do not begin with sg-"),
    (rows.GROUP, {"description": "The gateway's"}, "does not match [a-zA-Z0-9"),
    (rows.GROUP, {"description": "x" * 256}, "must be at most 255"),
    (RULE, {"description": "The gateway's"}, "does not match [a-zA-Z0-9"),
    (rows.ROLE, {"path": "no/slash"}, "does not match"),
    (RULE, {"cidrIpv4": "10.0.0.0/33"}, "not a CIDR block"),
    (RULE, {"cidrIpv4": None}, "exactly one of"),
    (RULE, {"fromPort": 500, "toPort": 443}, "not a range of ports"),
    (rows.TEMPLATE, {"metadataOptions": {"httpTokens": "must"}}, "'must' is not one of optional, required"),
    (rows.TEMPLATE, {"metadataOptions": {"tokens": "required"}}, "the API knows no such property"),
    (rows.TEMPLATE, {"userData": "x" * 30000}, "16 KiB"),
    (rows.VOLUME, {"encrypted": False}, "kmsKeyId: needs encrypted = True"),
    (
        rows.INSTANCE,
        {"metadataOptions": {"instanceMetadataTags": "enabled"}, "tags": {"kubernetes.io/cluster/x": "owned"}},
        "has a slash or a space",
    ),
    (
        rows.TEMPLATE,
        {"tagSpecifications": [{"resourceType": "instance", "tags": {"kubernetes.io/cluster/x": "owned"}}]},
        "has a slash or a space",
    ),
    ("aws:s3/bucketObjectv2:BucketObjectv2", {"content": "x"}, "content and contentBase64"),
    (
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        {"logDestinationConfigs": ["arn:aws:logs:ap-northeast-2:1:log-group:firewall"]},
        "begins with aws-waf-logs-",
    ),
    (rows.ROLE, {"name": "r" * 65}, "1 to 64 letters"),
    (rows.ROLE, {"assumeRolePolicy": "{"}, "assumeRolePolicy: not JSON"),
    (rows.ROLE, {"maxSessionDuration": 60}, "must be between 3600 and 43200"),
    (rows.POLICY, {"policy": json.dumps({"Version": "2020-01-01", "Statement": [{}]})}, "has a Version"),
    (rows.POLICY, {"policy": json.dumps({"Version": "2012-10-17", "Statement": []})}, "has no Statement"),
    (rows.POLICY, {"policy": policy("s3:GetObject", Effect="Maybe")}, "Effect must be Allow or Deny"),
    ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", {"url": "token.example.com"}, "an https:// address"),
    (rows.KEY, {"deletionWindowInDays": 5}, "not between 7 and 30"),
    ("aws:kms/alias:Alias", {"name": "wealist"}, "alias/"),
    (rows.LOGS, {"retentionInDays": 31}, "31 is not one of"),
    (rows.ALARM, {"comparisonOperator": "MoreThan"}, "'MoreThan' is not one of"),
    (rows.ALARM, {"treatMissingData": "ignored"}, "'ignored' is not one of"),
    (rows.ALARM, {"statistic": None}, "either a statistic or an extendedStatistic"),
    (rows.TOPIC, {"name": "alarms & more"}, "letters, digits"),
    (rows.BUCKET, {"bucket": "Wealist_Frontend"}, "lower-case letters"),
    (rows.BUCKET, {"bucket": "a..b"}, "a form that S3 keeps for itself"),
    (
        ENCRYPTION,
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES512"}}]},
        "'AES512' is not one of",
    ),
    (
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        {"rules": [{"id": "x", "status": "Enabled"}]},
        "does nothing",
    ),
    (rows.DISTRIBUTION, {"httpVersion": "http4"}, "'http4' is not one of"),
    (rows.DISTRIBUTION, {"origins": [{"originId": "a", "domainName": "a.example.com"}]}, "none of the origins"),
    *(
        (
            rows.DISTRIBUTION,
            {"origins": None, "orderedCacheBehaviors": None, "defaultCacheBehavior": {**BEHAVIOR, key: policy}},
            f"{key} {policy} is none of AWS's own",
        )
        for key, policy in (
            ("cachePolicyId", "658327ea-f89d-4fab-a63d-7e88639e58f7"),
            ("originRequestPolicyId", rows.CACHING_OPTIMIZED),
            ("responseHeadersPolicyId", rows.CACHING_OPTIMIZED),
        )
    ),
    (
        rows.DISTRIBUTION,
        {
            "viewerCertificate": {
                "acmCertificateArn": "arn:aws:acm:ap-northeast-2:1:certificate/1",
                "sslSupportMethod": "sni-only",
            }
        },
        "us-east-1 only",
    ),
    (
        rows.DISTRIBUTION,
        {
            "aliases": None,
            "viewerCertificate": {"cloudfrontDefaultCertificate": True, "minimumProtocolVersion": "TLSv9"},
        },
        "'TLSv9' is not one of",
    ),
    (
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        {"securityHeadersConfig": {"frameOptions": {"frameOption": "ALLOW", "override": True}}},
        "'ALLOW' is not one of",
    ),
    (
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        {"securityHeadersConfig": {"frameOptions": {"frameOption": "DENY"}}},
        'Missing required parameter in ResponseHeadersPolicyConfig.SecurityHeadersConfig.FrameOptions: "Override"',
    ),
    (rows.CERTIFICATE, {"domainName": "wealist"}, "a domain name"),
    (rows.CERTIFICATE, {"validationMethod": "PHONE"}, "'PHONE' is not one of"),
    (rows.ZONE, {"name": "wealist.co.kr."}, "without a dot at its end"),
    (RECORD, {"records": ["1.2.3.4"]}, "either records"),
    (RECORD, {"aliases": None, "records": ["1.2.3.4"]}, "records: needs ttl"),
    (RECORD, {"zoneId": "Z1", "type": "ALIAS"}, "'ALIAS' is not one of"),
    (rows.BALANCER, {"name": "a-name-with-more-than-thirty-two-characters"}, "at most 32"),
    (rows.BALANCER, {"idleTimeout": 5000}, "not between 1 and 4000"),
    (rows.TARGETS, {"healthCheck": {"interval": 10, "timeout": 10}}, "must be less than the interval"),
    (rows.TARGETS, {"protocol": "GRPC"}, "'GRPC' is not one of"),
    (rows.LISTENER, {"certificateArn": None}, "a listener on HTTPS needs one"),
    (rows.LISTENER, {"defaultActions": [{"type": "redirect"}]}, "needs a block redirect"),
    (LISTENER_RULE, {"priority": 0}, "not between 1 and 50000"),
    (LISTENER_RULE, {"conditions": []}, "has at least one"),
    (rows.ASG, {"minSize": 7}, "is more than"),
    (rows.ASG, {"vpcZoneIdentifiers": None}, "needs subnets"),
    (DB, {"availabilityZone": "ap-northeast-2a"}, "cannot be chosen for a Multi-AZ instance"),
    (DB, {"password": "short"}, "8 to 128 printable"),
    (DB, {"password": "slash/and@quote"}, "8 to 128 printable"),
    (DB, {"manageMasterUserPassword": True}, "RDS makes the password"),
    (DB, {"masterUserSecretKmsKeyId": "alias/x"}, "masterUserSecretKmsKeyId: needs manageMasterUserPassword"),
    (DB, {"storageEncrypted": False}, "kmsKeyId: needs storageEncrypted"),
    (DB, {"skipFinalSnapshot": False}, "finalSnapshotIdentifier: must be given"),
    (DB, {"allocatedStorage": 5}, "less than 20 GiB"),
    (DB, {"maxAllocatedStorage": 10}, "must be more than allocatedStorage"),
    (DB, {"identifier": "Prod--db"}, "single hyphens"),
    (DB, {"monitoringRoleArn": None}, "monitoringInterval: needs monitoringRoleArn"),
    (DB, {"backupRetentionPeriod": 36}, "not between 0 and 35"),
    (DB, {"username": "rdsadmin"}, "reserved word"),
    (DB, {"engineVersion": "17.99"}, "'17.99' is not a version of postgres, as cfn-lint"),
    (DB, {"instanceClass": "db.t3.tiny"}, "instanceClass: 'db.t3.tiny' is not offered for postgres in ap-northeast-2"),
    (DB, {"instanceClass": "db.m6idn.large"}, "is not offered for postgres in ap-northeast-2"),
    (CACHE, {"engineVersion": "7.3"}, "lists them: 7.0, 7.1"),
    (
        CACHE,
        {"nodeType": "cache.t3.tiny"},
        ": cache.t3.medium, cache.t3.micro, cache.t3.small",
    ),
    (CACHE, {"transitEncryptionEnabled": False}, "authToken: needs transitEncryptionEnabled"),
    (CACHE, {"numCacheClusters": 1, "preferredCacheClusterAzs": None}, "needs at least two nodes"),
    (CACHE, {"automaticFailoverEnabled": False}, "multiAzEnabled: needs automaticFailoverEnabled"),
    (CACHE, {"authToken": "short"}, "16 to 128"),
    (PARAMETER, {"type": "Secret"}, "'Secret' is not one of"),
    (PARAMETER, {"value": ""}, "between 1 and 4096 bytes"),
    (PARAMETER, {"value": None, "insecureValue": "open"}, "insecureValue: not for a SecureString"),
    (PARAMETER, {"type": "String"}, "only a SecureString has a key"),
    (PARAMETER, {"name": "/aws/mine"}, "not beginning with aws"),
    (rows.REPOSITORY, {"name": "Wealist"}, "lower-case"),
    (rows.REPOSITORY, {"imageTagMutability": "FIXED"}, "'FIXED' is not one of"),
    (DEPLOYMENTS, {"deploymentConfigName": "CodeDeployDefault.TwoAtATime"}, "is not one of"),
    (DEPLOYMENTS, {"loadBalancerInfo": None}, "WITH_TRAFFIC_CONTROL needs a loadBalancerInfo"),
    (DEPLOYMENTS, {"alarmConfiguration": None}, "needs an alarmConfiguration"),
    (rows.ACL, {"defaultAction": {"allow": {}, "block": {}}}, "either allow or block"),
]


def changed(token: str, changes: dict[str, Any], world: Any) -> dict[str, Any]:
    return {key: value for key, value in {**ROWS[token].inputs(world), **changes}.items() if value is not None}


@pytest.mark.parametrize(("token", "changes", "message"), BAD, ids=lambda value: str(value)[:40])
def test_bad_value(aws: AwsProvider, token: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Rejected) as refusal:
        aws.check("urn", token, changed(token, changes, Nowhere()))
    assert message in str(refusal.value)


@pytest.mark.parametrize("token", ROWS)
def test_nothing_is_refused_for_being_unknown(aws: AwsProvider, token: str) -> None:
    inputs = ROWS[token].inputs(Nowhere())
    for key in inputs:
        aws.check("urn", token, {**inputs, key: UNKNOWN})
    aws.check("urn", token, dict.fromkeys(inputs, UNKNOWN))


def test_passwords_do_not_show_in_messages(aws: AwsProvider) -> None:
    for token, key in ((DB, "password"), (CACHE, "authToken"), (PARAMETER, "value")):
        secret = "s3cr3t/ " * 1200
        with pytest.raises(Rejected) as refusal:
            aws.check("urn", token, changed(token, {key: secret}, Nowhere()))
        assert "s3cr3t" not in str(refusal.value)


MISSING: list[tuple[str, Callable[[Prerequisites], dict[str, Any]], str]] = [
    (rows.SUBNET, lambda w: {"vpcId": "vpc-0123456789abcdef0"}, "input 'vpcId': vpc-0123456789abcdef0 does not exist"),
    (rows.TARGETS, lambda w: {"vpcId": "vpc-0123456789abcdef0"}, "does not exist"),
    (rows.PROFILE, lambda w: {"role": "nobody"}, "NoSuchEntity"),
    (
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        lambda w: {"policyArn": "arn:aws:iam::aws:policy/Nothing"},
        "NoSuchEntity",
    ),
    (DEPLOYMENTS, lambda w: {"autoscalingGroups": ["nobody"]}, "not all of them exist"),
    (DEPLOYMENTS, lambda w: {"loadBalancerInfo": {"targetGroupInfos": [{"name": "nobody"}]}}, "TargetGroupNotFound"),
    (
        DEPLOYMENTS,
        lambda w: {"serviceRoleArn": "arn:aws:iam::123456789012:role/nobody"},
        "input 'serviceRoleArn': arn:aws:iam::123456789012:role/nobody does not exist",
    ),
    (
        rows.VOLUME,
        lambda w: {"kmsKeyId": f"arn:aws:kms:{REGION}:123456789012:key/00000000-0000-0000-0000-000000000000"},
        "input 'kmsKeyId'",
    ),
    (
        "aws:acm/certificateValidation:CertificateValidation",
        lambda w: {"certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/none"},
        "input 'certificateArn'",
    ),
    ("aws:s3/bucketPolicy:BucketPolicy", lambda w: {"bucket": "nobodys-bucket"}, "NoSuchBucket"),
    ("aws:ecr/lifecyclePolicy:LifecyclePolicy", lambda w: {"repository": "nobody"}, "RepositoryNotFound"),
    (RECORD, lambda w: {"name": "www.example.com"}, "not permitted in zone"),
    (rows.SUBNET, lambda w: {"cidrBlock": "10.9.0.0/24"}, "InvalidSubnet.Range"),
    (rows.BALANCER, lambda w: {"subnets": [w(rows.SUBNET).id]}, "at least two availability zones"),
    (
        rows.BALANCER,
        lambda w: {"subnets": [w(rows.SUBNET).id, w(rows.SUBNET, "same zone").id]},
        "at least two availability zones",
    ),
    (
        rows.DB_SUBNETS,
        lambda w: {"subnetIds": [w(rows.SUBNET).id, w(rows.SUBNET, "same zone").id]},
        "at least two availability zones",
    ),
]


@pytest.mark.parametrize(
    ("token", "changes", "message"), MISSING, ids=[f"{i}-{row[2][:20]}" for i, row in enumerate(MISSING)]
)
def test_what_is_not_there_is_refused(
    aws: AwsProvider, world: Prerequisites, token: str, changes: Callable[[Prerequisites], dict[str, Any]], message: str
) -> None:
    inputs = changed(token, changes(world), world)
    with pytest.raises(Rejected) as refusal:
        aws.create("urn", token, inputs)
    assert message in str(refusal.value)


SINGLE = [
    "aws:ec2/route:Route",
    "aws:iam/instanceProfile:InstanceProfile",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:iam/policy:Policy",
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:kms/alias:Alias",
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:cloudfront/originAccessControl:OriginAccessControl",
    "aws:elasticache/parameterGroup:ParameterGroup",
    "aws:elasticache/subnetGroup:SubnetGroup",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:rds/subnetGroup:SubnetGroup",
    "aws:route53/record:Record",
    "aws:s3/bucket:Bucket",
    "aws:sns/topic:Topic",
    "aws:ssm/document:Document",
    "aws:wafv2/webAcl:WebAcl",
    rows.APPLICATION,
    rows.ASG,
    rows.BALANCER,
    rows.GROUP,
    rows.LISTENER,
    rows.REPOSITORY,
    rows.SUBNET,
    rows.TARGETS,
    rows.TEMPLATE,
    CACHE,
    DB,
    DEPLOYMENTS,
    LISTENER_RULE,
    PARAMETER,
    RULE,
    "aws:autoscaling/policy:Policy",
]


@pytest.mark.parametrize("token", SINGLE)
def test_a_second_one_is_refused(world: Prerequisites, token: str) -> None:
    first = world(token)
    with pytest.raises(Rejected) as refusal:
        world.create(token)
    assert str(refusal.value)
    found = world.provider.read("urn", token, first)
    assert found is not None
    assert found.inputs == first.inputs


def test_a_bucket_with_objects_is_not_deleted(aws: AwsProvider, world: Prerequisites) -> None:
    bucket = world.create(rows.BUCKET, forceDestroy=False)
    s3 = aws.client("s3", REGION)
    s3.put_object(Bucket=bucket.id, Key="a", Body=b"1")
    with pytest.raises(Rejected, match="BucketNotEmpty"):
        aws.delete("urn", rows.BUCKET, bucket)
    forced = aws.update("urn", rows.BUCKET, bucket, {**bucket.inputs, "forceDestroy": True})
    s3.put_bucket_versioning(Bucket=bucket.id, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket.id, Key="a", Body=b"2")
    s3.delete_object(Bucket=bucket.id, Key="a")
    aws.delete("urn", rows.BUCKET, forced)
    assert aws.read("urn", rows.BUCKET, forced) is None


def test_deletion_protection_of_a_load_balancer(aws: AwsProvider, world: Prerequisites) -> None:
    guarded = world.create(rows.BALANCER, enableDeletionProtection=True)
    with pytest.raises(Rejected, match="protected from deletion"):
        aws.delete("urn", rows.BALANCER, guarded)
    freed = aws.update("urn", rows.BALANCER, guarded, {**guarded.inputs, "enableDeletionProtection": False})
    aws.delete("urn", rows.BALANCER, freed)
    assert aws.read("urn", rows.BALANCER, freed) is None


def test_deletion_protection_of_a_database(aws: AwsProvider, world: Prerequisites) -> None:
    guarded = world.create(DB, deletionProtection=True)
    with pytest.raises(Rejected, match="deletion protection"):
        aws.delete("urn", DB, guarded)
    aws.delete("urn", DB, aws.update("urn", DB, guarded, {**guarded.inputs, "deletionProtection": False}))
    assert aws.read("urn", DB, guarded) is None


def test_a_zone_with_records_is_not_deleted_unless_forced(aws: AwsProvider, world: Prerequisites) -> None:
    zone = world(rows.ZONE)
    world.create(RECORD)
    with pytest.raises(Rejected, match="HostedZoneNotEmpty"):
        aws.delete("urn", rows.ZONE, zone)
    aws.delete("urn", rows.ZONE, aws.update("urn", rows.ZONE, zone, {**zone.inputs, "forceDestroy": True}))
    assert aws.read("urn", rows.ZONE, zone) is None


def test_versioning_never_set_reads_as_disabled(aws: AwsProvider, world: Prerequisites) -> None:
    state = world.create(VERSIONING, versioningConfiguration={"status": "Disabled"})
    found = aws.read("urn", VERSIONING, state)
    assert found is not None
    assert found.inputs == state.inputs
    enabled = aws.update("urn", VERSIONING, state, {**state.inputs, "versioningConfiguration": {"status": "Enabled"}})
    with pytest.raises(Rejected, match="'Disabled' is not one of Enabled, Suspended"):
        aws.update("urn", VERSIONING, enabled, state.inputs)


def test_an_auto_scaling_group_really_starts_instances(aws: AwsProvider, world: Prerequisites) -> None:
    group = world(rows.ASG)
    (found,) = aws.client("autoscaling", REGION).describe_auto_scaling_groups(AutoScalingGroupNames=[group.id])[
        "AutoScalingGroups"
    ]
    assert len(found["Instances"]) == 2
    ids = [instance["InstanceId"] for instance in found["Instances"]]
    reservations = aws.client("ec2", REGION).describe_instances(InstanceIds=ids)["Reservations"]
    instances = [instance for reservation in reservations for instance in reservation["Instances"]]
    assert {instance["InstanceType"] for instance in instances} == {"t3.small"}
    assert {instance["SubnetId"] for instance in instances} <= {world(rows.SUBNET).id, world(rows.SUBNET, "c").id}


def test_a_new_minimum_raises_what_an_auto_scaling_group_desires_as_on_aws(
    aws: AwsProvider, world: Prerequisites
) -> None:
    group = world(rows.ASG)
    raised = {**group.inputs, "minSize": 3}
    aws.check("urn", rows.ASG, raised)
    aws.update("urn", rows.ASG, group, raised)
    (found,) = aws.client("autoscaling", REGION).describe_auto_scaling_groups(AutoScalingGroupNames=[group.id])[
        "AutoScalingGroups"
    ]
    assert (found["MinSize"], found["DesiredCapacity"], len(found["Instances"])) == (3, 3, 3)


def test_a_change_leaves_what_scaling_has_chosen(aws: AwsProvider, world: Prerequisites) -> None:
    group = world(rows.ASG)
    scaling = aws.client("autoscaling", REGION)
    scaling.set_desired_capacity(AutoScalingGroupName=group.id, DesiredCapacity=5)
    aws.update("urn", rows.ASG, group, {**group.inputs, "healthCheckGracePeriod": 600})
    (found,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group.id])["AutoScalingGroups"]
    assert found["DesiredCapacity"] == 5


def test_a_changed_database_keeps_the_secret_that_rds_made_for_it(aws: AwsProvider, world: Prerequisites) -> None:
    database = world.create(DB, password=None, manageMasterUserPassword=True)
    changed = aws.update("urn", DB, database, {**database.inputs, "instanceClass": "db.t3.small"})
    assert changed.outputs["masterUserSecrets"] == database.outputs["masterUserSecrets"]
    assert database.outputs["masterUserSecrets"][0]["secretArn"]


@pytest.mark.parametrize("desired", [1, 7])
def test_what_is_desired_lies_between_the_sizes(aws: AwsProvider, world: Prerequisites, desired: int) -> None:
    with pytest.raises(Rejected, match=f"Desired capacity:{desired} must be between"):
        world.create(rows.ASG, desiredCapacity=desired)
    group = world(rows.ASG)
    with pytest.raises(Rejected, match=f"Desired capacity:{desired} must be between"):
        aws.update("urn", rows.ASG, group, {**group.inputs, "desiredCapacity": desired})


def test_a_revoked_rule_is_gone(aws: AwsProvider, world: Prerequisites) -> None:
    rule = world(RULE)
    aws.client("ec2", REGION).revoke_security_group_ingress(
        GroupId=world(rows.GROUP).id, SecurityGroupRuleIds=[rule.id]
    )
    assert aws.read("urn", RULE, rule) is None


def test_a_policy_can_change_more_often_than_aws_keeps_versions(aws: AwsProvider, world: Prerequisites) -> None:
    state = world(rows.POLICY)
    for number in range(8):
        state = aws.update("urn", rows.POLICY, state, {**state.inputs, "policy": policy(f"s3:Get{number}")})
    found = aws.read("urn", rows.POLICY, state)
    assert found is not None
    assert found.inputs == state.inputs


def test_what_cannot_be_finished_is_not_left_behind(aws: AwsProvider) -> None:
    with pytest.raises(Rejected, match="EnableDnsSupport"):
        aws.create("urn", rows.VPC, {"cidrBlock": "10.77.0.0/16", "enableDnsSupport": "maybe"})
    vpcs = aws.client("ec2", REGION).describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.77.0.0/16"]}])["Vpcs"]
    assert vpcs == []


def test_an_unknown_type_says_where_to_add_it(aws: AwsProvider) -> None:
    with pytest.raises(Rejected, match=r"aws:sqs/queue:Queue has no embedded implementation.*rehearsal/aws/sqs.py"):
        aws.check("urn", "aws:sqs/queue:Queue", {})


def test_functions(aws: AwsProvider, world: Prerequisites) -> None:
    assert aws.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})["accountId"] == "123456789012"
    assert aws.invoke("aws:index/getRegion:getRegion", {})["region"] == REGION
    assert aws.invoke("aws:index/getRegion:getRegion", {"region": "us-east-1"})["name"] == "us-east-1"
    assert aws.invoke("aws:index/getPartition:getPartition", {})["partition"] == "aws"
    zones = aws.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", {"state": "available"})
    assert {"ap-northeast-2a", "ap-northeast-2c", "ap-northeast-2d"} <= set(zones["names"])
    world(PARAMETER)
    found = aws.invoke(
        "aws:ssm/getParameter:getParameter", {"name": "/wealist/prod/db/password", "withDecryption": True}
    )
    assert found["value"] == "correct-horse-battery"
    prefix = aws.invoke("aws:ec2/getManagedPrefixList:getManagedPrefixList", {"name": f"com.amazonaws.{REGION}.s3"})
    assert prefix["id"].startswith("pl-")
