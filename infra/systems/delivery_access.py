"""What the platform's own workflows may do: look without seeing contents, change what carries the stack's names.

`*` stands as a resource only where AWS has no resource level for the action. What has a name is held to the stack's names; what
AWS names itself (a VPC, a zone) to the account, and `not_another_stack` keeps the other stacks' out of reach by their tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from infra.components.aws.federation import github_provider_arn
from infra.components.aws.iam import Statement
from infra.components.aws.static_site import CLOUDFRONT_REGION
from infra.names import Names
from infra.settings import Settings
from infra.systems import delivery_reads as reads

Statements = Sequence[Statement]

PROJECT = "edge-platform"
"""The project's name, under which Pulumi keeps the state."""

IMAGES = {"ext-authz": "eco2", "auth": "immersiverse"}
"""The services whose images this repository builds, each with the system that runs it."""

PUBLISHED = ("bootstrap", "issuer")
"""The parts of eco2 whose buckets hold objects that Pulumi itself puts there: bundles and public keys, no secrets."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Where the stack is: its systems' names, and the state's.

    `names` are `<system>-<stack>`, `issuers` the hosts that it makes an identity provider of, `repositories` those of the images,
    `domains` what its records are below.
    """

    region: str
    account: str
    stack: str
    state_bucket: str
    secrets_key: str
    names: Sequence[str]
    parameter_paths: Sequence[str]
    bucket_prefixes: Sequence[str]
    published: Sequence[str]
    issuers: Sequence[str]
    repositories: Sequence[str]
    domains: Sequence[str]

    def arns(self, service: str, *paths: str, region: str | None = None) -> list[str]:
        """ARNs of the account; a path with `{}` is there once for each system of the stack."""
        where = f"arn:aws:{service}:{self.region if region is None else region}:{self.account}"
        found = (path.format(name) for path in paths for name in (self.names if "{}" in path else [""]))
        return [f"{where}:{path}" for path in found]

    @property
    def state(self) -> str:
        return f"arn:aws:s3:::{self.state_bucket}"

    @property
    def parameters(self) -> list[str]:
        return self.arns("ssm", *(f"parameter{path}/*" for path in self.parameter_paths))

    @property
    def objects(self) -> list[str]:
        """What Pulumi puts into buckets."""
        return [f"arn:aws:s3:::{bucket}/*" for bucket in self.published]


def reach_of(settings: Settings) -> Reach:
    """The stack's names, from the settings of the systems that it builds."""
    delivery, wealist, eco2 = settings.delivery, settings.wealist, settings.eco2
    if delivery is None:
        raise ValueError("the settings have no section 'delivery'")
    systems = [one for one in settings.platform.systems if one != "delivery"]
    buckets = (wealist, eco2, settings.exchange, settings.gateway_lab, settings.immersiverse)
    prefixes = [section.bucket_prefix for section in buckets if section]
    return Reach(
        region=settings.region,
        account=settings.platform.account,
        stack=settings.stack,
        state_bucket=delivery.state_bucket,
        secrets_key=delivery.secrets_key,
        names=[Names(system=system, stack=settings.stack).prefix for system in systems],
        parameter_paths=[f"/{system}/{settings.stack}" for system in systems],
        bucket_prefixes=prefixes,
        published=[
            *([f"{eco2.bucket_prefix}-{part}" for part in PUBLISHED] if eco2 else []),
            *([f"{settings.exchange.bucket_prefix}-standby"] if settings.exchange else []),
        ],
        domains=[
            *(section.domain for section in (wealist, eco2) if section),
            *([f"{Names(system='eco2', stack=settings.stack).prefix}.internal"] if eco2 else []),
        ],
        issuers=[f"{eco2.edge.issuer_label}.{eco2.domain}"] if eco2 else [],
        repositories=[
            Names(system=system, stack=settings.stack).physical(image)
            for image, system in IMAGES.items()
            if system in systems
        ],
    )


def _may(
    service: str, actions: str, resources: Sequence[str], **condition: Mapping[str, pulumi.Input[Any]]
) -> Statement:
    """Actions of one service, by their names with blanks between them."""
    return Statement(
        actions=[f"{service}:{action}" for action in actions.split()], resources=resources, condition=condition
    )


def _state_key(reach: Reach, actions: str) -> Statement:
    return _may(
        "kms",
        actions,
        reach.arns("kms", "key/*"),
        **{"ForAnyValue:StringEquals": {"kms:ResourceAliases": reach.secrets_key}},
    )


def _state_files(reach: Reach, *folders: str) -> list[str]:
    """The stack's own files: `stacks/edge-platform/prod.json` and what goes with it, in other folders below `…/prod/`."""
    return [
        f"{reach.state}/.pulumi/{folder}/{PROJECT}/{reach.stack}{end}" for folder in folders for end in (".*", "/*")
    ]


def read_state(reach: Reach) -> Statements:
    """The stack's own state, whose secrets stay closed: a preview makes do with stand-ins (`.github/scripts/stand_in.sh`)."""
    return (
        _may("s3", "ListBucket GetBucketLocation", [reach.state]),
        _may("s3", "GetObject", [f"{reach.state}/.pulumi/meta.yaml", *_state_files(reach, "stacks")]),
        _may("ssm", "GetParameter GetParameters", [f"arn:aws:ssm:{reach.region}::parameter/aws/service/*"]),
    )


def write_state(reach: Reach) -> Statements:
    """The stack's own state with its lock, its history and its backups, and the key of its secrets."""
    files = _state_files(reach, "stacks", "history", "backups", "locks/organization")
    return (
        *read_state(reach),
        _may("s3", "GetObject PutObject DeleteObject", files),
        _state_key(reach, "Decrypt DescribeKey Encrypt GenerateDataKey"),
    )


def no_contents(reach: Reach) -> Statements:
    """Whatever else is attached: nothing decrypted, no secret, no object but the state and what Pulumi published, no log."""
    return (
        Statement(
            effect="Deny",
            actions=["s3:GetObject*"],
            not_resources=[f"{reach.state}/*", *reach.objects],
        ),
        Statement(
            effect="Deny",
            actions=["ssm:GetParameter*"],
            not_resources=[f"arn:aws:ssm:{reach.region}::parameter/aws/service/*"],
        ),
        Statement(
            effect="Deny",
            actions=[
                "ec2:GetConsoleOutput",
                "ec2:GetPasswordData",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
                "kms:Decrypt",
                "kms:GenerateDataKey*",
                "kms:ReEncrypt*",
                "logs:FilterLogEvents",
                "logs:GetLogEvents",
                "logs:StartQuery",
                "secretsmanager:GetSecretValue",
                "sts:AssumeRole",
            ],
            resources=["*"],
        ),
    )


def list_all(reach: Reach) -> Statements:
    """What a refresh lists; AWS says for few of these actions whose resources they are."""
    return tuple(_may(service, actions, ["*"]) for service, actions in reads.LISTED.items())


def look(reach: Reach) -> Statements:
    """What a refresh reads besides, and no more (`delivery_reads.py`); of parameters it sees the names, never the values."""
    own = _with_delivery(reach)
    return tuple(_may(service, actions, own.arns(service, *paths)) for service, (actions, paths) in reads.NAMED.items())


def _with_delivery(reach: Reach) -> Reach:
    return replace(reach, names=[*reach.names, Names(system="delivery", stack=reach.stack).prefix])


def look_further(reach: Reach) -> Statements:
    """The rest of it: what is in no region, and buckets."""
    buckets = [f"arn:aws:s3:::{prefix}-*" for prefix in reach.bucket_prefixes]
    own = _with_delivery(reach)
    return (
        *(
            _may(service, actions, own.arns(service, *paths, region=""))
            for service, (actions, paths) in reads.GLOBAL.items()
        ),
        _may("wafv2", "GetWebACLForResource", reach.arns("elasticloadbalancing", "loadbalancer/app/{}-*")),
        _may("route53", "GetHostedZone", ["arn:aws:route53:::hostedzone/*"]),
        _may("route53", "GetHealthCheck", ["arn:aws:route53:::healthcheck/*"]),
        _may("logs", "GetDelivery GetDeliverySource GetDeliveryDestination", _deliveries(reach)),
        _may("s3", reads.BUCKETS, buckets),
        *([_may("s3", "GetObject GetObjectTagging", reach.objects)] if reach.objects else []),
    )


def push_images(reach: Reach) -> Statements:
    """New images into the stack's repositories of the platform's own services; none of them can be deleted or replaced."""
    return (
        _may("ecr", "GetAuthorizationToken", ["*"]),
        _may(
            "ecr",
            "BatchCheckLayerAvailability BatchGetImage CompleteLayerUpload DescribeImages GetDownloadUrlForLayer "
            "InitiateLayerUpload PutImage UploadLayerPart",
            reach.arns("ecr", *(f"repository/{one}" for one in reach.repositories)),
        ),
    )


def change_the_stack(reach: Reach, role_boundary: pulumi.Input[str]) -> Mapping[str, Statements]:
    """Make, change and delete what the stack consists of; a policy each, for AWS limits a policy's length."""
    return {
        "network": _network(reach),
        "edge": _edge(reach),
        "data": _data(reach),
        "storage": (*_storage(reach), *_keys(reach)),
        "watch": _watch(reach),
        "identity": _identity(reach, role_boundary),
        "limits": (*not_itself(reach), *not_another_stack(reach), *not_another_stacks_names(reach)),
    }


def _network(reach: Reach) -> Statements:
    """VPCs and machines: AWS names them, so they are held to the account and the region."""
    return (
        _may(
            "ec2",
            "Allocate* Associate* Attach* Authorize* Create* Delete* Detach* Disassociate* Modify* Monitor* Release* "
            "Replace* Revoke* RunInstances Start* Stop* TerminateInstances Unmonitor* Update*",
            reach.arns("ec2", "*/*"),
        ),
        _may(
            "ec2", "RunInstances", [f"arn:aws:ec2:{reach.region}::image/*", f"arn:aws:ec2:{reach.region}::snapshot/*"]
        ),
        _may(
            "autoscaling",
            "Attach* Cancel* Create* Delete* Detach* Disable* Enable* Put* Resume* Set* Start* Suspend* Update*",
            reach.arns(
                "autoscaling",
                "autoScalingGroup:*:autoScalingGroupName/{}-*",
            ),
        ),
    )


def _edge(reach: Reach) -> Statements:
    """Load balancers, the firewall, CloudFront, certificates and zones."""
    balancers = reach.arns(
        "elasticloadbalancing",
        "loadbalancer/app/{}-*",
        "targetgroup/{}-*",
        "listener/app/{}-*",
        "listener-rule/app/{}-*",
        "truststore/{}-*",
    )
    certificates = [
        one for region in (reach.region, CLOUDFRONT_REGION) for one in reach.arns("acm", "certificate/*", region=region)
    ]
    return (
        _may("elasticloadbalancing", "Add* Create* Delete* Deregister* Modify* Register* Remove* Set*", balancers),
        _may(
            "wafv2",
            "AssociateWebACL CreateWebACL DeleteLoggingConfiguration DeleteWebACL GetWebACL "
            "PutLoggingConfiguration TagResource UntagResource UpdateWebACL",
            reach.arns("wafv2", "regional/webacl/{}-*"),
        ),
        _may("wafv2", "CreateWebACL UpdateWebACL", reach.arns("wafv2", "regional/managedruleset/*/*")),
        # With elasticloadbalancing:CreateWebACLAssociation and DeleteWebACLAssociation, above.
        _may(
            "wafv2",
            "AssociateWebACL DisassociateWebACL GetWebACLForResource",
            reach.arns("elasticloadbalancing", "loadbalancer/app/{}-*"),
        ),
        _may(
            "cloudfront",
            "AllowVendedLogDeliveryForResource DeleteDistribution TagResource UntagResource UpdateDistribution",
            reach.arns("cloudfront", "distribution/*", region=""),
        ),
        # A new one is nobody else's. The last two have no tags either: to change one is an administrator's.
        _may(
            "cloudfront",
            "CreateDistribution CreateOriginAccessControl CreateResponseHeadersPolicy",
            ["*"],
        ),
        _may("acm", "AddTagsToCertificate DeleteCertificate RemoveTagsFromCertificate", certificates),
        _may("acm", "RequestCertificate", ["*"]),
        # Of whichever zone, names below the stack's domains (`not_another_stacks_names`); the zones are an administrator's.
        _may("route53", "ChangeResourceRecordSets", ["arn:aws:route53:::hostedzone/*"]),
    )


def _data(reach: Reach) -> Statements:
    """Databases and caches."""
    return (
        _may(
            "rds",
            "AddTagsToResource Create* Delete* Modify* Reboot* RemoveTagsFromResource Reset*",
            reach.arns("rds", "db:{}-*", "pg:{}-*", "subgrp:{}-*", "snapshot:{}-*", "og:default*"),
        ),
        # The master's password, which RDS makes in the name of whoever makes the database.
        _may("secretsmanager", "CreateSecret TagResource", reach.arns("secretsmanager", "secret:rds!db-*")),
        _may(
            "elasticache",
            "AddTagsToResource Create* Decrease* Delete* Increase* Modify* RemoveTagsFromResource Reset*",
            reach.arns(
                "elasticache",
                "cluster:{}-*",
                "parametergroup:{}-*",
                "replicationgroup:{}-*",
                "snapshot:{}-*",
                "subnetgroup:{}-*",
            ),
        ),
    )


def _storage(reach: Reach) -> Statements:
    """Buckets, parameters, image repositories. Of objects, only those that Pulumi puts there."""
    buckets = [f"arn:aws:s3:::{prefix}-*" for prefix in reach.bucket_prefixes]
    return (
        _may(
            "s3",
            "CreateBucket DeleteBucket DeleteBucketPolicy GetBucket* GetEncryptionConfiguration "
            "GetLifecycleConfiguration ListBucket PutBucket* PutEncryptionConfiguration PutLifecycleConfiguration",
            buckets,
        ),
        *(
            [_may("s3", "DeleteObject* GetObject GetObjectTagging PutObject PutObjectTagging", reach.objects)]
            if reach.objects
            else []
        ),
        _may(
            "ssm",
            "AddTagsToResource DeleteParameter GetParameter GetParameters PutParameter RemoveTagsFromResource",
            reach.parameters,
        ),
        _may(
            "ssm",
            # No association: AWS asks about its document, and not about the machines that it names by a tag.
            "AddTagsToResource CreateDocument DeleteDocument GetDocument RemoveTagsFromResource UpdateDocument "
            "UpdateDocumentDefaultVersion",
            reach.arns("ssm", "document/{}-*"),
        ),
        _may(
            "ecr",
            "CreateRepository DeleteLifecyclePolicy DeleteRepository PutImageScanningConfiguration PutImageTagMutability "
            "PutLifecyclePolicy TagResource UntagResource",
            reach.arns("ecr", "repository/{}-*"),
        ),
        *_signatures(reach),
    )


def _signatures(reach: Reach) -> Statements:
    """The exchange's images and their signatures, read before a stack is changed (`.github/scripts/verify_images.sh`).

    To list what refers to an image is BatchGetImage too (ECR's API reference, ListImageReferrers; read on 2026-11-29).
    """
    prefix = Names(system="exchange", stack=reach.stack).prefix
    if prefix not in reach.names:
        return ()
    return (
        _may("ecr", "GetAuthorizationToken", ["*"]),
        _may("ecr", "BatchGetImage GetDownloadUrlForLayer", reach.arns("ecr", f"repository/{prefix}-*")),
    )


THROUGH = ("ssm", "rds", "elasticache", "ec2", "logs", "secretsmanager", "sns")
"""The services that encrypt with a system's key."""


def _keys(reach: Reach) -> Statements:
    """Keys have names only by their aliases, and have those a moment later; they are used by way of the services that encrypt."""
    keys = reach.arns("kms", "key/*")
    through = [f"{service}.{reach.region}.amazonaws.com" for service in THROUGH]
    return (
        _may("kms", "CreateKey", ["*"]),
        _may(
            "kms",
            "CancelKeyDeletion EnableKeyRotation PutKeyPolicy ScheduleKeyDeletion TagResource UntagResource UpdateKeyDescription",
            keys,
        ),
        _may("kms", "CreateAlias DeleteAlias UpdateAlias", [*keys, *reach.arns("kms", "alias/{}")]),
        _may(
            "kms",
            "Decrypt Encrypt GenerateDataKey*",
            keys,
            **{
                "StringEquals": {"kms:ViaService": through},
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": [f"alias/{name}" for name in reach.names]},
            },
        ),
        _may("kms", "CreateGrant", keys, Bool={"kms:GrantIsForAWSResource": "true"}),
    )


def _watch(reach: Reach) -> Statements:
    """Logs, alarms and releases."""
    groups = reach.arns("logs", "log-group:*{}-*", "log-group:*{}", "log-group:*{}:*")
    codedeploy = reach.arns("codedeploy", "application:{}-*", "deploymentgroup:{}-*/*")
    return (
        _may(
            "logs",
            "AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteRetentionPolicy DisassociateKmsKey PutRetentionPolicy "
            "TagResource UntagResource",
            groups,
        ),
        _may(
            "logs",
            "CreateDelivery DeleteDelivery DeleteDeliveryDestination DeleteDeliveryDestinationPolicy DeleteDeliverySource "
            "GetDelivery GetDeliveryDestination GetDeliverySource PutDeliveryDestination PutDeliverySource TagResource "
            "UntagResource UpdateDeliveryConfiguration",
            _deliveries(reach),
        ),
        # The firewall's and the flow logs' older way, which has no resource level.
        _may(
            "logs",
            "CreateLogDelivery DeleteLogDelivery DescribeResourcePolicies GetLogDelivery ListLogDeliveries PutResourcePolicy "
            "UpdateLogDelivery",
            ["*"],
        ),
        _may(
            "cloudwatch",
            "DeleteAlarms PutMetricAlarm TagResource UntagResource",
            reach.arns("cloudwatch", "alarm:{}-*"),
        ),
        _may(
            "sns",
            "CreateTopic DeleteTopic GetSubscriptionAttributes SetSubscriptionAttributes SetTopicAttributes Subscribe "
            "TagResource Unsubscribe UntagResource",
            reach.arns("sns", "{}-*"),
        ),
        _may("codedeploy", "Create* Delete* TagResource UntagResource Update*", codedeploy),
    )


def _deliveries(reach: Reach) -> list[str]:
    """CloudFront's logs are delivered from its own region."""
    kinds = ("delivery:*", "delivery-destination:{}-*", "delivery-source:{}-*")
    return reach.arns("logs", *kinds, region=CLOUDFRONT_REGION)


def _identity(reach: Reach, role_boundary: pulumi.Input[str]) -> Statements:
    """Roles and policies of the systems' names. A role is made within the boundary or not at all, and handed to few services."""
    roles = reach.arns("iam", "role/{}-*", region="")
    return (
        _may(
            "iam",
            "AttachRolePolicy CreateRole DeleteRolePolicy DetachRolePolicy PutRolePermissionsBoundary PutRolePolicy",
            roles,
            StringEquals={"iam:PermissionsBoundary": role_boundary},
        ),
        _may("iam", "DeleteRole TagRole UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription", roles),
        _may(
            "iam",
            "CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion TagPolicy UntagPolicy",
            reach.arns("iam", "policy/{}-*", region=""),
        ),
        _may(
            "iam",
            "AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile RemoveRoleFromInstanceProfile "
            "TagInstanceProfile UntagInstanceProfile",
            reach.arns("iam", "instance-profile/{}-*", region=""),
        ),
        _may("iam", "PassRole", roles, StringEquals={"iam:PassedToService": list(PASSED_TO)}),
        _may(
            "iam",
            "CreateServiceLinkedRole",
            reach.arns("iam", *(f"role/aws-service-role/{service}/*" for service in LINKED), region=""),
            StringEquals={"iam:AWSServiceName": list(LINKED)},
        ),
        *(
            [
                _may(
                    "iam",
                    "AddClientIDToOpenIDConnectProvider CreateOpenIDConnectProvider DeleteOpenIDConnectProvider "
                    "RemoveClientIDFromOpenIDConnectProvider TagOpenIDConnectProvider UntagOpenIDConnectProvider "
                    "UpdateOpenIDConnectProviderThumbprint",
                    reach.arns("iam", *(f"oidc-provider/{host}" for host in reach.issuers), region=""),
                )
            ]
            if reach.issuers
            else []
        ),
    )


PASSED_TO = ("codedeploy.amazonaws.com", "ec2.amazonaws.com", "vpc-flow-logs.amazonaws.com")
"""Whom the systems' roles are handed to; the others are assumed with a token."""

LINKED = (
    "autoscaling.amazonaws.com",
    "elasticache.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "rds.amazonaws.com",
    "wafv2.amazonaws.com",
)
"""The services that make a role of their own at their first use in an account."""


WORKLOADS = {
    "acm": "Describe* List*",
    "autoscaling": "CompleteLifecycleAction DeleteLifecycleHook Describe* PutLifecycleHook RecordLifecycleActionHeartbeat "
    "ResumeProcesses SetDesiredCapacity SuspendProcesses TerminateInstanceInAutoScalingGroup",
    "cloudfront": "CreateInvalidation",
    "cloudwatch": "Describe* PutMetricData",
    "codedeploy": "CreateDeployment Get* RegisterApplicationRevision",
    "ec2": "AttachVolume AuthorizeSecurityGroupIngress CreateSecurityGroup CreateTags CreateVolume DeleteSecurityGroup "
    "DeleteTags DeleteVolume Describe* DetachVolume GetInstanceTypesFromInstanceRequirements GetSecurityGroupsForVpc "
    "ModifyVolume RevokeSecurityGroupIngress",
    "ec2messages": "*",
    "ecr": "GetAuthorizationToken",
    "elasticloadbalancing": "Add* Create* Delete* Deregister* Describe* Modify* Register* Remove* SetIpAddressType "
    "SetRulePriorities SetSecurityGroups SetSubnets",
    "kms": "Decrypt Encrypt GenerateDataKey*",
    "logs": "CreateLogStream Describe* PutLogEvents",
    "route53": "ChangeResourceRecordSets List*",
    "s3": "AbortMultipartUpload DeleteObject GetObject* ListBucket PutObject PutObjectRetention",
    "sns": "Publish",
    "ssm": "AddTagsToResource DeleteParameter Describe* Get* List* PutComplianceItems PutConfigurePackageResult "
    "PutInventory PutParameter SendCommand UpdateAssociationStatus UpdateInstance*",
    "ssmmessages": "*",
    "tag": "GetResources",
    "wafv2": "Get*",
}
"""What the systems' machines, controllers and releases do in AWS, by service. It has no IAM: none makes another role."""


def boundary(reach: Reach) -> Statements:
    """The most that a role of the stack may do, whatever is attached to it: without it, whoever makes a role can make any."""
    own = [f"arn:aws:s3:::{prefix}-*" for prefix in reach.bucket_prefixes]
    return (
        Statement(
            actions=[f"{service}:{action}" for service, actions in WORKLOADS.items() for action in actions.split()],
            resources=["*"],
        ),
        # Secrets that RDS makes and names; whose, the roles' own policies say.
        _may("secretsmanager", "GetSecretValue", reach.arns("secretsmanager", "secret:rds!db-*")),
        # Whoever it is, it may do no more than this again: it is a role of the stack.
        _may("sts", "AssumeRole", reach.arns("iam", "role/{}-alertmanager", region="")),
        # Beside what repositories hold, ECR has the whole registry's settings, and those are every stack's.
        _may("ecr", "*", reach.arns("ecr", "repository/*")),
        Statement(effect="Deny", actions=["s3:*"], resources=[reach.state, f"{reach.state}/*"]),
        # A bucket's tag is none that AWS looks at. AWS's own buckets are in another account.
        Statement(
            effect="Deny",
            actions=["s3:*"],
            not_resources=own,
            condition={"StringEquals": {"aws:ResourceAccount": reach.account}},
        ),
        *not_another_stack(reach),
        *not_another_stacks_names(reach),
    )


def not_itself(reach: Reach) -> Statements:
    """Whatever else is attached: not the delivery roles of any stack, not who is trusted, not the key of the state."""
    own = Names(system="delivery", stack="*").prefix
    return (
        Statement(
            effect="Deny",
            actions=["iam:*"],
            resources=[
                *reach.arns("iam", f"role/{own}-*", f"policy/{own}-*", region=""),
                github_provider_arn(reach.account),
            ],
        ),
        Statement(
            effect="Deny",
            actions=[
                "kms:CreateGrant",
                "kms:PutKeyPolicy",
                "kms:ScheduleKeyDeletion",
                "kms:*Alias",
                "kms:*TagResource",
            ],
            resources=reach.arns("kms", "key/*"),
            condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": reach.secrets_key}},
        ),
        Statement(
            effect="Deny",
            actions=[
                "s3:DeleteBucket*",
                "s3:PutBucket*",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
            ],
            resources=[reach.state],
        ),
    )


def not_another_stack(reach: Reach) -> Statements:
    """What carries another stack's tag stays as it is, in whichever way it could be reached."""
    return (
        Statement(
            effect="Deny",
            actions=["*"],
            resources=["*"],
            condition={
                "StringNotEquals": {"aws:ResourceTag/Environment": reach.stack},
                "Null": {"aws:ResourceTag/Environment": "false"},
            },
        ),
    )


def not_another_stacks_names(reach: Reach) -> Statements:
    """Zones have tags that AWS does not look at: whatever the zone, no record but below one of the stack's domains."""
    names = [name for domain in reach.domains for name in (domain, f"*.{domain}")]
    return (
        Statement(
            effect="Deny",
            actions=["route53:ChangeResourceRecordSets"],
            resources=["*"],
            condition={"ForAnyValue:StringNotLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": names}},
        ),
    )
