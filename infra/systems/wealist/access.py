"""Who may do what in wealist (wealist.md §9). Where this is narrower than the document, docs/systems/wealist.md says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.components.aws.iam import Statement
from infra.components.joined import joined

Arn = pulumi.Input[str]
Policies = Mapping[str, Sequence[Statement]]


SERVICE_SECRETS = ("db/user_db_password", "db/board_db_password", "redis/*", "jwt/*", "google/*")
"""The secret parameters of the services' environment (§4)."""


@dataclass(frozen=True, kw_only=True)
class SecretGrants:
    """Where the secret parameters are, and the key that they are encrypted with."""

    region: str
    account: str
    parameter_path: str
    key_arn: Arn

    def parameters(self, *below: str) -> list[str]:
        return [f"arn:aws:ssm:{self.region}:{self.account}:parameter{self.parameter_path}/{one}" for one in below]

    def decrypt(self, *below: str) -> Statement:
        """The key for these parameters alone, which SSM names to KMS.

        AWS's policy for Session Manager lets a machine ask for any parameter: this is what keeps it from reading them.
        """
        return Statement(
            actions=["kms:Decrypt"],
            resources=[self.key_arn],
            condition={
                "StringEquals": {"kms:ViaService": f"ssm.{self.region}.amazonaws.com"},
                "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": self.parameters(*below)},
            },
        )


@dataclass(frozen=True, kw_only=True)
class BackendGrants:
    """What backend instances may reach: secrets, and the buckets' ARNs."""

    secrets: SecretGrants
    prefix: str
    deploy_scripts: Arn
    app_resources: Arn
    codedeploy_artifacts: Arn


def backend_policies(grants: BackendGrants) -> Policies:
    """The three policies of the EC2 role, by what follows the prefix in their documented names."""
    return {
        "ssm-kms-policy": _read_parameters(grants.secrets),
        "ecr-policy": _pull_images(grants),
        "s3-policy": _use_buckets(grants),
    }


def monitoring_policies(secrets: SecretGrants, alertmanager_role: str) -> Policies:
    """Grafana's password, and keys for Alertmanager."""
    return {
        "monitoring-policy": (
            Statement(actions=["ssm:GetParameter"], resources=secrets.parameters("monitoring/*")),
            secrets.decrypt("monitoring/*"),
            Statement(actions=["sts:AssumeRole"], resources=[alertmanager_role]),
        )
    }


def database_init_policies(secrets: SecretGrants, master_secret: Arn) -> Policies:
    """The database's parameters, and its master's password, which RDS keeps in Secrets Manager."""
    return {
        "database-init-policy": (
            Statement(actions=["ssm:GetParameter"], resources=secrets.parameters("db/*")),
            secrets.decrypt("db/*"),
            Statement(actions=["secretsmanager:GetSecretValue"], resources=[master_secret]),
            Statement(
                actions=["kms:Decrypt"],
                resources=[secrets.key_arn],
                condition={
                    "StringEquals": {
                        "kms:ViaService": f"secretsmanager.{secrets.region}.amazonaws.com",
                        "kms:EncryptionContext:SecretARN": master_secret,
                    }
                },
            ),
        )
    }


def _read_parameters(secrets: SecretGrants) -> Sequence[Statement]:
    return (
        Statement(
            actions=["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"],
            resources=[f"arn:aws:ssm:{secrets.region}:{secrets.account}:parameter/wealist/*"],
        ),
        secrets.decrypt(*SERVICE_SECRETS),
    )


def _pull_images(grants: BackendGrants) -> Sequence[Statement]:
    repositories = f"arn:aws:ecr:{grants.secrets.region}:{grants.secrets.account}:repository/{grants.prefix}-*"
    return (
        Statement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        Statement(
            actions=["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            resources=[repositories],
        ),
    )


def _use_buckets(grants: BackendGrants) -> Sequence[Statement]:
    return (
        Statement(actions=["s3:ListBucket"], resources=[grants.deploy_scripts, grants.app_resources]),
        Statement(
            actions=["s3:GetObject"],
            resources=[_objects(grants.deploy_scripts), _objects(grants.codedeploy_artifacts)],
        ),
        # A revision is asked for by its version.
        Statement(actions=["s3:GetObjectVersion"], resources=[_objects(grants.codedeploy_artifacts)]),
        Statement(
            actions=["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            resources=[_objects(grants.app_resources)],
        ),
    )


def codedeploy_policies(
    *, prefix: str, region: str, account: str, target_group_arns: Sequence[Arn], told: Sequence[Statement]
) -> Policies:
    """What an in-place deployment behind an ALB needs: the document's ASG, ELB and EC2; `told` is where it says that one failed."""
    groups = f"arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{prefix}-*"
    return {
        "codedeploy-policy": (
            Statement(
                actions=[
                    "autoscaling:DescribeAutoScalingGroups",
                    "autoscaling:DescribeLifecycleHooks",
                    "autoscaling:DescribeNotificationConfigurations",
                    "autoscaling:DescribePolicies",
                    "autoscaling:DescribeScheduledActions",
                    "cloudwatch:DescribeAlarms",
                    "ec2:DescribeInstanceStatus",
                    "ec2:DescribeInstances",
                    "elasticloadbalancing:DescribeLoadBalancers",
                    "elasticloadbalancing:DescribeTargetGroups",
                    "elasticloadbalancing:DescribeTargetHealth",
                    "tag:GetResources",
                ],
                resources=["*"],
            ),
            Statement(
                actions=[
                    "autoscaling:CompleteLifecycleAction",
                    "autoscaling:DeleteLifecycleHook",
                    "autoscaling:PutLifecycleHook",
                    "autoscaling:RecordLifecycleActionHeartbeat",
                    "autoscaling:ResumeProcesses",
                    "autoscaling:SuspendProcesses",
                ],
                resources=[groups],
            ),
            Statement(
                actions=["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"],
                resources=list(target_group_arns),
            ),
            *told,
        )
    }


@dataclass(frozen=True, kw_only=True)
class DeployerGrants:
    """What a deployment may reach; `buckets` are object ARNs (`…/*`)."""

    prefix: str
    region: str
    account: str
    parameter_path: str
    repositories: Sequence[Arn]
    buckets: Sequence[Arn]
    site_bucket: Arn
    distribution_arn: Arn


def deployer_policies(grants: DeployerGrants) -> Policies:
    """The document's one policy, each action on the resource it is about instead of on all of them."""
    return {
        "github-actions-policy": (
            *_deployer_data(grants),
            *_deployer_releases(grants),
        )
    }


def _deployer_data(grants: DeployerGrants) -> Sequence[Statement]:
    parameters = f"arn:aws:ssm:{grants.region}:{grants.account}:parameter{grants.parameter_path}"
    return (
        Statement(actions=["ssm:GetParameter"], resources=[f"{parameters}/*"]),
        # Not the others: whoever moves the database's endpoint is sent the services' passwords.
        Statement(actions=["ssm:PutParameter"], resources=[f"{parameters}/version/*"]),
        Statement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        Statement(actions=["ecr:*"], resources=list(grants.repositories)),
        Statement(actions=["s3:PutObject", "s3:GetObject", "s3:DeleteObject"], resources=list(grants.buckets)),
        # `aws s3 sync --delete` compares with what is there.
        Statement(actions=["s3:ListBucket"], resources=[grants.site_bucket]),
    )


def _deployer_releases(grants: DeployerGrants) -> Sequence[Statement]:
    codedeploy = f"arn:aws:codedeploy:{grants.region}:{grants.account}"
    ec2 = f"arn:aws:ec2:{grants.region}:{grants.account}:instance/*"
    return (
        Statement(
            actions=["ssm:SendCommand"],
            resources=[f"arn:aws:ssm:{grants.region}:{grants.account}:document/{grants.prefix}-*"],
        ),
        Statement(
            actions=["ssm:SendCommand"],
            resources=[ec2],
            condition={"StringLike": {"ssm:resourceTag/Name": f"{grants.prefix}-*"}},
        ),
        Statement(
            actions=[
                "codedeploy:CreateDeployment",
                "codedeploy:GetDeployment",
                "codedeploy:RegisterApplicationRevision",
            ],
            resources=[
                f"{codedeploy}:application:{grants.prefix}-*",
                f"{codedeploy}:deploymentgroup:{grants.prefix}-*/*",
            ],
        ),
        Statement(
            actions=["codedeploy:GetDeploymentConfig"],
            resources=[f"{codedeploy}:deploymentconfig:CodeDeployDefault.*"],
        ),
        # None of the three has a resource level; the last one says how a command ended.
        Statement(
            actions=["ec2:DescribeInstances", "autoscaling:DescribeAutoScalingGroups", "ssm:GetCommandInvocation"],
            resources=["*"],
        ),
        Statement(actions=["cloudfront:CreateInvalidation"], resources=[grants.distribution_arn]),
    )


def _objects(bucket: Arn) -> pulumi.Output[str]:
    return joined(bucket, "/*")
