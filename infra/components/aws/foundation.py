"""What a system in AWS stands on, whatever its document says: key, logs, network, security groups; its zone's hosts; its alarms.

Functions and no components: the resources are children of the rooms alone, by the names that they always had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from infra.components.aws.access_logs import AccessLogs, AccessLogsArgs
from infra.components.aws.alarms import Alarm, Alarms, AlarmsArgs
from infra.components.aws.certificates import Certificate
from infra.components.aws.cidr import plan_subnets
from infra.components.aws.dns import HostedZone
from infra.components.aws.encryption import EncryptionKey, EncryptionKeyArgs
from infra.components.aws.endpoints import Endpoints, EndpointsArgs
from infra.components.aws.iam import Statement
from infra.components.aws.load_balancer import LoadBalancer, LoadBalancerArgs, Rule, Target
from infra.components.aws.network import ANYWHERE, Network, NetworkArgs
from infra.components.aws.security_groups import Edge, SecurityGroups, SecurityGroupsArgs
from infra.names import Names
from infra.tags import Tags


@dataclass(frozen=True, kw_only=True)
class Home:
    """Where a system's resources are, what they are called, and what is on all of them."""

    names: Names
    account: str
    region: str
    protect: bool
    tags: dict[str, str]
    role_boundary: pulumi.Input[str] | None = None

    @property
    def parameter_path(self) -> str:
        """`/<system>/<stack>`, below which every SSM parameter of the system is."""
        return f"/{self.names.system}/{self.names.stack}"

    def zone(self, letter: str) -> str:
        """The availability zone of that letter."""
        return f"{self.region}{letter}"


@dataclass(frozen=True, kw_only=True)
class FoundationArgs:
    """`zones` is each zone's letter and its slot; `groups` and `edges` are who there is and who talks to whom.

    One of `groups` is `endpoints`, for the interface endpoints of the AWS services in `interfaces`. `anywhere` and `vpc` are
    blocks that edges may name. `access_log_bucket` is the bucket's name; `key_denials` is what the key's policy refuses besides.
    Each system hands on its settings name by name, and so alike: no component knows settings.
    """

    cidr: str
    zones: Mapping[str, int]
    nat: Literal["none", "single", "per_zone"]
    flow_log_retention_days: int
    access_log_bucket: str
    access_log_retention_days: int
    groups: Mapping[str, str]
    edges: Sequence[Edge]
    interfaces: Sequence[str]
    key_denials: Sequence[Statement] = ()
    public_subnet_tags: Tags = field(default_factory=dict)
    group_tags: Mapping[str, Tags] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """What everything else stands on."""

    key: EncryptionKey
    logs: AccessLogs
    network: Network
    groups: SecurityGroups

    @property
    def private_subnet_ids(self) -> list[pulumi.Output[str]]:
        return list(self.network.private_subnet_ids.values())


def lay_foundation(home: Home, args: FoundationArgs) -> Foundation:
    """The VPC with its subnets and endpoints, the security groups, the key and the bucket of access logs."""
    key = EncryptionKey(
        home.names.logical("encryption"),
        EncryptionKeyArgs(
            prefix=home.names.prefix,
            account=home.account,
            region=home.region,
            protect=home.protect,
            tags=home.tags,
            denials=args.key_denials,
        ),
    )
    logs = AccessLogs(
        home.names.logical("access-logs"),
        AccessLogsArgs(
            bucket=args.access_log_bucket,
            region=home.region,
            account=home.account,
            expire_days=args.access_log_retention_days,
            protect=home.protect,
            tags=home.tags,
        ),
    )
    network = _network(home, args, key)
    groups = SecurityGroups(
        home.names.logical("security"),
        SecurityGroupsArgs(
            prefix=home.names.prefix,
            vpc_id=network.vpc_id,
            groups=args.groups,
            blocks={"anywhere": ANYWHERE, "vpc": args.cidr},
            edges=args.edges,
            group_tags=args.group_tags,
            tags=home.tags,
        ),
    )
    foundation = Foundation(key=key, logs=logs, network=network, groups=groups)
    _endpoints(home, args, foundation)
    return foundation


def _network(home: Home, args: FoundationArgs, key: EncryptionKey) -> Network:
    return Network(
        home.names.logical("network"),
        NetworkArgs(
            prefix=home.names.prefix,
            region=home.region,
            account=home.account,
            cidr=args.cidr,
            subnets=plan_subnets(args.cidr, args.zones),
            nat=args.nat,
            flow_log_retention_days=args.flow_log_retention_days,
            log_key_arn=key.arn,
            public_tags=args.public_subnet_tags,
            role_boundary=home.role_boundary,
            tags=home.tags,
        ),
    )


def _endpoints(home: Home, args: FoundationArgs, foundation: Foundation) -> Endpoints:
    return Endpoints(
        home.names.logical("endpoints"),
        EndpointsArgs(
            prefix=home.names.prefix,
            region=home.region,
            account=home.account,
            vpc_id=foundation.network.vpc_id,
            subnet_ids=foundation.private_subnet_ids,
            route_table_ids=foundation.network.private_route_table_ids,
            security_group_id=foundation.groups.ids["endpoints"],
            interfaces=args.interfaces,
            tags=home.tags,
        ),
    )


def open_zone(home: Home, domain: str) -> HostedZone:
    """The domain's public zone."""
    return HostedZone(home.names.logical("dns"), domain, protect=home.protect, tags=home.tags)


def certify(home: Home, zone: HostedZone, label: str, host: str, region: str | None = None) -> pulumi.Output[str]:
    """The ARN of a certificate for the host, in the system's region unless another is given, validated in the zone."""
    return Certificate(
        home.names.logical(f"{label}-certificate"),
        host,
        zone_id=zone.zone_id,
        region=region or home.region,
        tags=home.tags,
    ).arn


@dataclass(frozen=True, kw_only=True)
class EntranceArgs:
    """The host that the load balancer answers for, what is behind it, and what its paths are for."""

    host: str
    targets: Mapping[str, Target]
    rules: Sequence[Rule]
    idle_seconds: int
    deletion_protection: bool


def open_entrance(home: Home, foundation: Foundation, zone: HostedZone, args: EntranceArgs) -> LoadBalancer:
    """The load balancer in the public subnets and the security group `alb`, with the host's certificate and its alias."""
    balancer = LoadBalancer(
        home.names.logical("api"),
        LoadBalancerArgs(
            prefix=home.names.prefix,
            vpc_id=foundation.network.vpc_id,
            subnet_ids=list(foundation.network.public_subnet_ids.values()),
            security_group_id=foundation.groups.ids["alb"],
            certificate_arn=certify(home, zone, "api", args.host),
            access_logs=foundation.logs,
            targets=args.targets,
            rules=args.rules,
            idle_seconds=args.idle_seconds,
            deletion_protection=args.deletion_protection,
            tags=home.tags,
        ),
    )
    zone.alias("api", args.host, balancer.alias_target, ipv6=False)
    return balancer


def raise_alarms(home: Home, foundation: Foundation, alarms: Mapping[str, Alarm], email: str | None) -> Alarms:
    """The system's alarms and the topic that they tell."""
    return Alarms(
        home.names.logical("alarms"),
        AlarmsArgs(
            prefix=home.names.prefix,
            key_arn=foundation.key.arn,
            alarms=alarms,
            email=email,
            tags=home.tags,
        ),
    )


def answers_with_errors(description: str, balancer: LoadBalancer, target: str) -> Alarm:
    """More than ten answers of 5xx in each of three minutes."""
    return Alarm(
        description=description,
        namespace="AWS/ApplicationELB",
        metric="HTTPCode_Target_5XX_Count",
        dimensions=_dimensions(balancer, target),
        statistic="Sum",
        # Counted only while there are errors.
        silence="notBreaching",
        above=10,
    )


def has_no_healthy_target(description: str, balancer: LoadBalancer, target: str) -> Alarm:
    """Not one healthy target for three minutes."""
    return Alarm(
        description=description,
        namespace="AWS/ApplicationELB",
        metric="HealthyHostCount",
        dimensions=_dimensions(balancer, target),
        statistic="Minimum",
        # Without a target in the group nothing is reported.
        silence="breaching",
        below=1,
    )


def _dimensions(balancer: LoadBalancer, target: str) -> dict[str, pulumi.Input[str]]:
    return {"LoadBalancer": balancer.arn_suffix, "TargetGroup": balancer.target_groups[target].arn_suffix}
