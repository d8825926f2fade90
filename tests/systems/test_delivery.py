"""The delivery roles, as sentences: whose workflows may be them, what they reach, and what is out of their reach."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.systems.delivery_access import IMAGES
from rehearsal.manifests import write_manifests
from rehearsal.recording import Recording, Registered
from rehearsal.rendered import write_rendered
from rehearsal.values import reveal
from tests.iam import policies_of, policy_named
from tests.stacks import ACCOUNT, REGION, ROOT, changed_stack, stack_file
from tests.workflows.files import ACTIONS, WORKFLOWS, expanded, named

STACKS = ("dev", "prod")
OTHER = {"dev": "prod", "prod": "dev"}
REPOSITORY = "example/edge-platform"
ISSUER = "token.actions.githubusercontent.com"
STATE = "arn:aws:s3:::edge-platform-state-example"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0123"


@pytest.fixture(params=STACKS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stack(name: str, request: pytest.FixtureRequest) -> Recording:
    recording: Recording = request.getfixturevalue(name)
    return recording


def role(stack: Recording, label: str) -> Registered:
    return stack.one("aws:iam/role:Role", f"delivery-{label}-role")


def subjects(stack: Recording, label: str) -> list[str]:
    (statement,) = json.loads(role(stack, label)["assumeRolePolicy"])["Statement"]
    assert statement["Condition"].keys() == {"StringEquals"}
    found: list[str] = statement["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    return found


class TestTrust:
    """Whose workflows may be which role."""

    def test_the_deploy_role_is_bound_to_the_environment_of_its_stack(self, stack: Recording, name: str) -> None:
        assert subjects(stack, "deploy") == [f"repo:{REPOSITORY}:environment:{name}"]

    def test_images_are_pushed_from_an_environment_of_their_own(self, stack: Recording, name: str) -> None:
        assert subjects(stack, "images") == [f"repo:{REPOSITORY}:environment:{name}-images"]

    def test_a_preview_runs_in_an_environment_that_can_ask_for_approval_or_on_main(
        self, stack: Recording, name: str
    ) -> None:
        assert subjects(stack, "preview") == [
            f"repo:{REPOSITORY}:environment:{name}-preview",
            f"repo:{REPOSITORY}:ref:refs/heads/main",
        ]

    def test_drift_is_looked_for_on_main_alone(self, stack: Recording) -> None:
        assert subjects(stack, "drift") == [f"repo:{REPOSITORY}:ref:refs/heads/main"]

    def test_every_role_takes_githubs_tokens_for_aws_alone(self, stack: Recording) -> None:
        roles = stack.part("delivery").of("aws:iam/role:Role")
        assert len(roles) == 4
        for one in roles:
            (statement,) = json.loads(one["assumeRolePolicy"])["Statement"]
            assert statement["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"}
            assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
            assert statement["Condition"]["StringEquals"][f"{ISSUER}:aud"] == "sts.amazonaws.com"

    def test_the_repository_is_the_one_that_argo_cd_reads(self, name: str) -> None:
        config = stack_file(name).config
        repository = json.loads(config["edge-platform:delivery"])["repository"]
        assert json.loads(config["edge-platform:eco2"])["gitops"]["repository"] == f"https://github.com/{repository}"


class TestPreview:
    """A pull request's own code runs as this role: it sees the state with its secrets closed, and nothing else."""

    def test_it_reads_its_own_stacks_state(self, stack: Recording, name: str) -> None:
        preview = policies_of(stack, f"delivery-{name}-preview")
        assert preview.allow("s3:GetObject", f"{STATE}/.pulumi/stacks/edge-platform/{name}.json")
        assert preview.allow("s3:GetObject", f"{STATE}/.pulumi/meta.yaml")
        assert not preview.allow("kms:Decrypt", KEY, {"kms:ResourceAliases": [f"alias/edge-platform-state-{name}"]})

    def test_it_does_not_read_another_stacks_state(self, stack: Recording, name: str) -> None:
        preview, other = policies_of(stack, f"delivery-{name}-preview"), OTHER[name]
        assert not preview.allow("s3:GetObject", f"{STATE}/.pulumi/stacks/edge-platform/{other}.json")
        assert not preview.allow("kms:Decrypt", KEY, {"kms:ResourceAliases": [f"alias/edge-platform-state-{other}"]})

    def test_it_writes_nothing(self, stack: Recording) -> None:
        labels = ("preview-role-preview", "drift-role-drift")
        policies = [one for one in stack.of("aws:iam/policy:Policy") if any(label in one.name for label in labels)]
        allowed = {
            action.split(":")[1]
            for policy in policies
            for statement in json.loads(policy["policy"])["Statement"]
            if statement["Effect"] == "Allow"
            for action in statement["Action"]
        }
        assert len(policies) == 7
        assert {one for one in allowed if not one.startswith(("Get", "List", "Describe"))} == set()

    def test_it_has_no_policy_of_awss(self, stack: Recording) -> None:
        attached = {one.name for one in stack.of("RolePolicyAttachment") if one.name.startswith("delivery-preview")}
        assert attached == {"delivery-preview-role-preview-state", "delivery-preview-role-preview-nothing-else"}


CONTENTS = (
    ("s3:GetObject", "arn:aws:s3:::eco2-example-postgres-backups/dump"),
    ("s3:GetObjectVersion", "arn:aws:s3:::eco2-example-etcd-snapshots/snapshots/x"),
    ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/eco2/prod/jwt/secret"),
    ("ssm:GetParametersByPath", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/wealist/prod/"),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:x"),
    ("ec2:GetConsoleOutput", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1"),
    ("ec2:GetPasswordData", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1"),
    ("ecr:BatchGetImage", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/eco2-prod-auth-api"),
    ("ecr:GetDownloadUrlForLayer", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/eco2-prod-auth-api"),
    ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/of-the-state"),
    ("kms:GenerateDataKey", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/of-the-state"),
    ("kms:ReEncryptFrom", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/of-the-state"),
    ("logs:FilterLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:x"),
    ("logs:GetLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:x"),
    ("logs:StartQuery", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:x"),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/wealist-prod-ec2-role"),
)


class TestDrift:
    """It sees how everything is configured, and no content."""

    @pytest.mark.parametrize("label", ["preview", "drift"])
    @pytest.mark.parametrize(("action", "resource"), CONTENTS, ids=[action for action, _ in CONTENTS])
    def test_contents_are_denied_whatever_is_attached(
        self, prod: Recording, label: str, action: str, resource: str
    ) -> None:
        everything = ({"Effect": "Allow", "Action": ["*"], "Resource": "*"},)
        policies = policies_of(prod, f"delivery-prod-{label}")
        widened = type(policies)(statements=(*policies.statements, *everything))
        assert widened.allow("ec2:DescribeVpcs", "*")
        assert not widened.allow(action, resource)

    def test_objects_that_pulumi_put_there_can_be_compared(self, stack: Recording, name: str) -> None:
        drift = policies_of(stack, f"delivery-{name}-drift")
        objects = stack.of("BucketObjectv2")
        assert len(objects) == 3
        for one in objects:
            assert drift.allow("s3:GetObject", f"arn:aws:s3:::{one['bucket']}/{one['key']}"), one.name

    def test_no_policy_of_awss_is_attached_to_it(self, stack: Recording, name: str) -> None:
        attached = {
            one["policyArn"] for one in stack.of("RolePolicyAttachment") if one["role"] == f"delivery-{name}-drift"
        }
        assert not [one for one in attached if one.startswith("arn:aws:iam::aws:")]


class TestImages:
    """Images of the platform's own services."""

    def test_every_service_of_the_repository_has_a_role_to_push_it(self) -> None:
        assert set(IMAGES) == {path.parent.name for path in (ROOT / "services").glob("*/Containerfile")}

    def test_its_own_repositories_take_images_and_keep_them(self, stack: Recording, name: str) -> None:
        images = policies_of(stack, f"delivery-{name}-images")
        own = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/eco2-{name}-ext-authz"
        assert images.allow("ecr:PutImage", own)
        assert images.allow("ecr:PutImage", own.replace("eco2-", "immersiverse-").replace("ext-authz", "auth"))
        assert not images.allow("ecr:BatchDeleteImage", own)
        assert not images.allow("ecr:PutImageTagMutability", own)
        assert not images.allow("ecr:PutImage", own.replace("ext-authz", "auth-api"))
        assert not images.allow("ecr:PutImage", own.replace(f"-{name}-", f"-{OTHER[name]}-"))


def _arn(resource: Registered) -> str:
    return str(resource.outputs["arn"])


def _of(service: str, path: str, region: str = REGION) -> Callable[[Registered], str]:
    return lambda _: f"arn:aws:{service}:{region}:{ACCOUNT}:{path}"


def _bucket(resource: Registered) -> str:
    return f"arn:aws:s3:::{resource['bucket']}"


def _no_level(_: Registered) -> str:
    return "*"


def _input(template: str) -> Callable[[Registered], str]:
    return lambda resource: template.format(**resource.inputs, account=ACCOUNT, region=REGION)


_IN_EC2 = _of("ec2", "thing/id")
_ZONE = _of("route53", "hostedzone/Z1", "")
_ROLE = _input("arn:aws:iam::{account}:role/{role}")

MAKING: dict[str, tuple[str, Callable[[Registered], str]]] = {
    "aws:acm/certificate:Certificate": ("acm:RequestCertificate", _no_level),
    "aws:autoscaling/group:Group": ("autoscaling:CreateAutoScalingGroup", _arn),
    "aws:autoscaling/policy:Policy": (
        "autoscaling:PutScalingPolicy",
        _input("arn:aws:autoscaling:{region}:{account}:autoScalingGroup:1:autoScalingGroupName/{autoscalingGroupName}"),
    ),
    "aws:cloudfront/distribution:Distribution": ("cloudfront:CreateDistribution", _arn),
    "aws:cloudfront/originAccessControl:OriginAccessControl": (
        "cloudfront:CreateOriginAccessControl",
        _of("cloudfront", "origin-access-control/E1", ""),
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": (
        "cloudfront:CreateResponseHeadersPolicy",
        _of("cloudfront", "response-headers-policy/1", ""),
    ),
    "aws:cloudwatch/logDelivery:LogDelivery": ("logs:CreateDelivery", _of("logs", "delivery:1", "us-east-1")),
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": ("logs:PutDeliveryDestination", _arn),
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": ("logs:PutDeliverySource", _arn),
    "aws:cloudwatch/logGroup:LogGroup": ("logs:CreateLogGroup", _arn),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("cloudwatch:PutMetricAlarm", _arn),
    "aws:codedeploy/application:Application": (
        "codedeploy:CreateApplication",
        _input("arn:aws:codedeploy:{region}:{account}:application:{name}"),
    ),
    "aws:codedeploy/deploymentGroup:DeploymentGroup": (
        "codedeploy:CreateDeploymentGroup",
        _input("arn:aws:codedeploy:{region}:{account}:deploymentgroup:{appName}/{deploymentGroupName}"),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ("ec2:RevokeSecurityGroupIngress", _IN_EC2),
    "aws:ec2/eip:Eip": ("ec2:AllocateAddress", _IN_EC2),
    "aws:ec2/flowLog:FlowLog": ("ec2:CreateFlowLogs", _IN_EC2),
    "aws:ec2/instance:Instance": ("ec2:RunInstances", _IN_EC2),
    "aws:ec2/internetGateway:InternetGateway": ("ec2:CreateInternetGateway", _IN_EC2),
    "aws:ec2/launchTemplate:LaunchTemplate": ("ec2:CreateLaunchTemplate", _IN_EC2),
    "aws:ec2/natGateway:NatGateway": ("ec2:CreateNatGateway", _IN_EC2),
    "aws:ec2/route:Route": ("ec2:CreateRoute", _IN_EC2),
    "aws:ec2/routeTable:RouteTable": ("ec2:CreateRouteTable", _IN_EC2),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": ("ec2:AssociateRouteTable", _IN_EC2),
    "aws:ec2/securityGroup:SecurityGroup": ("ec2:CreateSecurityGroup", _IN_EC2),
    "aws:ec2/subnet:Subnet": ("ec2:CreateSubnet", _IN_EC2),
    "aws:ec2/vpc:Vpc": ("ec2:CreateVpc", _IN_EC2),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("ec2:CreateVpcEndpoint", _IN_EC2),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": (
        "ecr:PutLifecyclePolicy",
        _input("arn:aws:ecr:{region}:{account}:repository/{repository}"),
    ),
    "aws:ecr/repository:Repository": ("ecr:CreateRepository", _arn),
    "aws:elasticache/parameterGroup:ParameterGroup": ("elasticache:CreateCacheParameterGroup", _arn),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("elasticache:CreateReplicationGroup", _arn),
    "aws:elasticache/subnetGroup:SubnetGroup": ("elasticache:CreateCacheSubnetGroup", _arn),
    "aws:iam/instanceProfile:InstanceProfile": ("iam:CreateInstanceProfile", _arn),
    "aws:iam/policy:Policy": ("iam:CreatePolicy", _arn),
    "aws:iam/role:Role": ("iam:CreateRole", _arn),
    "aws:iam/rolePolicy:RolePolicy": ("iam:PutRolePolicy", _ROLE),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ("iam:AttachRolePolicy", _ROLE),
    "aws:kms/alias:Alias": ("kms:CreateAlias", _input("arn:aws:kms:{region}:{account}:{name}")),
    "aws:kms/key:Key": ("kms:CreateKey", _no_level),
    "aws:lb/listener:Listener": ("elasticloadbalancing:CreateListener", _arn),
    "aws:lb/listenerCertificate:ListenerCertificate": (
        "elasticloadbalancing:AddListenerCertificates",
        lambda one: str(one["listenerArn"]),
    ),
    "aws:lb/listenerRule:ListenerRule": ("elasticloadbalancing:CreateRule", _arn),
    "aws:lb/loadBalancer:LoadBalancer": ("elasticloadbalancing:CreateLoadBalancer", _arn),
    "aws:lb/targetGroup:TargetGroup": ("elasticloadbalancing:CreateTargetGroup", _arn),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": (
        "elasticloadbalancing:RegisterTargets",
        lambda one: str(one["targetGroupArn"]),
    ),
    "aws:rds/instance:Instance": ("rds:CreateDBInstance", _arn),
    "aws:rds/parameterGroup:ParameterGroup": ("rds:CreateDBParameterGroup", _arn),
    "aws:rds/subnetGroup:SubnetGroup": ("rds:CreateDBSubnetGroup", _arn),
    "aws:route53/record:Record": ("route53:ChangeResourceRecordSets", lambda _: "arn:aws:route53:::hostedzone/Z1"),
    "aws:route53/zone:Zone": ("route53:CreateHostedZone", _no_level),
    "aws:s3/bucket:Bucket": ("s3:CreateBucket", _bucket),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": ("s3:PutLifecycleConfiguration", _bucket),
    "aws:s3/bucketLogging:BucketLogging": ("s3:PutBucketLogging", _bucket),
    "aws:s3/bucketObjectv2:BucketObjectv2": ("s3:PutObject", _input("arn:aws:s3:::{bucket}/{key}")),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ("s3:PutBucketOwnershipControls", _bucket),
    "aws:s3/bucketPolicy:BucketPolicy": ("s3:PutBucketPolicy", _bucket),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": ("s3:PutBucketPublicAccessBlock", _bucket),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "s3:PutEncryptionConfiguration",
        _bucket,
    ),
    "aws:s3/bucketVersioning:BucketVersioning": ("s3:PutBucketVersioning", _bucket),
    "aws:sns/topic:Topic": ("sns:CreateTopic", _arn),
    "aws:ssm/association:Association": ("ssm:CreateAssociation", _of("ssm", "association/1")),
    "aws:ssm/document:Document": ("ssm:CreateDocument", _input("arn:aws:ssm:{region}:{account}:document/{name}")),
    "aws:ssm/parameter:Parameter": ("ssm:PutParameter", _input("arn:aws:ssm:{region}:{account}:parameter{name}")),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ("ec2:AuthorizeSecurityGroupEgress", _IN_EC2),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ("ec2:AuthorizeSecurityGroupIngress", _IN_EC2),
    "aws:wafv2/webAcl:WebAcl": ("wafv2:CreateWebACL", _arn),
    "aws:wafv2/webAclAssociation:WebAclAssociation": ("wafv2:AssociateWebACL", lambda one: str(one["webAclArn"])),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": (
        "wafv2:PutLoggingConfiguration",
        lambda one: str(one["resourceArn"]),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": ("iam:CreateOpenIDConnectProvider", _arn),
}
"""The call that makes a resource of each type, and what it is about."""

ASKS_NOTHING = {"aws:acm/certificateValidation:CertificateValidation"}
"""Types that only wait."""

BY_AN_ADMINISTRATOR = {"aws:iam/openIdConnectProvider:OpenIdConnectProvider wealist-github"} | {
    "aws:route53/healthCheck:HealthCheck", "aws:route53/zone:Zone", "aws:ssm/association:Association",
}  # fmt: skip
"""What no workflow may make, besides the delivery roles: the account's trust in GitHub, and what AWS can hold to no stack."""

BOUNDED = {"iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"}


class TestDeploy:
    """It makes what the stack consists of, and neither another stack's parts nor itself."""

    def context(self, name: str, action: str) -> dict[str, Any]:
        boundary = f"arn:aws:iam::{ACCOUNT}:policy/delivery-{name}-boundary"
        return {"iam:PermissionsBoundary": boundary} if action in BOUNDED else {}

    def test_it_may_make_every_resource_of_the_stack(self, stack: Recording, name: str) -> None:
        deploy = policies_of(stack, f"delivery-{name}-deploy")
        refused = []
        for one in stack:
            ours = one.custom and one.type.startswith("aws:") and not one.name.startswith("delivery-")
            if ours and one.type not in ASKS_NOTHING and not {one.type, f"{one.type} {one.name}"} & BY_AN_ADMINISTRATOR:
                action, about = MAKING[one.type]
                if not deploy.allow(action, about(one), self.context(name, action)):
                    refused.append(f"{action} on {about(one)}")
        assert refused == []

    def test_it_may_not_make_what_another_stack_has_by_name(self, prod: Recording, dev: Recording, name: str) -> None:
        own, other = (prod, dev) if name == "prod" else (dev, prod)
        deploy = policies_of(own, f"delivery-{name}-deploy")
        named = {one.type for one in other if one.custom and MAKING.get(one.type, (0, _IN_EC2))[1] is _arn}
        # AWS names distributions itself; a bucket of prod's prefix may be dev's.
        for one in other:
            if one.type in named - {"aws:cloudfront/distribution:Distribution"} and not one.name.startswith(
                "delivery-"
            ):
                action, about = MAKING[one.type]
                assert not deploy.allow(action, about(one), self.context(name, action)), one.name

    def test_what_carries_another_stacks_tag_is_out_of_reach(self, stack: Recording, name: str) -> None:
        deploy = policies_of(stack, f"delivery-{name}-deploy")
        vpc = f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-1"
        tag = "aws:ResourceTag/Environment"
        assert deploy.allow("ec2:DeleteVpc", vpc, {tag: name})
        assert deploy.allow("ec2:CreateTags", vpc)
        assert not deploy.allow("ec2:DeleteVpc", vpc, {tag: OTHER[name]})
        assert not deploy.allow("kms:ScheduleKeyDeletion", KEY, {tag: OTHER[name]})

    def test_it_can_change_no_delivery_role_and_no_trust_in_github(self, stack: Recording, name: str) -> None:
        deploy = policies_of(stack, f"delivery-{name}-deploy")
        inside = {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/delivery-{name}-boundary"}
        for resource in (
            f"role/delivery-{name}-deploy",
            f"role/delivery-{OTHER[name]}-preview",
            f"policy/delivery-{name}-boundary",
            f"oidc-provider/{ISSUER}",
        ):
            for action in ("AttachRolePolicy", "UpdateAssumeRolePolicy", "CreatePolicyVersion", "TagRole"):
                assert not deploy.allow(f"iam:{action}", f"arn:aws:iam::{ACCOUNT}:{resource}", inside), resource
            for action in ("UpdateOpenIDConnectProviderThumbprint", "AddClientIDToOpenIDConnectProvider"):
                assert not deploy.allow(f"iam:{action}", f"arn:aws:iam::{ACCOUNT}:{resource}"), resource

    def test_a_role_is_made_within_the_boundary_or_not_at_all(self, stack: Recording, name: str) -> None:
        deploy = policies_of(stack, f"delivery-{name}-deploy")
        new = f"arn:aws:iam::{ACCOUNT}:role/wealist-{name}-new"
        for action in sorted(BOUNDED | {"iam:PutRolePermissionsBoundary"}):
            assert not deploy.allow(action, new), action
            assert not deploy.allow(
                action, new, {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}
            )
        assert not deploy.allow("iam:DeleteRolePermissionsBoundary", new)
        assert not deploy.allow("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/wealist-{name}-me")
        assert not deploy.allow("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/me")

    def test_a_role_is_passed_to_the_systems_services_alone(self, stack: Recording, name: str) -> None:
        deploy = policies_of(stack, f"delivery-{name}-deploy")
        own = f"arn:aws:iam::{ACCOUNT}:role/wealist-{name}-ec2-role"
        assert deploy.allow("iam:PassRole", own, {"iam:PassedToService": "ec2.amazonaws.com"})
        assert not deploy.allow("iam:PassRole", own, {"iam:PassedToService": "lambda.amazonaws.com"})
        admin = f"arn:aws:iam::{ACCOUNT}:role/admin"
        assert not deploy.allow("iam:PassRole", admin, {"iam:PassedToService": "ec2.amazonaws.com"})

    def test_it_writes_its_own_stacks_state_alone(self, stack: Recording, name: str) -> None:
        deploy = policies_of(stack, f"delivery-{name}-deploy")
        for folder in ("stacks", "history", "backups", "locks/organization"):
            assert deploy.allow("s3:PutObject", f"{STATE}/.pulumi/{folder}/edge-platform/{name}/1.json")
            assert not deploy.allow("s3:PutObject", f"{STATE}/.pulumi/{folder}/edge-platform/{OTHER[name]}/1.json")
        assert not deploy.allow("s3:PutBucketPolicy", STATE)
        own = {"kms:ResourceAliases": [f"alias/edge-platform-state-{name}"]}
        assert deploy.allow("kms:Encrypt", KEY, own)
        assert not deploy.allow("kms:PutKeyPolicy", KEY, own)

    def test_it_uses_the_systems_keys_alone_and_by_way_of_a_service(self, stack: Recording, name: str) -> None:
        deploy = policies_of(stack, f"delivery-{name}-deploy")
        aliases = [one["name"] for one in stack.of("aws:kms/alias:Alias")]
        assert len(aliases) == 2
        via = {"kms:ViaService": f"ssm.{REGION}.amazonaws.com"}
        for alias in aliases:
            assert deploy.allow("kms:Decrypt", KEY, {**via, "kms:ResourceAliases": [alias]})
            assert not deploy.allow("kms:Decrypt", KEY, {"kms:ResourceAliases": [alias]})
        assert not deploy.allow("kms:Decrypt", KEY, {**via, "kms:ResourceAliases": ["alias/payroll"]})

    def test_data_is_not_its_to_read(self, stack: Recording, name: str) -> None:
        deploy = policies_of(stack, f"delivery-{name}-deploy")
        prefix = "eco2-example" if name == "prod" else "eco2-example-dev"
        assert not deploy.allow("s3:GetObject", f"arn:aws:s3:::{prefix}-postgres-backups/dump")
        assert not deploy.allow("s3:DeleteObject", f"arn:aws:s3:::{prefix}-etcd-snapshots/snapshots/x")
        assert not deploy.allow("secretsmanager:GetSecretValue", "*")


ROLE = re.compile(r"arn:aws:iam::\$\{\{ steps\.stack\.outputs\.account \}\}:role/(delivery-[a-z-]+)")
(ASSUMED,) = [
    step["with"]["role-to-assume"] for _, step in ACTIONS[0].steps() if "role-to-assume" in step.get("with", {})
]
"""By the action that deploys, previews and compares, of the stack and the role that it is given."""


def roles_by_subject() -> set[tuple[str, str]]:
    """Each role that some job assumes, with the subject of GitHub's token there."""
    found = set()
    for workflow in WORKFLOWS:
        for job in workflow.jobs.values():
            for step in job.get("steps", []):
                text = f"{asked_role(step.get('with', {}))} {job.get('environment', '')}"
                for one in expanded(job, text, {"stack": list(STACKS)}):
                    role, _, environment = one.rpartition(" ")
                    if match := ROLE.fullmatch(role):
                        found.add((match[1], f"environment:{environment}" if environment else "ref:refs/heads/main"))
    return found


def asked_role(given: Mapping[str, str]) -> str:
    if "role" not in given:
        return given.get("role-to-assume", "")
    return str(ASSUMED).replace("${{ inputs.stack }}", given["stack"]).replace("${{ inputs.role }}", given["role"])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.yaml")}


class TestWorkflows:
    """What the workflows name is what the program makes."""

    def test_every_role_that_a_workflow_assumes_trusts_just_that_job(self, prod: Recording, dev: Recording) -> None:
        trusted = set()
        for stack in (prod, dev):
            for role in stack.part("delivery").of("aws:iam/role:Role"):
                (statement,) = json.loads(role["assumeRolePolicy"])["Statement"]
                for subject in statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]:
                    trusted.add((role["name"], subject.removeprefix("repo:example/edge-platform:")))
        # What prod is about to become is shown before its approval; dev is asked for none.
        assert trusted - roles_by_subject() == {("delivery-dev-preview", "ref:refs/heads/main")}
        assert roles_by_subject() - trusted == set()

    def test_images_go_to_repositories_of_the_stack(self, stack: Recording, name: str) -> None:
        push = named("images.yml").jobs["push"]
        made = {one["name"] for one in stack.of("aws:ecr/repository:Repository")}
        repositories = {f"{one['system']}-{name}-{one['service']}" for one in push["strategy"]["matrix"]["include"]}
        assert push["env"]["REPOSITORY"] == "${{ matrix.system }}-${{ matrix.stack }}-${{ matrix.service }}"
        assert repositories <= made
        assert repositories == {f"{system}-{name}-{service}" for service, system in IMAGES.items()}

    def test_every_image_is_built_and_pushed(self) -> None:
        for job in ("build", "push"):
            assert named("images.yml").jobs[job]["strategy"]["matrix"]["service"] == [*IMAGES]

    def test_manifests_go_to_the_branch_and_folder_that_argo_cd_follows(self, stack: Recording, name: str) -> None:
        publish = named("deploy-stack.yml").jobs["publish"]
        root = stack.one("kubernetes:argoproj.io/v1alpha1:Application", "eco2-platform-root-application")
        assert root["spec.source.targetRevision"] == publish["env"]["BRANCH"].replace("${{ inputs.stack }}", name)
        # publish.sh makes the branch what it is given, in which each system has its folder.
        assert root["spec.source.path"] == "eco2"

    def test_the_state_gives_the_manifests_that_the_rehearsal_writes(self, prod: Recording, tmp_path: Path) -> None:
        """What Argo CD gets from a stack that stands is what `make up` shows."""
        entries = [
            {"urn": one.urn, "type": one.type, "id": one.id, "custom": False, "inputs": reveal(one.inputs)}
            for one in prod
            if one.rendered
        ]
        count = write_rendered({"resources": entries}, tmp_path / "made")
        write_manifests(prod, tmp_path / "shown")
        assert contents(tmp_path / "made") == contents(tmp_path / "shown")
        assert count == len(contents(tmp_path / "shown")) > 150


class TestBoundary:
    """The most that a role of the stack may do."""

    def test_every_other_role_of_the_stack_has_it(self, stack: Recording, name: str) -> None:
        boundary = stack.one("aws:iam/policy:Policy", "delivery-boundary-boundary")
        assert boundary["name"] == f"delivery-{name}-boundary"
        roles = [one for one in stack.of("aws:iam/role:Role") if not one.name.startswith("delivery-")]
        assert len(roles) > 12
        assert [one.name for one in roles if one.get("permissionsBoundary") != boundary.outputs["arn"]] == []

    def test_it_leaves_every_role_what_its_own_policies_allow(self, stack: Recording, name: str) -> None:
        boundary = policy_named(stack, f"delivery-{name}-boundary")
        missing = set()
        for kind in ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy"):
            for policy in stack.of(kind):
                for statement in json.loads(policy["policy"])["Statement"]:
                    if statement["Effect"] == "Allow" and not policy.name.startswith("delivery-"):
                        resources = statement["Resource"]
                        missing |= {
                            (one, where)
                            for one in statement["Action"]
                            for where in (resources if isinstance(resources, list) else [resources])
                            if not boundary.allow(one, where)
                        }
        assert missing == set()

    @pytest.mark.parametrize(
        "action", ["iam:CreateUser", "iam:PassRole", "sts:AssumeRole", "kms:PutKeyPolicy", "s3:PutBucketPolicy"]
    )
    def test_beyond_it_is_what_would_make_a_role_more_than_it_is(self, prod: Recording, action: str) -> None:
        assert not policy_named(prod, "delivery-prod-boundary").allow(action, "arn:aws:x")

    def test_within_it_a_role_becomes_alertmanager_of_its_stack_and_nobody_else(self, prod: Recording) -> None:
        boundary, role = policy_named(prod, "delivery-prod-boundary"), f"arn:aws:iam::{ACCOUNT}:role"
        assert boundary.allow("sts:AssumeRole", f"{role}/wealist-prod-alertmanager")
        for other in (
            "wealist-prod-ec2-role",
            "wealist-dev-alertmanager",
            "other-alertmanager",
            "delivery-prod-deploy",
        ):
            assert not boundary.allow("sts:AssumeRole", f"{role}/{other}")

    def test_no_workload_reaches_the_state(self, stack: Recording, name: str) -> None:
        boundary = policy_named(stack, f"delivery-{name}-boundary")
        assert boundary.allow("s3:GetObject", "arn:aws:s3:::wealist-app-resources/x")
        assert not boundary.allow("s3:GetObject", f"{STATE}/.pulumi/stacks/edge-platform/{name}.json")


def test_policies_are_short_enough_for_aws(stack: Recording) -> None:
    """6,144 characters without blanks, and ten policies a role."""
    for policy in stack.of("aws:iam/policy:Policy"):
        assert len("".join(policy["policy"].split())) <= 6144, policy.name
    attached = [one["role"] for one in stack.of("RolePolicyAttachment")]
    assert max(attached.count(role) for role in attached) <= 10


def test_a_stack_without_delivery_has_no_boundary(tmp_path: Path) -> None:
    from infra.settings import load_settings
    from rehearsal.cloud import Cloud
    from rehearsal.inprocess import run

    found: list[Any] = []
    run(
        lambda: found.append(load_settings()),
        changed_stack(tmp_path, "prod", {"platform.systems": ["wealist"]}),
        Cloud({}),
    )
    assert found[0].delivery is None
    assert found[0].role_boundary is None
