"""Resources that guard another one: with the guard gone, and the guarded one still there, it stands open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rehearsal.preview.comparison import Comparison, Kind
from rehearsal.preview.dangers.model import Danger, Rank, quoted

GUARDS: Mapping[str, tuple[Rank, str, str]] = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        Rank.EXPOSED,
        "the bucket has no public access block",
        "an ACL or a policy can open it to everybody",
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": (
        Rank.EXPOSED,
        "no firewall stands in front of the load balancer",
        "floods and known attacks arrive at the targets",
    ),
    "aws:wafv2/webAcl:WebAcl": (
        Rank.EXPOSED,
        "the firewall is removed",
        "floods and known attacks arrive at what it stood in front of",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": (
        Rank.UNPROTECTED,
        "the bucket's versioning is no longer managed",
        "the provider suspends it: an overwritten object is gone",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        Rank.UNPROTECTED,
        "the bucket's encryption is no longer managed",
        "new objects get the account's default instead",
    ),
    "aws:ec2/flowLog:FlowLog": (
        Rank.UNPROTECTED,
        "the network's traffic is no longer logged",
        "an intrusion leaves no trace",
    ),
    "aws:s3/bucketLogging:BucketLogging": (
        Rank.UNPROTECTED,
        "access to the bucket is no longer logged",
        "nobody can say who read what",
    ),
}


def removed_guards(comparison: Comparison) -> Iterator[Danger]:
    """Guards that are removed while what they guard stays."""
    remaining = {value for one in comparison.new for value in (one.id, one.inputs.get("bucket")) if value}
    for change in comparison.of(Kind.REMOVE):
        was = change.resource
        if was.type not in GUARDS or change.twin is not None:
            continue
        guarded = next((was.inputs[key] for key in ("bucket", "resourceArn", "vpcId") if was.inputs.get(key)), None)
        if guarded is None or guarded in remaining:
            rank, what, why = GUARDS[was.type]
            of = f" ({quoted(comparison.old_references.readable(guarded))})" if guarded else ""
            yield Danger(
                rank=rank,
                resource=was,
                what=f"{what}{of}",
                why=why,
                remedy="keep it as long as what it guards is there",
            )
