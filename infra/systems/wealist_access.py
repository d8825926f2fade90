"""Who may do what in wealist (wealist.md §9). Where this is narrower than the document, docs/systems/wealist.md says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.components.aws.iam import Statement

Arn = pulumi.Input[str]
Policies = Mapping[str, Sequence[Statement]]


@dataclass(frozen=True, kw_only=True)
class InstanceGrants:
    """What instances may reach: ARNs of the key and the buckets."""

    prefix: str
    region: str
    account: str
    key_arn: Arn
    deploy_scripts: Arn
    app_resources: Arn
    codedeploy_artifacts: Arn


def instance_policies(grants: InstanceGrants) -> Policies:
    """The three policies of the EC2 role, by what follows the prefix in their documented names."""
    return {
        "ssm-kms-policy": _read_parameters(grants),
        "ecr-policy": _pull_images(grants),
        "s3-policy": _use_buckets(grants),
    }


def _read_parameters(grants: InstanceGrants) -> Sequence[Statement]:
    return (
        Statement(
            actions=["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"],
            resources=[f"arn:aws:ssm:{grants.region}:{grants.account}:parameter/wealist/*"],
        ),
        Statement(
            actions=["kms:Decrypt"],
            resources=[grants.key_arn],
            condition={"StringEquals": {"kms:ViaService": f"ssm.{grants.region}.amazonaws.com"}},
        ),
    )


def _pull_images(grants: InstanceGrants) -> Sequence[Statement]:
    return (
        Statement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        Statement(
            actions=["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            resources=[f"arn:aws:ecr:{grants.region}:{grants.account}:repository/{grants.prefix}-*"],
        ),
    )


def _use_buckets(grants: InstanceGrants) -> Sequence[Statement]:
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


def codedeploy_policies(*, prefix: str, region: str, account: str, target_group_arns: Sequence[Arn]) -> Policies:
    """What an in-place deployment behind an ALB needs: the document's ASG, ELB and EC2."""
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
    return (
        Statement(
            actions=["ssm:GetParameter", "ssm:PutParameter"],
            resources=[f"arn:aws:ssm:{grants.region}:{grants.account}:parameter{grants.parameter_path}/*"],
        ),
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
    return pulumi.Output.concat(bucket, "/*")
