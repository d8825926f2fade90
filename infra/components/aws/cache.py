"""ElastiCache for Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from infra.components.component import PlatformComponent
from infra.names import within_limit
from infra.tags import Tags, named

PORT = 6379


@dataclass(frozen=True, kw_only=True)
class CacheArgs:
    """`zones` has one zone per node, the primary's first: two or more make a replica group that fails over."""

    prefix: str
    engine_version: str
    node_type: str
    zones: Sequence[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    snapshot_retention_days: int
    protect: bool
    tags: Tags


class Cache(PlatformComponent):
    """One Redis, encrypted at rest and in transit, with an auth token.

    Resources: SubnetGroup, ParameterGroup, RandomPassword, ReplicationGroup.
    """

    pulumi_type: ClassVar[str] = "platform:aws:Cache"
    endpoint: pulumi.Output[str]
    port: int
    auth_token: pulumi.Output[str]

    def __init__(self, name: str, args: CacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        identifier = within_limit(f"{args.prefix}-redis", "replication group")
        replicated = len(args.zones) > 1
        # ElastiCache takes only these special characters in a token.
        token = random.RandomPassword(f"{name}-auth-token", length=64, override_special="!&#$^<>-", opts=self.child)
        subnets = aws.elasticache.SubnetGroup(
            f"{name}-subnets",
            name=f"{args.prefix}-redis-subnet-group",
            description=f"Private subnets of {args.prefix}",
            subnet_ids=args.subnet_ids,
            tags=named(args.tags, f"{args.prefix}-redis-subnet-group"),
            opts=self.child,
        )
        parameters = aws.elasticache.ParameterGroup(
            f"{name}-parameters",
            name=f"{args.prefix}-redis7",
            family="redis7",
            description=f"Redis 7 of {args.prefix}",
            parameters=[{"name": "maxmemory-policy", "value": "volatile-lru"}],
            tags=named(args.tags, f"{args.prefix}-redis7"),
            opts=self.child,
        )
        group = aws.elasticache.ReplicationGroup(
            f"{name}-group",
            replication_group_id=identifier,
            description=f"Sessions, cache and rate limits of {args.prefix}",
            engine="redis",
            engine_version=args.engine_version,
            node_type=args.node_type,
            port=PORT,
            parameter_group_name=parameters.name,
            subnet_group_name=subnets.name,
            security_group_ids=[args.security_group_id],
            num_cache_clusters=len(args.zones),
            preferred_cache_cluster_azs=args.zones,
            automatic_failover_enabled=replicated,
            multi_az_enabled=replicated,
            at_rest_encryption_enabled=True,
            kms_key_id=args.key_arn,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            auth_token=token.result,
            auth_token_update_strategy="ROTATE",  # noqa: S106 - a strategy
            snapshot_retention_limit=args.snapshot_retention_days,
            snapshot_window="18:00-19:00",
            maintenance_window="sun:19:30-sun:20:30",
            auto_minor_version_upgrade=True,
            apply_immediately=False,
            tags=named(args.tags, identifier),
            opts=self.guarded(args.protect),
        )
        self.endpoint = group.primary_endpoint_address
        self.port = PORT
        self.auth_token = token.result
        self.register_outputs({"endpoint": self.endpoint})
