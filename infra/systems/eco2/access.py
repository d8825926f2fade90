"""Who may do what in eco2's AWS account: its machines by their roles, its controllers by their service accounts.

`*` stands as a resource only where AWS has no resource level for the actions: they describe, or hand out a login.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra.components.aws.alarms import may_tell
from infra.components.aws.iam import Statement
from infra.components.aws.service_account_issuer import KEYS_PATH
from infra.components.joined import joined
from infra.systems.eco2 import alertmanager
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import INSTANCE_TAG

Arn = pulumi.Input[str]
Statements = Sequence[Statement]

MASTERS_KEYS = ("service-account-keys", "encryption-keys")
"""The parameters below `kubernetes/` that the master makes itself."""

CLUSTER_OF_BALANCER = "elbv2.k8s.aws/cluster"
"""The tag that the AWS Load Balancer Controller puts on all that it makes."""


def _cluster(context: Context) -> str:
    return f"kubernetes.io/cluster/{context.names.prefix}"


def _parameters(context: Context, below: str) -> str:
    return f"arn:aws:ssm:{context.region}:{context.account}:parameter{context.parameter_path}/{below}"


def _objects(context: Context, part: str, below: str = "*") -> str:
    return f"arn:aws:s3:::{context.bucket(part)}/{below}"


def _of(service: str, kinds: Sequence[str], context: Context) -> list[str]:
    return [f"arn:aws:{service}:{context.region}:{context.account}:{kind}/*" for kind in kinds]


def _parameter_key(context: Context, key_arn: Arn, below: str, *actions: str) -> Statement:
    """The key, through the Parameter Store alone, and for these parameters alone: SSM names them to KMS."""
    return Statement(
        actions=actions,
        resources=[key_arn],
        condition={
            "StringEquals": {"kms:ViaService": f"ssm.{context.region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": _parameters(context, below)},
        },
    )


def session_manager() -> Statements:
    """What its agent needs for Session Manager and Run Command.

    AWS's own policy (AmazonSSMManagedInstanceCore) would also let every node read every parameter of the account.
    """
    return (
        Statement(
            actions=[
                "ssm:UpdateInstanceInformation",
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
                "ec2messages:AcknowledgeMessage",
                "ec2messages:DeleteMessage",
                "ec2messages:FailMessage",
                "ec2messages:GetEndpoint",
                "ec2messages:GetMessages",
                "ec2messages:SendReply",
            ],
            resources=["*"],
        ),
    )


def fetch_bundle(context: Context) -> Statements:
    """The bootstrap bundle."""
    return (Statement(actions=["s3:GetObject"], resources=[_objects(context, "bootstrap", "bootstrap/*")]),)


def join(context: Context, key_arn: Arn) -> Statements:
    """The token that the master has written for this very machine, and no other parameter.

    `ec2:SourceInstanceARN` is in every request that is signed with an instance's own credentials, whichever the service (EC2's user
    guide, "Condition keys", read 2026-11-28). It may fill a condition, not a resource.
    """
    return (
        Statement(
            actions=["ssm:GetParameter"],
            resources=[_parameters(context, "kubernetes/join/*")],
            condition={"StringEquals": {f"aws:ResourceTag/{INSTANCE_TAG}": "${ec2:SourceInstanceARN}"}},
        ),
        _parameter_key(context, key_arn, "kubernetes/join/*", "kms:Decrypt"),
    )


def pull_images(context: Context) -> Statements:
    """The project's own images, and those of the systems that live in the cluster."""
    prefixes = [context.names.prefix, *(f"{one.system}-{context.names.stack}" for one in context.tenants)]
    return (
        Statement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        Statement(
            actions=["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            resources=[f"arn:aws:ecr:{context.region}:{context.account}:repository/{one}-*" for one in prefixes],
        ),
    )


def control_plane(context: Context, key_arn: Arn) -> Statements:
    """The cluster's keys, the hand-over to its nodes, etcd's snapshots, and the cloud controller's view of EC2."""
    snapshots, checksums = (f"arn:aws:s3:::{context.bucket(part)}" for part in ("etcd-snapshots", "etcd-checksums"))
    return (
        Statement(actions=["ssm:GetParameter"], resources=[_parameters(context, "kubernetes/*")]),
        _parameter_key(context, key_arn, "kubernetes/*", "kms:Decrypt"),
        *_hand_over(context, key_arn),
        *_own_keys(context, key_arn),
        Statement(
            actions=["s3:PutObject", "s3:PutObjectRetention", "s3:GetObject"],
            resources=[f"{snapshots}/snapshots/*", f"{checksums}/snapshots/*"],
        ),
        Statement(
            actions=["s3:ListBucket"],
            resources=[snapshots],
            condition={"StringLike": {"s3:prefix": "snapshots/*"}},
        ),
        # They hold the cluster's authorities: encrypted with the system's key, by way of their buckets alone.
        Statement(
            actions=["kms:GenerateDataKey", "kms:Decrypt"],
            resources=[key_arn],
            condition={
                "StringEquals": {"kms:ViaService": f"s3.{context.region}.amazonaws.com"},
                "StringLike": {
                    "kms:EncryptionContext:aws:s3:arn": [
                        f"{bucket}{below}" for bucket in (snapshots, checksums) for below in ("", "/snapshots/*")
                    ]
                },
            },
        ),
        # Its node controllers only: routes are the overlay's, load balancers the AWS Load Balancer Controller's.
        Statement(
            actions=[
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeInstanceTopology",
                "ec2:DescribeInstances",
                "ec2:DescribeRegions",
            ],
            resources=["*"],
        ),
    )


def _own_keys(context: Context, key_arn: Arn) -> Statements:
    """Those that the master makes once, changes when an operator says so, and publishes the public part of."""
    return (
        Statement(
            actions=["ssm:PutParameter"], resources=[_parameters(context, f"kubernetes/{one}") for one in MASTERS_KEYS]
        ),
        *(_parameter_key(context, key_arn, f"kubernetes/{one}", "kms:Encrypt") for one in MASTERS_KEYS),
        Statement(actions=["s3:PutObject"], resources=[_objects(context, "issuer", KEYS_PATH)]),
    )


def reserved_for_the_master(context: Context) -> Statement:
    """In the key's own policy: nobody but the master decrypts its keys, not even who may do everything else in the account."""
    below = [_parameters(context, f"kubernetes/{one}") for one in MASTERS_KEYS]
    return Statement(
        sid="TheMastersKeys",
        effect="Deny",
        actions=["kms:Decrypt"],
        resources=["*"],
        principals={"AWS": "*"},
        condition={
            "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": below},
            "StringNotEquals": {"aws:PrincipalArn": context.role_arn("node-control-plane")},
        },
    )


def _hand_over(context: Context, key_arn: Arn) -> Statements:
    """A parameter for each machine that is awaited: written with its tag, seen, and deleted."""
    below = _parameters(context, "kubernetes/join/*")
    return (
        Statement(actions=["ssm:PutParameter", "ssm:AddTagsToResource", "ssm:DeleteParameter"], resources=[below]),
        Statement(actions=["ssm:GetParametersByPath"], resources=[_parameters(context, "kubernetes/join"), below]),
        _parameter_key(context, key_arn, "kubernetes/join/*", "kms:Encrypt"),
    )


def external_dns(context: Context, zone_id: Arn) -> Statements:
    """Addresses below its own label, and the marks beside them: no name of the site, of a tenant or of a certificate's proof."""
    zone = joined("arn:aws:route53:::hostedzone/", zone_id)
    names, types = (f"route53:ChangeResourceRecordSets{part}" for part in ("NormalizedRecordNames", "RecordTypes"))
    return (
        Statement(
            actions=["route53:ChangeResourceRecordSets"],
            resources=[zone],
            condition={
                "ForAllValues:StringLike": {names: [f"*.{context.published_domain}"]},
                "ForAllValues:StringEquals": {types: ["A", "AAAA", "CNAME", "TXT"]},
                # "All of them" also holds of none.
                "Null": {names: "false", types: "false"},
            },
        ),
        Statement(actions=["route53:ListResourceRecordSets", "route53:ListTagsForResource"], resources=[zone]),
        Statement(actions=["route53:ListHostedZones"], resources=["*"]),
    )


def external_secrets(context: Context, key_arn: Arn) -> Statements:
    """Parameters by their names, but the cluster's own; never by path, which would show those below a path that is allowed."""
    return (
        Statement(actions=["ssm:GetParameter", "ssm:GetParameters"], resources=[_parameters(context, "*")]),
        Statement(effect="Deny", actions=["ssm:*"], resources=[_parameters(context, "kubernetes/*")]),
        _parameter_key(context, key_arn, "*", "kms:Decrypt"),
    )


def tenant_parameters(context: Context, key_arn: Arn, system: str) -> Statements:
    """A tenant's own parameters by their names, and none of the cluster's."""
    own = f"arn:aws:ssm:{context.region}:{context.account}:parameter/{system}/{context.names.stack}/*"
    return (
        Statement(actions=["ssm:GetParameter", "ssm:GetParameters"], resources=[own]),
        Statement(
            actions=["kms:Decrypt"],
            resources=[key_arn],
            condition={
                "StringEquals": {"kms:ViaService": f"ssm.{context.region}.amazonaws.com"},
                "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": own},
            },
        ),
    )


def postgres_backup(context: Context) -> Statements:
    """Writes dumps; it can neither read nor delete them."""
    return (
        Statement(
            actions=["s3:PutObject", "s3:AbortMultipartUpload"], resources=[_objects(context, "postgres-backups")]
        ),
    )


def tell_alarms(context: Context, key_arn: pulumi.Input[str]) -> Statements:
    topics = [alertmanager.alarm_topic(context), alertmanager.heartbeat_topic(context)]
    return tuple(may_tell([alertmanager.topic_arn(context, one) for one in topics], key_arn, context.region))


def ebs_csi(context: Context) -> Statements:
    """Volumes of this cluster, which the driver tags as it makes them, on machines of this cluster."""
    volumes, instances = _of("ec2", ["volume"], context), _of("ec2", ["instance"], context)
    tagged = {"StringEquals": {f"aws:ResourceTag/{_cluster(context)}": "owned"}}
    return (
        Statement(
            actions=[
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeInstances",
                "ec2:DescribeTags",
                "ec2:DescribeVolumes",
                "ec2:DescribeVolumesModifications",
                "ec2:DescribeVolumeStatus",
            ],
            resources=["*"],
        ),
        Statement(
            actions=["ec2:CreateVolume"],
            resources=volumes,
            condition={"StringEquals": {f"aws:RequestTag/{_cluster(context)}": "owned"}},
        ),
        Statement(
            actions=["ec2:CreateTags"],
            resources=volumes,
            condition={"StringEquals": {"ec2:CreateAction": "CreateVolume"}},
        ),
        Statement(
            actions=["ec2:AttachVolume", "ec2:DetachVolume", "ec2:ModifyVolume", "ec2:DeleteVolume"],
            resources=volumes,
            condition=tagged,
        ),
        Statement(actions=["ec2:AttachVolume", "ec2:DetachVolume"], resources=instances, condition=tagged),
    )


def cluster_autoscaler(context: Context) -> Statements:
    """Sizes this cluster's groups, told by their tag."""
    return (
        Statement(
            actions=[
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeLaunchConfigurations",
                "autoscaling:DescribeScalingActivities",
                "autoscaling:DescribeTags",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:GetInstanceTypesFromInstanceRequirements",
            ],
            resources=["*"],
        ),
        Statement(
            actions=["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            resources=[f"arn:aws:autoscaling:{context.region}:{context.account}:autoScalingGroup:*"],
            condition={"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{context.names.prefix}": "owned"}},
        ),
    )


def load_balancer_controller(context: Context) -> Statements:
    """The controller's published policy, held to what carries this cluster's tag; no Cognito, Shield or WAF Classic."""
    return (*_see_balancers(), *_own_balancers(context), *_own_groups(context), *_documented_targets(context))


def _see_balancers() -> Statements:
    ec2 = (
        "DescribeAccountAttributes", "DescribeAddresses", "DescribeAvailabilityZones", "DescribeInstances",
        "DescribeInternetGateways", "DescribeNetworkInterfaces", "DescribeRouteTables", "DescribeSecurityGroups",
        "DescribeSubnets", "DescribeTags", "DescribeVpcPeeringConnections", "DescribeVpcs", "GetSecurityGroupsForVpc",
    )  # fmt: skip
    elb = (
        "ListenerAttributes", "ListenerCertificates", "Listeners", "LoadBalancerAttributes", "LoadBalancers", "Rules",
        "SSLPolicies", "Tags", "TargetGroupAttributes", "TargetGroups", "TargetHealth", "TrustStores",
    )  # fmt: skip
    return (
        Statement(
            actions=[
                *(f"ec2:{action}" for action in ec2),
                *(f"elasticloadbalancing:Describe{kind}" for kind in elb),
                "acm:DescribeCertificate",
                "acm:ListCertificates",
                "wafv2:GetWebACL",
                "wafv2:GetWebACLForResource",
            ],
            resources=["*"],
        ),
    )


def _own_balancers(context: Context) -> Statements:
    name = context.names.prefix
    asked = {"StringEquals": {f"aws:RequestTag/{CLUSTER_OF_BALANCER}": name}}
    tagged = {"StringEquals": {f"aws:ResourceTag/{CLUSTER_OF_BALANCER}": name}}
    balancers = _of("elasticloadbalancing", ["loadbalancer", "targetgroup"], context)
    parts = _of("elasticloadbalancing", ["listener", "listener-rule"], context)
    creating = ("CreateLoadBalancer", "CreateTargetGroup", "CreateListener", "CreateRule")
    return (
        Statement(
            actions=["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"],
            resources=balancers,
            condition=asked,
        ),
        Statement(
            actions=["elasticloadbalancing:AddTags"],
            resources=[*balancers, *parts],
            condition={
                "StringEquals": {
                    "elasticloadbalancing:CreateAction": list(creating),
                    f"aws:RequestTag/{CLUSTER_OF_BALANCER}": name,
                }
            },
        ),
        Statement(
            actions=[
                f"elasticloadbalancing:{action}"
                for action in (
                    "AddListenerCertificates", "AddTags", "CreateListener", "CreateRule", "DeleteListener",
                    "DeleteLoadBalancer", "DeleteRule", "DeleteTargetGroup", "DeregisterTargets",
                    "ModifyListener", "ModifyListenerAttributes", "ModifyLoadBalancerAttributes", "ModifyRule",
                    "ModifyTargetGroup", "ModifyTargetGroupAttributes", "RegisterTargets", "RemoveListenerCertificates",
                    "RemoveTags", "SetIpAddressType", "SetRulePriorities", "SetSecurityGroups", "SetSubnets",
                )
            ],
            resources=[*balancers, *parts],
            condition=tagged,
        ),
    )  # fmt: skip


def _own_groups(context: Context) -> Statements:
    """Security groups of its own, and the machines', which it opens to them."""
    name = context.names.prefix
    groups, vpcs = _of("ec2", ["security-group"], context), _of("ec2", ["vpc"], context)
    asked = {f"aws:RequestTag/{CLUSTER_OF_BALANCER}": name}
    tagged = {"StringEquals": {f"aws:ResourceTag/{CLUSTER_OF_BALANCER}": name}}
    rules = ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"]
    return (
        Statement(actions=["ec2:CreateSecurityGroup"], resources=groups, condition={"StringEquals": asked}),
        Statement(
            actions=["ec2:CreateSecurityGroup"],
            resources=vpcs,
            condition={"StringEquals": {"aws:ResourceTag/Name": context.names.physical("vpc")}},
        ),
        Statement(
            actions=["ec2:CreateTags"],
            resources=groups,
            condition={"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup", **asked}},
        ),
        Statement(actions=[*rules, "ec2:DeleteSecurityGroup", "ec2:DeleteTags"], resources=groups, condition=tagged),
        Statement(
            actions=rules,
            resources=groups,
            condition={"StringEquals": {f"aws:ResourceTag/{_cluster(context)}": "owned"}},
        ),
    )


def _documented_targets(context: Context) -> Statements:
    """The document's load balancer: the controller may change who is behind it, not the load balancer."""
    group = f"targetgroup/{context.names.prefix}-ingress-tg/*"
    return (
        Statement(
            actions=["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"],
            resources=[f"arn:aws:elasticloadbalancing:{context.region}:{context.account}:{group}"],
        ),
    )
