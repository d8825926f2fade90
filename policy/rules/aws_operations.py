"""Keys, parameters, logs, alarms, tags: what every system needs to be run, and to be found out about."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policy.aws_types import (
    ALARM,
    AUTO_SCALING_GROUP,
    BUCKET,
    CACHE,
    DATABASE,
    DOCUMENT,
    INSTANCE,
    KEY,
    LOAD_BALANCER,
    LOG_GROUP,
    PARAMETER,
    REPOSITORY,
    TAGGED,
    TOPIC,
    ZONE,
)
from policy.checks import each, is_at_least, is_one_of, is_set, is_true, matches, wants
from policy.control_plane import runs_control_plane
from policy.iam_documents import open_to_anybody
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

TAGS = ("Project", "Environment", "System", "ManagedBy")
TOLD_ON_ERRORS_ONLY = ("HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count")
"""Metrics with the reporting criterion "There is a nonzero value" (CloudWatch metrics for your Application Load Balancer, read
2026-11-28): silence is the best that they can say. HealthyHostCount, StatusCheckFailed and RDS' are told every minute."""

LOG_DAYS = 90
DELETION_DAYS = 30

STATEFUL = frozenset({BUCKET, CACHE, DATABASE, INSTANCE, KEY, REPOSITORY, ZONE})
"""What cannot be made again as it was: it holds data, or the world knows it by its value. Of machines: a control plane's."""

SECRET_NAME = re.compile(
    r"(?i)(^|[^a-z])(password|passwd|secret|token|private[-_]key|api[-_]?key|encryption[-_]key)([^a-z]|$)"
)


def _untagged(resource: Resource) -> Iterator[str]:
    tags = resource.props.get("tags")
    if resource.type == AUTO_SCALING_GROUP:
        names = {str(tag.get("key")) for tag in each(resource.props, "tags")}
    else:
        names = {str(name) for name in tags or ()}
    missing = [name for name in TAGS if name not in names]
    if missing:
        yield f"it has no tag {', '.join(missing)}"


def _unprotected(resource: Resource) -> Iterator[str]:
    if not resource.protect and (resource.type != INSTANCE or runs_control_plane(resource)):
        yield "Pulumi would delete or replace it without asking"


def _public(resource: Resource) -> Iterator[str]:
    for one in open_to_anybody(resource.props.get("policy")):
        yield f"'{one.label}' allows everybody in the world {', '.join(one.actions)}"


def _plain_secret(resource: Resource) -> Iterator[str]:
    name = str(resource.props.get("name"))
    if resource.props.get("type") != "SecureString" and SECRET_NAME.search(name.rsplit("/", 1)[-1]):
        yield f"{name} is a {resource.props.get('type')}"


def _under_aws_key(resource: Resource) -> Iterator[str]:
    if resource.props.get("type") == "SecureString":
        yield from wants("keyId", matches(r"(?!alias/aws/).+"))(resource)


def _shared_with_all(resource: Resource) -> Iterator[str]:
    for permission in each(resource.props, "permissions"):
        if str(permission.get("accountIds")).lower() == "all":
            yield "it is shared with all accounts"


def _calm_in_silence(resource: Resource) -> Iterator[str]:
    if resource.props.get("metricName") not in TOLD_ON_ERRORS_ONLY:
        yield from wants("treatMissingData", is_one_of("breaching"))(resource)


def _unwatched(stack: Stack) -> Iterator[tuple[Resource, str]]:
    watched = [alarm.props.get("dimensions") or {} for alarm in stack.of(ALARM)]
    databases = {str(one.get("DBInstanceIdentifier")) for one in watched}
    balancers = {str(one.get("LoadBalancer")) for one in watched}
    instances = {str(one.get("InstanceId")) for one in watched}
    for database in stack.of(DATABASE):
        if database.props.get("identifier") not in databases:
            yield database, "no alarm looks at it"
    for balancer in stack.of(LOAD_BALANCER):
        if str(balancer.outputs.get("arn")).rsplit(":loadbalancer/", 1)[-1] not in balancers:
            yield balancer, "no alarm looks at it"
    for instance in stack.of(INSTANCE):
        if instance.outputs.get("id") not in instances:
            yield instance, "no alarm looks at it"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="stateful-protected",
        title="What holds data is protected in Pulumi",
        controls=("AWS Well-Architected SEC08-BP04 Enforce access control",),
        severity=Severity.HIGH,
        remedy="set platform.protect to true in the stack's file",
        types=STATEFUL,
        check=_unprotected,
    ),
    ResourceRule(
        name="tags",
        title=f"Resources carry the tags {', '.join(TAGS)}",
        controls=("AWS Resource Tagging Standard 1.0.0",),
        severity=Severity.LOW,
        remedy="pass the system's tags on: tags=named(args.tags, …) of infra/tags.py",
        types=TAGGED,
        check=_untagged,
    ),
    ResourceRule(
        name="kms-rotation",
        title="Keys are rotated every year",
        controls=("AWS Security Hub KMS.4", "CIS AWS 3.0 3.6"),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/encryption.py: enable_key_rotation=True",
        types=frozenset({KEY}),
        check=wants("enableKeyRotation", is_true),
    ),
    ResourceRule(
        name="kms-deletion-window",
        title=f"A key that is to be deleted can be kept for {DELETION_DAYS} days",
        controls=("AWS FSBP KMS.3",),
        severity=Severity.HIGH,
        remedy=f"infra/components/aws/encryption.py: deletion_window_in_days={DELETION_DAYS}",
        types=frozenset({KEY}),
        check=wants("deletionWindowInDays", lambda value: value is None or is_at_least(DELETION_DAYS)(value)),
    ),
    ResourceRule(
        name="kms-not-public",
        title="Keys are used by those who are named",
        controls=("AWS FSBP KMS.5",),
        severity=Severity.CRITICAL,
        remedy="infra/components/aws/encryption.py: name the principal, or add a condition on kms:CallerAccount",
        types=frozenset({KEY}),
        check=_public,
    ),
    ResourceRule(
        name="ssm-secrets-encrypted",
        title="Parameters that are secrets are SecureStrings",
        controls=("AWS Well-Architected SEC02-BP03 Store and use secrets securely",),
        severity=Severity.HIGH,
        remedy="give Parameters the value as a secret one (infra/components/aws/parameters.py)",
        types=frozenset({PARAMETER}),
        check=_plain_secret,
    ),
    ResourceRule(
        name="ssm-own-key",
        title="SecureStrings are encrypted with the system's key",
        controls=("AWS Well-Architected SEC08-BP01 Implement secure key management",),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/parameters.py: key_id is the system's key",
        types=frozenset({PARAMETER}),
        check=_under_aws_key,
    ),
    ResourceRule(
        name="ssm-document-private",
        title="Documents are not shared with all accounts",
        controls=("AWS FSBP SSM.4",),
        severity=Severity.CRITICAL,
        remedy="infra/components/aws/run_command.py: leave out permissions",
        types=frozenset({DOCUMENT}),
        check=_shared_with_all,
    ),
    ResourceRule(
        name="sns-encrypted",
        title="Topics are encrypted with a key of KMS",
        controls=("AWS Security Hub SNS.1",),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/alarms.py: kms_master_key_id is the system's key",
        types=frozenset({TOPIC}),
        check=wants("kmsMasterKeyId", is_set),
    ),
    ResourceRule(
        name="sns-not-public",
        title="Topics are not open to everybody",
        controls=("AWS FSBP SNS.4",),
        severity=Severity.CRITICAL,
        remedy="name the principal in the topic's policy",
        types=frozenset({TOPIC}),
        check=_public,
    ),
    ResourceRule(
        name="logs-encrypted",
        title="Log groups are encrypted with the system's key",
        controls=("AWS Well-Architected SEC08-BP02 Enforce encryption at rest",),
        severity=Severity.MEDIUM,
        remedy="give the log group kms_key_id, the system's key (infra/components/aws/encryption.py)",
        types=frozenset({LOG_GROUP}),
        check=wants("kmsKeyId", is_set),
    ),
    ResourceRule(
        name="logs-kept",
        title=f"Logs are kept for {LOG_DAYS} days or longer, and not for ever",
        controls=("AWS Security Hub CloudWatch.16",),
        severity=Severity.MEDIUM,
        remedy=f"give the log group retention_in_days={LOG_DAYS} or more",
        types=frozenset({LOG_GROUP}),
        check=wants("retentionInDays", lambda value: is_at_least(LOG_DAYS)(value or 0)),
    ),
    ResourceRule(
        name="alarm-tells",
        title="Alarms tell somebody",
        controls=("AWS Security Hub CloudWatch.15",),
        severity=Severity.HIGH,
        remedy="infra/components/aws/alarms.py: alarm_actions holds the system's topic",
        types=frozenset({ALARM}),
        check=lambda resource: () if each(resource.props, "alarmActions") else ("alarmActions is not set",),
    ),
    ResourceRule(
        name="alarm-on",
        title="Alarms' actions are switched on",
        controls=("AWS Security Hub CloudWatch.17",),
        severity=Severity.HIGH,
        remedy="leave out actions_enabled=False",
        types=frozenset({ALARM}),
        check=wants("actionsEnabled", lambda value: value is not False),
    ),
    ResourceRule(
        name="alarm-silence",
        title="Alarms fire when what they look at falls silent, but for counts of errors",
        controls=("AWS Well-Architected REL06-BP03 Send notifications (Real-time processing and alarming)",),
        severity=Severity.HIGH,
        remedy="Alarm.silence is breaching (infra/components/aws/alarms.py); a metric that is told on errors only is named in"
        " policy/rules/aws_operations.py, with where AWS says so",
        types=frozenset({ALARM}),
        check=_calm_in_silence,
    ),
    StackRule(
        name="alarm-watches",
        title="An alarm looks at every database, load balancer and single machine",
        controls=("AWS Well-Architected REL06-BP03 Send notifications (Real-time processing and alarming)",),
        severity=Severity.MEDIUM,
        remedy="add it to the system's Alarms (infra/components/aws/alarms.py)",
        check=_unwatched,
    ),
    ResourceRule(
        name="zone-kept",
        title="A zone with records in it cannot be destroyed",
        controls=("AWS Well-Architected SEC08-BP04 Enforce access control",),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/dns.py: leave out force_destroy",
        types=frozenset({ZONE}),
        check=wants("forceDestroy", lambda value: not value),
    ),
)
