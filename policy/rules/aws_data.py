"""PostgreSQL and Redis: encrypted, private, backed up, and not deleted by mistake."""

from __future__ import annotations

from collections.abc import Iterator

from policy.aws_types import CACHE, CACHE_SUBNETS, DATABASE, DATABASE_PARAMETERS, DATABASE_SUBNETS
from policy.checks import at, each, is_at_least, is_off, is_one_of, is_set, is_true, matches, shown, wants, wants_all
from policy.public_subnets import public_subnets
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

BACKUP_DAYS = 7
"""RDS.11's own threshold."""

WELL_KNOWN_NAMES = ("admin", "administrator", "postgres", "root", "sa")
OLD_AUTHORITIES = (None, "rds-ca-2015", "rds-ca-2019")

_DATABASE_ROOM = "infra/components/aws/database.py"
_CACHE_ROOM = "infra/components/aws/cache.py"


def _parameter(resource: Resource, name: str) -> str | None:
    found = [one.get("value") for one in each(resource.props, "parameters") if one.get("name") == name]
    return str(found[0]) if found else None


def _takes_plain_text(resource: Resource) -> Iterator[str]:
    value = _parameter(resource, "rds.force_ssl")
    if value != "1":
        yield f"rds.force_ssl is {shown(value)}"


def _hashes_weakly(resource: Resource) -> Iterator[str]:
    value = _parameter(resource, "password_encryption")
    if value != "scram-sha-256":
        yield f"password_encryption is {shown(value)}"


def _on_default_parameters(stack: Stack) -> Iterator[tuple[Resource, str]]:
    own = {one.props.get("name") for one in stack.of(DATABASE_PARAMETERS)}
    for database in stack.of(DATABASE):
        name = database.props.get("parameterGroupName")
        if name not in own:
            yield database, f"its parameters are those of {shown(name)}, and no group of this stack"


def _says_too_little(resource: Resource) -> Iterator[str]:
    exported = each(resource.props, "enabledCloudwatchLogsExports")
    missing = [log for log in ("postgresql", "upgrade") if log not in exported]
    if missing:
        yield f"it does not export: {', '.join(missing)}"


def _in_the_open(stack: Stack) -> Iterator[tuple[Resource, str]]:
    public = public_subnets(stack)
    for group in stack.of(DATABASE_SUBNETS, CACHE_SUBNETS):
        exposed = [subnet for subnet in each(group.props, "subnetIds") if subnet in public]
        if exposed:
            yield group, f"{', '.join(public[one] for one in exposed)}: public, with a route to the internet gateway"


def _forgets_at_the_end(resource: Resource) -> Iterator[str]:
    if at(resource.props, "skipFinalSnapshot") is True:
        yield "skipFinalSnapshot is true"
    elif not at(resource.props, "finalSnapshotIdentifier"):
        yield "finalSnapshotIdentifier is not set: its deletion would fail"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="rds-encrypted",
        title="Databases are encrypted at rest",
        controls=("AWS FSBP RDS.3", "CIS AWS 3.0 2.3.1"),
        severity=Severity.HIGH,
        remedy=f"{_DATABASE_ROOM}: storage_encrypted=True (a change replaces the database: restore from an encrypted snapshot)",
        types=frozenset({DATABASE}),
        check=wants_all({"storageEncrypted": is_true, "kmsKeyId": is_set}),
    ),
    ResourceRule(
        name="rds-not-public",
        title="Databases have no public address",
        controls=("AWS FSBP RDS.2", "CIS AWS 3.0 2.3.3"),
        severity=Severity.CRITICAL,
        remedy=f"{_DATABASE_ROOM}: publicly_accessible=False; people come in through Session Manager",
        types=frozenset({DATABASE}),
        check=wants("publiclyAccessible", is_off),
    ),
    StackRule(
        name="data-in-private-subnets",
        title="Databases and caches are in subnets without a route to the internet gateway",
        controls=("AWS FSBP RDS.46", "AWS Well-Architected SEC05-BP01 Create network layers"),
        severity=Severity.HIGH,
        remedy="give the subnet group the network's private subnets",
        check=_in_the_open,
    ),
    ResourceRule(
        name="rds-tls-only",
        title="Databases refuse connections without TLS",
        controls=("AWS Security Hub RDS.38", "AWS Well-Architected SEC09-BP02 Enforce encryption in transit"),
        severity=Severity.HIGH,
        remedy=f"{_DATABASE_ROOM}: the parameter rds.force_ssl is 1",
        types=frozenset({DATABASE_PARAMETERS}),
        check=_takes_plain_text,
    ),
    ResourceRule(
        name="rds-scram",
        title="Databases keep passwords as SCRAM",
        controls=("AWS Well-Architected SEC02-BP03 Store and use secrets securely",),
        severity=Severity.MEDIUM,
        remedy=f"{_DATABASE_ROOM}: the parameter password_encryption is scram-sha-256",
        types=frozenset({DATABASE_PARAMETERS}),
        check=_hashes_weakly,
    ),
    StackRule(
        name="rds-own-parameters",
        title="Databases run with the stack's parameters, not with AWS's defaults",
        controls=("AWS Security Hub RDS.38",),
        severity=Severity.MEDIUM,
        remedy=f"{_DATABASE_ROOM}: parameter_group_name is the component's own group",
        check=_on_default_parameters,
    ),
    ResourceRule(
        name="rds-authority",
        title="Databases show a certificate of an authority that is not about to end",
        controls=("AWS Well-Architected SEC09-BP01 Implement secure key and certificate management",),
        severity=Severity.MEDIUM,
        remedy=f"{_DATABASE_ROOM}: ca_cert_identifier=rds-ca-rsa2048-g1, or a newer one",
        types=frozenset({DATABASE}),
        check=wants("caCertIdentifier", lambda value: value not in OLD_AUTHORITIES),
    ),
    ResourceRule(
        name="rds-deletion-protection",
        title="Databases cannot be deleted by mistake",
        controls=("AWS FSBP RDS.8",),
        severity=Severity.HIGH,
        remedy="set wealist.database.deletion_protection to true in the stack's file",
        types=frozenset({DATABASE}),
        check=wants("deletionProtection", is_true),
    ),
    ResourceRule(
        name="rds-final-snapshot",
        title="A database that is deleted leaves a snapshot",
        controls=(
            (
                "AWS Well-Architected REL09-BP01 Identify and back up all data that needs to be backed up, "
                "or reproduce the data from sources"
            ),
        ),
        severity=Severity.HIGH,
        remedy=f"{_DATABASE_ROOM}: skip_final_snapshot=False with a final_snapshot_identifier; it follows deletion_protection",
        types=frozenset({DATABASE}),
        check=_forgets_at_the_end,
    ),
    ResourceRule(
        name="rds-backed-up",
        title=f"Databases are backed up, and backups kept for {BACKUP_DAYS} days or longer",
        controls=("AWS FSBP RDS.11",),
        severity=Severity.HIGH,
        remedy="set wealist.database.backup_retention_days in the stack's file",
        types=frozenset({DATABASE}),
        check=wants("backupRetentionPeriod", is_at_least(BACKUP_DAYS)),
    ),
    ResourceRule(
        name="rds-multi-az",
        title="Databases survive the loss of a zone",
        controls=("AWS FSBP RDS.5",),
        severity=Severity.MEDIUM,
        remedy="set wealist.enable_multi_az to true in the stack's file",
        types=frozenset({DATABASE}),
        check=wants("multiAz", is_true),
    ),
    ResourceRule(
        name="rds-minor-upgrades",
        title="Databases take minor versions by themselves",
        controls=("AWS FSBP RDS.13", "CIS AWS 3.0 2.3.2"),
        severity=Severity.HIGH,
        remedy=f"{_DATABASE_ROOM}: auto_minor_version_upgrade=True",
        types=frozenset({DATABASE}),
        check=wants("autoMinorVersionUpgrade", is_true),
    ),
    ResourceRule(
        name="rds-no-major-upgrade",
        title="Databases take no major version unasked",
        controls=("AWS Well-Architected OPS06-BP04 Automate testing and rollback",),
        severity=Severity.MEDIUM,
        remedy=f"{_DATABASE_ROOM}: allow_major_version_upgrade=False, but for the one change that upgrades",
        types=frozenset({DATABASE}),
        check=wants("allowMajorVersionUpgrade", is_off),
        mandatory=False,
    ),
    ResourceRule(
        name="rds-logs",
        title="Databases publish their logs",
        controls=("AWS FSBP RDS.9", "AWS FSBP RDS.36"),
        severity=Severity.MEDIUM,
        remedy=f"{_DATABASE_ROOM}: enabled_cloudwatch_logs_exports holds postgresql and upgrade",
        types=frozenset({DATABASE}),
        check=_says_too_little,
    ),
    ResourceRule(
        name="rds-snapshot-tags",
        title="Snapshots carry their database's tags",
        controls=("AWS FSBP RDS.17",),
        severity=Severity.LOW,
        remedy=f"{_DATABASE_ROOM}: copy_tags_to_snapshot=True",
        types=frozenset({DATABASE}),
        check=wants("copyTagsToSnapshot", is_true),
    ),
    ResourceRule(
        name="rds-administrator-name",
        title="The database's administrator has no well-known name",
        controls=("AWS FSBP RDS.25",),
        severity=Severity.MEDIUM,
        remedy=f"{_DATABASE_ROOM}: a username of its own (a change replaces the database)",
        types=frozenset({DATABASE}),
        check=wants("username", lambda value: bool(value) and value not in WELL_KNOWN_NAMES),
    ),
    ResourceRule(
        name="cache-encrypted",
        title="Caches are encrypted at rest",
        controls=("AWS FSBP ElastiCache.4",),
        severity=Severity.MEDIUM,
        remedy=f"{_CACHE_ROOM}: at_rest_encryption_enabled=True",
        types=frozenset({CACHE}),
        check=wants("atRestEncryptionEnabled", is_true),
    ),
    ResourceRule(
        name="cache-tls-only",
        title="Caches refuse connections without TLS",
        controls=("AWS FSBP ElastiCache.5",),
        severity=Severity.HIGH,
        remedy=f"{_CACHE_ROOM}: transit_encryption_enabled=True, transit_encryption_mode=required",
        types=frozenset({CACHE}),
        check=wants_all({"transitEncryptionEnabled": is_true, "transitEncryptionMode": is_one_of(None, "required")}),
    ),
    ResourceRule(
        name="cache-auth",
        title="Caches ask for a token",
        controls=("AWS FSBP ElastiCache.6",),
        severity=Severity.HIGH,
        remedy=f"{_CACHE_ROOM}: auth_token is the generated one",
        types=frozenset({CACHE}),
        check=lambda resource: () if resource.props.get("authToken") else ("authToken is not set",),
    ),
    ResourceRule(
        name="cache-backed-up",
        title="Caches are snapshotted every day",
        controls=("AWS FSBP ElastiCache.1",),
        severity=Severity.MEDIUM,
        remedy=f"{_CACHE_ROOM}: snapshot_retention_limit is 1 or more",
        types=frozenset({CACHE}),
        check=wants("snapshotRetentionLimit", is_at_least(1)),
    ),
    ResourceRule(
        name="cache-minor-upgrades",
        title="Caches take minor versions by themselves",
        controls=("AWS FSBP ElastiCache.2",),
        severity=Severity.HIGH,
        remedy=f"{_CACHE_ROOM}: auto_minor_version_upgrade=True",
        types=frozenset({CACHE}),
        check=wants("autoMinorVersionUpgrade", is_true),
    ),
    ResourceRule(
        name="cache-failover",
        title="Caches survive the loss of a zone",
        controls=("AWS FSBP ElastiCache.3",),
        severity=Severity.MEDIUM,
        remedy="set wealist.enable_multi_az to true in the stack's file",
        types=frozenset({CACHE}),
        check=wants_all({"automaticFailoverEnabled": is_true, "multiAzEnabled": is_true}),
    ),
    ResourceRule(
        name="cache-own-subnets",
        title="Caches are in the stack's subnets, not in the account's default ones",
        controls=("AWS FSBP ElastiCache.7",),
        severity=Severity.HIGH,
        remedy=f"{_CACHE_ROOM}: subnet_group_name is the component's own group",
        types=frozenset({CACHE}),
        check=wants("subnetGroupName", matches(r"(?!default$).+")),
    ),
)
