"""§5 and §6: PostgreSQL, Redis, and what instances read to reach them."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_random as random

from infra.components.aws.cache import Cache, CacheArgs
from infra.components.aws.database import Database, DatabaseArgs
from infra.components.aws.foundation import Foundation
from infra.components.aws.parameters import Parameters, ParametersArgs
from infra.settings import Settings
from infra.systems.wealist import document
from infra.systems.wealist.context import Context


@dataclass(frozen=True, kw_only=True)
class Data:
    """What holds the system's data."""

    database: Database
    cache: Cache


def build_data(context: Context, settings: Settings, foundation: Foundation) -> Data:
    """The database, the cache, and the parameters with their addresses and passwords."""
    database = _database(context, foundation)
    cache = _cache(context, foundation)
    _parameters(context, settings, foundation, database, cache)
    return Data(database=database, cache=cache)


def _database(context: Context, foundation: Foundation) -> Database:
    """§5. The instance lives in zone a, its standby where AWS puts it."""
    database = context.settings.database
    return Database(
        context.names.logical("database"),
        DatabaseArgs(
            prefix=context.names.prefix,
            engine_version=database.engine_version,
            instance_class=database.instance_class,
            storage_gib=database.storage_gib,
            max_storage_gib=database.max_storage_gib,
            multi_az=context.settings.enable_multi_az,
            zone=context.zone(document.DATABASE_ZONE),
            subnet_ids=foundation.private_subnet_ids,
            security_group_id=foundation.groups.ids["rds"],
            key_arn=foundation.key.arn,
            backup_retention_days=database.backup_retention_days,
            log_retention_days=context.settings.network.flow_log_retention_days,
            deletion_protection=database.deletion_protection,
            protect=context.protect,
            master_username=document.MASTER_USERNAME,
            tags=context.tags,
        ),
    )


def _cache(context: Context, foundation: Foundation) -> Cache:
    """§6. The primary lives in zone c, the replica in d."""
    zones = document.CACHE_ZONES if context.settings.enable_multi_az else document.CACHE_ZONES[:1]
    return Cache(
        context.names.logical("cache"),
        CacheArgs(
            prefix=context.names.prefix,
            engine_version=context.settings.cache.engine_version,
            node_type=context.settings.cache.node_type,
            zones=[context.zone(letter) for letter in zones],
            subnet_ids=foundation.private_subnet_ids,
            security_group_id=foundation.groups.ids["redis"],
            key_arn=foundation.key.arn,
            snapshot_retention_days=context.settings.cache.snapshot_retention_days,
            protect=context.protect,
            tags=context.tags,
        ),
    )


def _generated(context: Context, name: str, length: int) -> pulumi.Output[str]:
    """A secret that no person sets or sees: letters and digits."""
    return random.RandomPassword(context.names.logical(name), length=length, special=False).result


def _parameters(
    context: Context, settings: Settings, foundation: Foundation, database: Database, cache: Cache
) -> Parameters:
    """What §4 and §5 let instances read at their start."""
    return Parameters(
        context.names.logical("parameters"),
        ParametersArgs(
            path=context.parameter_path,
            key_arn=foundation.key.arn,
            plain={
                "db/endpoint": database.address,
                "db/port": str(database.port),
                "db/master_arn": database.master_secret_arn,
                **{f"db/{service}_db_name": name for service, (name, _) in document.DATABASES.items()},
                **{f"db/{service}_db_user": role for service, (_, role) in document.DATABASES.items()},
                "redis/endpoint": cache.endpoint,
                "redis/port": str(cache.port),
            },
            secret={
                **{
                    f"db/{service}_db_password": _generated(context, f"{service}-db-password", 40)
                    for service in document.DATABASES
                },
                "redis/auth_token": cache.auth_token,
                "jwt/secret": _generated(context, "jwt-secret", 64),
                "google/client_id": settings.secret("wealist-google-client-id"),
                "google/client_secret": settings.secret("wealist-google-client-secret"),
                "monitoring/grafana_admin_password": _generated(context, "grafana-password", 32),
            },
            tags=context.tags,
        ),
    )
