"""What holds something that a new one would not: a database's rows, a bucket's objects, what a key encrypted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rehearsal.engine.state import STACK
from rehearsal.preview.comparison import Change, Comparison, Kind
from rehearsal.preview.dangers.model import Danger, Rank, quoted
from rehearsal.preview.snapshot import Resource
from rehearsal.preview.values import at

_SNAPSHOT = "take a snapshot, and restore the new one from it in a planned move"
_COPY = "create the new one beside it under another name, move what is in it, and remove this one in a later change"

_ORPHAN = "delete it with `--cascade=orphan`, so that pods and volumes stay"
_UNREAD = "let the old one stay until nobody reads it"
_ROTATE = "keep its inputs, or rotate it on purpose"

STATEFUL: Mapping[str, tuple[str, str]] = {
    "aws:rds/instance:Instance": ("its databases", _SNAPSHOT),
    "aws:rds/cluster:Cluster": ("its databases", _SNAPSHOT),
    "aws:s3/bucket:Bucket": ("its objects and their versions", _COPY),
    "aws:kms/key:Key": ("whatever is encrypted with it", "keep the old key for what it encrypts, and add the new one"),
    "aws:route53/zone:Zone": ("its records, and the name servers that its domain is delegated to", _COPY),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("the sessions and values in it", _SNAPSHOT),
    "aws:efs/fileSystem:FileSystem": ("its files", _COPY),
    "aws:ebs/volume:Volume": ("its blocks", _SNAPSHOT),
    "kubernetes:core/v1:PersistentVolume": ("its data, unless it is reclaimed by Retain", _SNAPSHOT),
    "kubernetes:core/v1:PersistentVolumeClaim": ("its volume's data, unless that is reclaimed by Retain", _SNAPSHOT),
    "kubernetes:apps/v1:StatefulSet": ("its pods and, with another volume claim template, their volumes", _ORPHAN),
    "kubernetes:core/v1:Namespace": ("every object in it, volume claims included", _COPY),
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition": ("every object of that kind", _COPY),
    "aws:ec2/instance:Instance": ("its disks, and what runs on it", f"drain the node, and {_SNAPSHOT}"),
    "aws:ecr/repository:Repository": ("its images", _COPY),
    "aws:secretsmanager/secret:Secret": ("its value and its versions", _UNREAD),
    "aws:ssm/parameter:Parameter": ("its value and its history", _UNREAD),
    "random:index/randomPassword:RandomPassword": ("the password: who holds the old one is locked out", _ROTATE),
    "random:index/randomBytes:RandomBytes": ("the secret: what was made with it no longer fits", _ROTATE),
    "tls:index/privateKey:PrivateKey": (
        "the key: what it signed is no longer trusted",
        "rotate it: publish both public keys first",
    ),
    "aws:cloudwatch/logGroup:LogGroup": ("the log so far", "export it to S3 first"),
    "aws:ec2/vpc:Vpc": ("everything that stands in it, its peerings and its endpoints", _COPY),
}
"""Type → what would be lost with one, and how a change of it is made without the loss; the worst first."""

_AWS_REFUSES = {
    "aws:ec2/instance:Instance": "disableApiTermination",
    "aws:rds/cluster:Cluster": "deletionProtection",
    "aws:rds/instance:Instance": "deletionProtection",
}


def losses(comparison: Comparison) -> Iterator[Danger]:
    """The stateful resources that the change deletes: removed, replaced, or registered under another name."""
    for change in comparison.changes:
        was = change.old
        if was is None or not change.ends or was.type not in STATEFUL:
            continue
        held, way = STATEFUL[was.type]
        yield Danger(
            rank=Rank.LOSS,
            resource=change.resource,
            what=_what(change),
            why=f"{_why(change)}. Lost with it: {held}{_refusals(was, change)}",
            remedy=_remedy(change, way),
            order=list(STATEFUL).index(was.type),
        )


def _what(change: Change) -> str:
    if change.kind is Kind.REPLACE:
        return "it is replaced: a new one is created and this one is deleted"
    if change.twin:
        return f"it is deleted, and created anew as {quoted(change.twin.name)}"
    return "it is deleted"


def _why(change: Change) -> str:
    if change.kind is Kind.REPLACE:
        first = change.forcing[0]
        return f"{quoted(first.path)} {quoted(first.old)} → {quoted(first.new)} cannot be changed in place{_and_others(change)}"
    if change.twin is None:
        return "the program no longer has it"
    other = "name" if change.resource.name != change.twin.name else "parent"
    return f"the engine knows a resource by its type, its parent and its name: under another {other} it is another one"


def _and_others(change: Change) -> str:
    others = [one.path for one in change.forcing[1:]]
    return f" (nor can {quoted(others)})" if others else ""


def _refusals(was: Resource, change: Change) -> str:
    """Who stands in the way of the delete as things are."""
    said = []
    if was.protect:
        said.append("Pulumi refuses to delete it while its state says `protect`, so the update stops half way")
    if at(was.inputs, _AWS_REFUSES.get(was.type, "")) is True:
        said.append("AWS refuses while deletion protection is on, so the update stops half way")
    if was.retain_on_delete:
        said.append("`retainOnDelete` leaves it in the cloud, where no stack knows of it any more")
    if change.new and change.new.delete_before_replace:
        said.append("`deleteBeforeReplace` deletes it first: if the new one fails, there is none")
    return "".join(f". {one}" for one in said)


def _remedy(change: Change, way: str) -> str:
    was, twin = change.old, change.twin
    if was and twin:
        place, alias = _alias(was, twin)
        return f"If it is the same one, say so where {quoted(place)} is made: {quoted(alias)}. If it is not, {way}"
    if change.kind is Kind.REPLACE:
        return f"Leave {quoted(change.forcing[0].path)} as it is; if it must change, {way}"
    return f"Keep it; if it has to go, {way}"


def _alias(was: Resource, now: Resource) -> tuple[str, str]:
    """Where an alias belongs, and which; one on a component goes for all that is in it, or named after it."""
    parent, new_parent = (one.parent.rsplit("::", 1)[-1] for one in (was, now))
    same_suffix = was.name.removeprefix(parent) == now.name.removeprefix(new_parent)
    if parent != new_parent and was.name != now.name and same_suffix:
        return new_parent, f'aliases=[pulumi.Alias(name="{parent}")]'
    if was.name != now.name:
        return now.name, f'aliases=[pulumi.Alias(name="{was.name}")]'
    if _type(was.parent) in ("", STACK):
        return now.name, "aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]"
    if parent == new_parent:
        return parent, f'aliases=[pulumi.Alias(type_="{_type(was.parent)}")]'
    return now.name, f'aliases=[pulumi.Alias(parent="{was.parent}")]'


def _type(urn: str) -> str:
    """The type at the end of a URN's chain; of none, nothing."""
    return urn.split("::")[2].rsplit("$", 1)[-1] if urn else ""
