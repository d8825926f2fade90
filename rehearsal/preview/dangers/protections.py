"""Protections and exposures that are one input each: which value of it is the good one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.preview.comparison import Comparison
from rehearsal.preview.dangers.model import Danger, Rank, quoted
from rehearsal.preview.dangers.stateful import STATEFUL
from rehearsal.preview.snapshot import Resource
from rehearsal.preview.values import each

Values = list[Any]
Bad = Callable[[Any], bool]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """An input that protects. `is_worse` compares all values at the path, which goes through lists, before and after.

    Of an added resource, whose `before` is empty, only exposures count.
    """

    type: str
    path: str
    is_worse: Callable[[Values, Values], bool]
    what: str
    why: str
    remedy: str
    rank: Rank = Rank.UNPROTECTED
    of_added: bool = False


def becomes(bad: Any) -> Callable[[Values, Values], bool]:
    """It is the bad value now and was not."""
    return lambda before, after: bad in after and bad not in before


def stops_being(good: Any) -> Callable[[Values, Values], bool]:
    return lambda before, after: good in before and good not in after


def falls(before: Values, after: Values) -> bool:
    """A number is lower than it was, or gone."""
    numbers = [value for value in before if isinstance(value, (int, float)) and not isinstance(value, bool)]
    lower = [value for value in after if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return bool(numbers) and max(numbers) > max(lower, default=0)


def is_dropped(before: Values, after: Values) -> bool:
    return bool(before) and not after


def changes(before: Values, after: Values) -> bool:
    return bool(before) and before != after


def _shortens(before: Values, after: Values) -> bool:
    """Days of retention, of which 0 or none means for ever."""
    was, now = (max((int(value) for value in values), default=0) for values in (before, after))
    return now != 0 and (was == 0 or now < was)


_RDS, _REDIS, _LB = (
    "aws:rds/instance:Instance",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:lb/loadBalancer:LoadBalancer",
)
_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_KEY, _NODE, _TEMPLATE = "aws:kms/key:Key", "aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate"
_SET = "kubernetes:apps/v1:StatefulSet"
_KEEP = "keep it as it is; to remove the resource on purpose, drop the protection in a change of its own, right before"

# Rows of a table, alike in shape on purpose: each says in full what is lost by one input.
WATCHED: tuple[Watched, ...] = (
    Watched(
        type=_RDS,
        path="deletionProtection",
        is_worse=stops_being(True),
        what="deletion protection of the database is switched off",
        why="nothing in AWS keeps a wrong `up`, `destroy` or click from deleting the database",
        remedy=_KEEP,
    ),
    Watched(
        type=_RDS,
        path="skipFinalSnapshot",
        is_worse=becomes(True),
        what="no last snapshot is taken when the database is deleted",
        why="a deletion by mistake cannot be undone",
        remedy="leave `skipFinalSnapshot` false, with a `finalSnapshotIdentifier`",
    ),
    Watched(
        type=_RDS,
        path="backupRetentionPeriod",
        is_worse=falls,
        what="automatic backups are kept for fewer days",
        why="RDS deletes the older ones at once; with 0 it deletes all, and there is no point-in-time recovery",
        remedy="keep the number of days",
    ),
    Watched(
        type=_RDS,
        path="deleteAutomatedBackups",
        is_worse=becomes(True),
        what="automatic backups go with the database",
        why="a deletion by mistake takes its backups along",
        remedy="leave it false",
    ),
    Watched(
        type=_RDS,
        path="identifier",
        is_worse=changes,
        what="the database is renamed in place",
        rank=Rank.UNPROTECTED,
        why="it restarts with another endpoint: clients that hold the old host name fail; snapshots and alarms keep the old name",
        remedy="keep the identifier; or plan the outage, and let every client read the new endpoint",
    ),
    Watched(
        type=_RDS,
        path="publiclyAccessible",
        is_worse=becomes(True),
        rank=Rank.EXPOSED,
        of_added=True,
        what="the database gets a public address",
        why="only its security group stands between it and the internet",
        remedy="leave `publiclyAccessible` false; reach it through Session Manager",
    ),
    Watched(
        type=_RDS,
        path="multiAz",
        is_worse=stops_being(True),
        what="the database has no standby in a second zone",
        why="the loss of a zone is an outage, and a restore from backup",
        remedy="leave `multiAz` true",
    ),
    Watched(
        type=_REDIS,
        path="snapshotRetentionLimit",
        is_worse=falls,
        what="snapshots of Redis are kept for fewer days",
        why="the older ones are deleted; with 0 none are taken",
        remedy="keep the number of days",
    ),
    Watched(
        type=_REDIS,
        path="finalSnapshotIdentifier",
        is_worse=is_dropped,
        what="no last snapshot is taken when Redis is deleted",
        why="a deletion by mistake cannot be undone",
        remedy="keep `finalSnapshotIdentifier`",
    ),
    Watched(
        type=_REDIS,
        path="authToken",
        is_worse=is_dropped,
        rank=Rank.WIDENED,
        what="Redis asks for no password",
        why="whoever reaches the port reads and writes everything",
        remedy="keep `authToken`",
    ),
    Watched(
        type=_REDIS,
        path="transitEncryptionMode",
        is_worse=stops_being("required"),
        what="Redis also speaks without TLS",
        why="tokens and sessions can be read on the way",
        remedy="keep `required`",
    ),
    Watched(
        type=_LB,
        path="enableDeletionProtection",
        is_worse=stops_being(True),
        what="deletion protection of the load balancer is switched off",
        why="a new load balancer has another DNS name: its deletion by mistake is an outage",
        remedy=_KEEP,
    ),
    Watched(
        type=_LB,
        path="internal",
        is_worse=becomes(False),
        rank=Rank.EXPOSED,
        what="the load balancer faces the internet",
        why="it gets public addresses; what was internal answers everybody that its security group lets in",
        remedy="leave `internal` true",
    ),
    Watched(
        type="aws:s3/bucket:Bucket",
        path="forceDestroy",
        is_worse=becomes(True),
        what="the bucket may be deleted with all that is in it",
        why="without `forceDestroy` AWS refuses to delete a bucket that is not empty",
        remedy="leave `forceDestroy` false",
    ),
    Watched(
        type="aws:s3/bucketVersioning:BucketVersioning",
        path="versioningConfiguration.status",
        is_worse=stops_being("Enabled"),
        what="versioning of the bucket is suspended",
        why="an overwritten or deleted object is gone",
        remedy="leave it `Enabled`",
    ),
    *(
        Watched(
            type=_BLOCK,
            path=path,
            is_worse=stops_being(True),
            rank=Rank.EXPOSED,
            what=f"the public access block loses `{path}`",
            why="an ACL or a policy can open the bucket to everybody",
            remedy="leave all four true; give access to principals by name",
        )
        for path in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    ),
    Watched(
        type="aws:ecr/repository:Repository",
        path="forceDelete",
        is_worse=becomes(True),
        what="the repository may be deleted with its images",
        why="what runs can no longer be pulled on a new node",
        remedy="leave `forceDelete` false",
    ),
    Watched(
        type="aws:ecr/repository:Repository",
        path="imageTagMutability",
        is_worse=stops_being("IMMUTABLE"),
        what="a tag can be moved to another image",
        why="what was tested and what runs under a tag may differ",
        remedy="leave it `IMMUTABLE`",
    ),
    Watched(
        type="aws:route53/zone:Zone",
        path="forceDestroy",
        is_worse=becomes(True),
        what="the zone may be deleted with its records",
        why="without `forceDestroy` AWS refuses while there are records",
        remedy="leave `forceDestroy` false",
    ),
    Watched(
        type=_KEY,
        path="deletionWindowInDays",
        is_worse=falls,
        what="a deleted key can be brought back for fewer days",
        why="after the window, what it encrypted is lost",
        remedy="keep the number of days",
    ),
    Watched(
        type=_KEY,
        path="isEnabled",
        is_worse=becomes(False),
        what="the key is disabled",
        why="what it encrypts cannot be read meanwhile",
        remedy="keep it enabled",
    ),
    Watched(
        type=_KEY,
        path="enableKeyRotation",
        is_worse=stops_being(True),
        what="the key is no longer rotated",
        why="one key version encrypts for ever",
        remedy="leave it true: rotation keeps the old versions readable",
    ),
    Watched(
        type=_NODE,
        path="disableApiTermination",
        is_worse=stops_being(True),
        what="termination protection of the instance is switched off",
        why="a wrong call or click ends it with its disk",
        remedy=_KEEP,
    ),
    Watched(
        type=_NODE,
        path="associatePublicIpAddress",
        is_worse=becomes(True),
        rank=Rank.EXPOSED,
        of_added=True,
        what="the instance gets a public address",
        why="only its security group stands between it and the internet",
        remedy="leave it without one: Session Manager needs none",
    ),
    *(
        Watched(
            type=type_,
            path="metadataOptions.httpTokens",
            is_worse=becomes("optional"),
            rank=Rank.EXPOSED,
            of_added=True,
            what="metadata is served without a token (IMDSv1)",
            why="one forged request of a program on it hands out the credentials of its role",
            remedy="leave `httpTokens` `required`",
        )
        for type_ in (_NODE, _TEMPLATE)
    ),
    *(
        Watched(
            type=_TEMPLATE,
            path="networkInterfaces.associatePublicIpAddress",
            is_worse=becomes(bad),
            rank=Rank.EXPOSED,
            of_added=True,
            what="the template's instances get public addresses",
            why="only their security group stands between them and the internet",
            remedy="leave them without: the load balancer reaches them inside",
        )
        for bad in ("true", True)
    ),
    Watched(
        type="aws:ec2/subnet:Subnet",
        path="mapPublicIpOnLaunch",
        is_worse=becomes(True),
        rank=Rank.EXPOSED,
        of_added=True,
        what="whatever starts in the subnet gets a public address",
        why="also what nobody meant to show",
        remedy="leave it false; give an address where one is needed",
    ),
    Watched(
        type="aws:cloudwatch/logGroup:LogGroup",
        path="retentionInDays",
        is_worse=_shortens,
        what="the log is kept for fewer days",
        why="older entries are deleted",
        remedy="keep the number of days, or export the log first",
    ),
    Watched(
        type="aws:ssm/parameter:Parameter",
        path="type",
        is_worse=stops_being("SecureString"),
        what="the parameter is no longer encrypted",
        why="whoever may read parameters reads the value in the clear",
        remedy="leave it `SecureString`",
    ),
    Watched(
        type="aws:cloudfront/distribution:Distribution",
        path="webAclId",
        is_worse=is_dropped,
        rank=Rank.EXPOSED,
        what="no firewall stands in front of the distribution",
        why="floods and known attacks arrive at the origin",
        remedy="keep the web ACL",
    ),
    Watched(
        type="aws:cloudfront/distribution:Distribution",
        path="defaultCacheBehavior.viewerProtocolPolicy",
        is_worse=becomes("allow-all"),
        rank=Rank.EXPOSED,
        what="the distribution also answers plain HTTP",
        why="cookies and pages can be read and changed on the way",
        remedy="`redirect-to-https` or `https-only`",
    ),
    Watched(
        type=_SET,
        path="spec.persistentVolumeClaimRetentionPolicy.whenDeleted",
        is_worse=stops_being("Retain"),
        what="the volume claims go with the StatefulSet",
        why="its deletion, or a replacement, deletes the data",
        remedy="leave it `Retain`",
    ),
    Watched(
        type=_SET,
        path="spec.persistentVolumeClaimRetentionPolicy.whenScaled",
        is_worse=stops_being("Retain"),
        what="volume claims go when it is scaled down",
        why="scaling down and up again deletes data",
        remedy="leave it `Retain`",
    ),
    Watched(
        type="kubernetes:core/v1:Service",
        path="spec.type",
        rank=Rank.EXPOSED,
        of_added=True,
        is_worse=lambda before, after: bool({"LoadBalancer", "NodePort"} & set(after)) and before != after,
        what="the service is reachable from outside the cluster",
        why="it is reached past the gateway and its authorization",
        remedy="`ClusterIP`, and a route on the gateway",
    ),
)


def dropped(comparison: Comparison) -> Iterator[Danger]:
    """Every watched input that is worse than before, and every `protect` that is gone."""
    by_type: dict[str, list[Watched]] = {}
    for one in WATCHED:
        by_type.setdefault(one.type, []).append(one)
    for change in comparison.changes:
        now = change.new
        if now is None:
            continue
        was = change.old or change.twin
        for watched in by_type.get(now.type, ()):
            if was or watched.of_added:
                yield from _judged(watched, now, was.inputs if was else {})
        if was and was.protect and not now.protect:
            yield _unprotected(now)


def _judged(watched: Watched, now: Resource, before: Mapping[str, Any]) -> Iterator[Danger]:
    was, is_ = list(each(before, watched.path)), list(each(now.inputs, watched.path))
    if watched.is_worse(was, is_):
        step = f"{quoted(watched.path)} {quoted(was or None)} → {quoted(is_ or None)}"
        yield Danger(
            rank=watched.rank, resource=now, what=f"{watched.what} ({step})", why=watched.why, remedy=watched.remedy
        )


def _unprotected(now: Resource) -> Danger:
    held = STATEFUL.get(now.type)
    return Danger(
        rank=Rank.UNPROTECTED,
        resource=now,
        what=f"Pulumi no longer refuses to delete it ({quoted('protect')} {quoted(True)} → {quoted(False)})",
        why=f"the next change that removes or replaces it goes through{f', and with it {held[0]}' if held else ''}",
        remedy=_KEEP,
    )
