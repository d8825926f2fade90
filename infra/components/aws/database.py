"""RDS PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from infra.components.component import PlatformComponent
from infra.components.joined import joined
from infra.names import within_limit
from infra.tags import Tags, named

PORT = 5432
EXPORTED_LOGS = ("postgresql", "upgrade")


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """`zone` is where a single instance lives; with `multi_az` AWS places primary and standby in two of the subnets' zones."""

    prefix: str
    engine_version: str
    instance_class: str
    storage_gib: int
    max_storage_gib: int
    multi_az: bool
    zone: str
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    backup_retention_days: int
    log_retention_days: int
    deletion_protection: bool
    protect: bool
    master_username: str
    tags: Tags


class Database(PlatformComponent):
    """One PostgreSQL instance: encrypted, TLS enforced, backed up, its logs kept.

    RDS makes the master's password, keeps it in Secrets Manager and changes it every seven days: neither the program
    nor its state ever holds it. Resources: SubnetGroup, ParameterGroup, RandomId, a LogGroup per exported log, Instance.
    """

    pulumi_type: ClassVar[str] = "platform:aws:Database"
    address: pulumi.Output[str]
    port: int
    master_secret_arn: pulumi.Output[str]
    identifier: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        self._identifier = within_limit(f"{args.prefix}-rds", "database")
        instance = self._instance()
        self.address = instance.address
        self.port = PORT
        self.master_secret_arn = instance.master_user_secrets.apply(
            lambda made: made[0].secret_arn or "" if made else ""
        )
        self.identifier = instance.identifier
        self.register_outputs({"address": self.address, "identifier": self.identifier})

    def _instance(self) -> aws.rds.Instance:
        args = self._args
        return aws.rds.Instance(
            f"{self._name}-instance",
            identifier=self._identifier,
            engine="postgres",
            engine_version=args.engine_version,
            instance_class=args.instance_class,
            allocated_storage=args.storage_gib,
            max_allocated_storage=args.max_storage_gib,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=args.key_arn,
            username=args.master_username,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.key_arn,
            port=PORT,
            multi_az=args.multi_az,
            availability_zone=None if args.multi_az else args.zone,
            db_subnet_group_name=self._subnet_group().name,
            parameter_group_name=self._parameter_group().name,
            vpc_security_group_ids=[args.security_group_id],
            publicly_accessible=False,
            ca_cert_identifier="rds-ca-rsa2048-g1",
            backup_retention_period=args.backup_retention_days,
            backup_window="18:00-19:00",
            maintenance_window="sun:19:30-sun:20:30",
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
            allow_major_version_upgrade=False,
            enabled_cloudwatch_logs_exports=list(EXPORTED_LOGS),
            deletion_protection=args.deletion_protection,
            skip_final_snapshot=not args.deletion_protection,
            final_snapshot_identifier=self._final_snapshot(),
            tags=named(args.tags, self._identifier),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                depends_on=self._log_groups(),
                # "17" follows the minor versions that AWS installs.
                ignore_changes=["engineVersion"] if "." not in args.engine_version else [],
            ),
        )

    def _final_snapshot(self) -> pulumi.Output[str]:
        """Another name for each instance: a snapshot outlives its database, and AWS takes no name twice.

        Drawn anew with what replaces the instance: the values of `keepers` are those that the provider cannot change in place.
        """
        keepers = {"key": self._args.key_arn, "username": self._args.master_username}
        if not self._args.multi_az:
            keepers["zone"] = self._args.zone
        suffix = random.RandomId(f"{self._name}-final-snapshot", byte_length=4, keepers=keepers, opts=self.child)
        return joined(self._identifier, "-final-", suffix.hex)

    def _subnet_group(self) -> aws.rds.SubnetGroup:
        return aws.rds.SubnetGroup(
            f"{self._name}-subnets",
            name=f"{self._args.prefix}-db-subnet-group",
            description=f"Private subnets of {self._args.prefix}",
            subnet_ids=self._args.subnet_ids,
            tags=named(self._args.tags, f"{self._args.prefix}-db-subnet-group"),
            opts=self.child,
        )

    def _parameter_group(self) -> aws.rds.ParameterGroup:
        major = self._args.engine_version.split(".", maxsplit=1)[0]
        return aws.rds.ParameterGroup(
            f"{self._name}-parameters",
            name=f"{self._args.prefix}-postgres{major}",
            family=f"postgres{major}",
            description=f"PostgreSQL {major} of {self._args.prefix}",
            parameters=[
                {"name": "rds.force_ssl", "value": "1"},
                {"name": "password_encryption", "value": "scram-sha-256"},
                # Else a role whose password was once stored as MD5 could still log in with that.
                {"name": "rds.accepted_password_auth_method", "value": "scram"},
                {"name": "log_connections", "value": "1"},
            ],
            tags=named(self._args.tags, f"{self._args.prefix}-postgres{major}"),
            opts=self.child,
        )

    def _log_groups(self) -> list[aws.cloudwatch.LogGroup]:
        """Made before the instance, which would make them itself, kept for ever and under AWS's key."""
        return [
            aws.cloudwatch.LogGroup(
                f"{self._name}-log-{log}",
                name=f"/aws/rds/instance/{self._identifier}/{log}",
                retention_in_days=self._args.log_retention_days,
                kms_key_id=self._args.key_arn,
                tags=named(self._args.tags, f"{self._identifier}-{log}"),
                opts=self.child,
            )
            for log in EXPORTED_LOGS
        ]
