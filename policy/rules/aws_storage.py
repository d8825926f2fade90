"""Buckets and image repositories: private, encrypted, versioned, logged, and not deleted by mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policy.aws_types import (
    BUCKET,
    BUCKET_ENCRYPTION,
    BUCKET_LIFECYCLE,
    BUCKET_LOGGING,
    BUCKET_OBJECT,
    BUCKET_OWNERSHIP,
    BUCKET_POLICY,
    BUCKET_VERSIONING,
    PUBLIC_ACCESS_BLOCK,
    REPOSITORY,
    REPOSITORY_LIFECYCLE,
)
from policy.checks import at, each, identifiers, is_not_set, is_off, is_one_of, is_true, shown, wants, wants_all
from policy.iam_documents import Statement, open_to_anybody, statements
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

COMPANIONS = {
    PUBLIC_ACCESS_BLOCK: "public access block",
    BUCKET_OWNERSHIP: "ownership controls",
    BUCKET_ENCRYPTION: "encryption",
    BUCKET_POLICY: "policy",
    BUCKET_VERSIONING: "versioning",
    BUCKET_LIFECYCLE: "lifecycle",
}
"""What every bucket has beside it, each a resource of its own."""

ADMINISTRATION = (
    "s3:DeleteBucketPolicy",
    "s3:PutBucketAcl",
    "s3:PutBucketPolicy",
    "s3:PutEncryptionConfiguration",
    "s3:PutObjectAcl",
)
"""What a bucket's policy leaves to the account's own IAM policies (S3.6)."""

_BUCKET_ROOM = "infra/components/aws/bucket.py"


def _called(bucket: Resource) -> set[str]:
    return identifiers(bucket) | {str(bucket.props.get("bucket"))}


def _of(bucket: Resource, stack: Stack, type_: str) -> list[Resource]:
    called = _called(bucket)
    return [one for one in stack.of(type_) if one.props.get("bucket") in called]


def _incomplete(stack: Stack) -> Iterator[tuple[Resource, str]]:
    for bucket in stack.of(BUCKET):
        for type_, name in COMPANIONS.items():
            if not _of(bucket, stack, type_):
                yield bucket, f"it has no {name}"


def _unlogged(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """A bucket that takes access logs does not log its own: each delivery would be another access."""
    targets = {one.props.get("targetBucket") for one in stack.of(BUCKET_LOGGING)}
    for bucket in stack.of(BUCKET):
        if not _called(bucket) & targets and not _of(bucket, stack, BUCKET_LOGGING):
            yield bucket, "access to it is not logged"


def _hoards(stack: Stack) -> Iterator[tuple[Resource, str]]:
    for versioning in stack.of(BUCKET_VERSIONING):
        if at(versioning.props, "versioningConfiguration.status") != "Enabled":
            continue
        for lifecycle in stack.of(BUCKET_LIFECYCLE):
            ages = any(at(rule, "noncurrentVersionExpiration") for rule in each(lifecycle.props, "rules"))
            if lifecycle.props.get("bucket") == versioning.props.get("bucket") and not ages:
                yield lifecycle, "versions that were replaced are kept for ever"


def _weakly_encrypted(resource: Resource) -> Iterator[str]:
    rules = each(resource.props, "rules")
    if not rules:
        yield "it has no rule"
    for rule in rules:
        algorithm = at(rule, "applyServerSideEncryptionByDefault.sseAlgorithm")
        if algorithm not in ("AES256", "aws:kms", "aws:kms:dsse"):
            yield f"objects are encrypted with: {shown(algorithm)}"


def _keeps_all(resource: Resource) -> Iterator[str]:
    if not any(
        at(rule, "status") == "Enabled" and at(rule, "abortIncompleteMultipartUpload.daysAfterInitiation")
        for rule in each(resource.props, "rules")
    ):
        yield "no rule in force ends abandoned uploads"


def _denies_plain_http(one: Statement) -> bool:
    return (
        not one.allows
        and one.is_for_anybody
        and one.actions in (("s3:*",), ("*",))
        and len(one.resources) > 1
        and one.condition("aws:SecureTransport") == ("false",)
        and len(one.conditions) == 1
    )


def _takes_plain_http(resource: Resource) -> Iterator[str]:
    if not any(map(_denies_plain_http, statements(resource.props.get("policy")))):
        yield "no statement denies s3:* over plain HTTP to everybody, for the bucket and its objects"


def _public(resource: Resource) -> Iterator[str]:
    for one in open_to_anybody(resource.props.get("policy")):
        yield f"'{one.label}' lets everybody in the world {', '.join(one.actions)}"


def _confused(resource: Resource) -> Iterator[str]:
    for one in statements(resource.props.get("policy")):
        services = [value for kind, value in one.principals if kind == "Service"]
        if one.allows and services and not one.condition("aws:SourceArn", "aws:SourceAccount"):
            yield f"'{one.label}' lets {', '.join(services)} in on behalf of any account"


def _administrable(resource: Resource) -> Iterator[str]:
    for one in statements(resource.props.get("policy")):
        granted = [action for action in ADMINISTRATION if one.grants(action)]
        if granted:
            yield f"'{one.label}' grants {', '.join(granted)}"


def _without_lifecycle(stack: Stack) -> Iterator[tuple[Resource, str]]:
    tidied = {one.props.get("repository") for one in stack.of(REPOSITORY_LIFECYCLE)}
    for repository in stack.of(REPOSITORY):
        if not tidied & (identifiers(repository) | {repository.props.get("name")}):
            yield repository, "no lifecycle policy: images are kept for ever"


def _forgets_tagged(resource: Resource) -> Iterator[str]:
    for rule in json.loads(resource.props["policy"])["rules"]:
        if at(rule, "selection.tagStatus") != "untagged":
            yield f"'{rule.get('description')}' takes images with a tag"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="s3-public-access-blocked",
        title="Buckets block public ACLs and public policies, each in both ways",
        controls=("AWS FSBP S3.8", "CIS AWS 3.0 2.1.4"),
        severity=Severity.HIGH,
        remedy=f"{_BUCKET_ROOM}: all four switches of the public access block are true",
        types=frozenset({PUBLIC_ACCESS_BLOCK}),
        check=wants_all(
            {
                "blockPublicAcls": is_true,
                "blockPublicPolicy": is_true,
                "ignorePublicAcls": is_true,
                "restrictPublicBuckets": is_true,
            }
        ),
    ),
    StackRule(
        name="s3-bucket-complete",
        title="Every bucket has its public access block, ownership, encryption, policy, versioning and lifecycle",
        controls=("AWS FSBP S3.8", "AWS FSBP S3.5", "AWS FSBP S3.12", "AWS FSBP S3.13"),
        severity=Severity.HIGH,
        remedy=f"make buckets with PrivateBucket ({_BUCKET_ROOM}), which brings them all",
        check=_incomplete,
    ),
    ResourceRule(
        name="s3-encrypted",
        title="Buckets encrypt what is put into them",
        controls=("AWS Well-Architected SEC08-BP02 Enforce encryption at rest",),
        severity=Severity.HIGH,
        remedy=f"{_BUCKET_ROOM}: sse_algorithm is AES256 or aws:kms",
        types=frozenset({BUCKET_ENCRYPTION}),
        check=_weakly_encrypted,
    ),
    ResourceRule(
        name="s3-tls-only",
        title="Buckets refuse plain HTTP",
        controls=("AWS FSBP S3.5", "CIS AWS 3.0 2.1.1"),
        severity=Severity.HIGH,
        remedy=f"{_BUCKET_ROOM}: leave the statement TlsOnly in the bucket's policy",
        types=frozenset({BUCKET_POLICY}),
        check=_takes_plain_http,
    ),
    ResourceRule(
        name="s3-policy-not-public",
        title="Bucket policies let nobody in without a condition",
        controls=("AWS FSBP S3.2", "AWS FSBP S3.3"),
        severity=Severity.CRITICAL,
        remedy="name the principal, or publish through CloudFront (infra/components/aws/static_site.py)",
        types=frozenset({BUCKET_POLICY}),
        check=_public,
    ),
    ResourceRule(
        name="s3-policy-service-bound",
        title="An AWS service gets into a bucket for this account's resources only",
        controls=("AWS Well-Architected SEC03-BP07 Analyze public and cross-account access",),
        severity=Severity.HIGH,
        remedy="add a condition on aws:SourceArn or aws:SourceAccount to the statement",
        types=frozenset({BUCKET_POLICY}),
        check=_confused,
    ),
    ResourceRule(
        name="s3-policy-no-administration",
        title="Bucket policies give nobody the bucket's administration",
        controls=("AWS FSBP S3.6",),
        severity=Severity.HIGH,
        remedy="name the object actions that are needed instead of s3:* or s3:Put*",
        types=frozenset({BUCKET_POLICY}),
        check=_administrable,
    ),
    ResourceRule(
        name="s3-no-acls",
        title="Access to buckets is not managed with ACLs",
        controls=("AWS FSBP S3.12",),
        severity=Severity.MEDIUM,
        remedy=f"{_BUCKET_ROOM}: object_ownership is BucketOwnerEnforced",
        types=frozenset({BUCKET_OWNERSHIP}),
        check=wants("rule.objectOwnership", is_one_of("BucketOwnerEnforced")),
    ),
    ResourceRule(
        name="s3-object-without-acl",
        title="Objects have no ACL of their own",
        controls=("AWS FSBP S3.12",),
        severity=Severity.HIGH,
        remedy="leave out acl: the bucket's policy says who reads",
        types=frozenset({BUCKET_OBJECT}),
        check=wants("acl", is_not_set),
    ),
    ResourceRule(
        name="s3-versioned",
        title="Buckets keep what is overwritten or deleted",
        controls=("AWS Security Hub S3.14",),
        severity=Severity.LOW,
        remedy="PrivateBucketArgs.versioning=True; exempt what can be made again",
        types=frozenset({BUCKET_VERSIONING}),
        check=wants("versioningConfiguration.status", is_one_of("Enabled")),
    ),
    ResourceRule(
        name="s3-lifecycle",
        title="Buckets end abandoned uploads",
        controls=("AWS FSBP S3.13",),
        severity=Severity.LOW,
        remedy=f"{_BUCKET_ROOM}: leave the rule abandoned-uploads in force",
        types=frozenset({BUCKET_LIFECYCLE}),
        check=_keeps_all,
    ),
    StackRule(
        name="s3-lifecycle-of-versions",
        title="Versioned buckets forget replaced versions some day",
        controls=("AWS Security Hub S3.10",),
        severity=Severity.LOW,
        remedy=f"{_BUCKET_ROOM}: a rule with noncurrent_version_expiration",
        check=_hoards,
    ),
    StackRule(
        name="s3-access-logged",
        title="Access to buckets is logged, but for those that take the logs",
        controls=("AWS FSBP S3.9",),
        severity=Severity.MEDIUM,
        remedy="PrivateBucketArgs.access_logs: the system's bucket for access logs",
        check=_unlogged,
    ),
    ResourceRule(
        name="s3-no-force-destroy",
        title="A bucket with objects in it cannot be destroyed",
        controls=("AWS Well-Architected SEC08-BP04 Enforce access control",),
        severity=Severity.HIGH,
        remedy="set platform.protect to true in the stack's file: forceDestroy follows it",
        types=frozenset({BUCKET}),
        check=wants("forceDestroy", is_off),
    ),
    ResourceRule(
        name="ecr-scanned",
        title="Images are scanned when they are pushed",
        controls=("AWS FSBP ECR.1",),
        severity=Severity.HIGH,
        remedy="infra/components/aws/registry.py: scan_on_push is true",
        types=frozenset({REPOSITORY}),
        check=wants("imageScanningConfiguration.scanOnPush", is_true),
    ),
    ResourceRule(
        name="ecr-immutable",
        title="A tag stays with its image",
        controls=("AWS FSBP ECR.2",),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/registry.py: image_tag_mutability is IMMUTABLE",
        types=frozenset({REPOSITORY}),
        check=wants("imageTagMutability", is_one_of("IMMUTABLE")),
    ),
    StackRule(
        name="ecr-lifecycle",
        title="Repositories forget images that nothing names any more",
        controls=("AWS FSBP ECR.3",),
        severity=Severity.LOW,
        remedy="make repositories with Registry (infra/components/aws/registry.py), which brings a lifecycle policy",
        check=_without_lifecycle,
    ),
    ResourceRule(
        name="ecr-keeps-tagged",
        title="No image with a tag goes by itself: it may be the one that runs",
        controls=("AWS Well-Architected OPS06-BP01 Plan for unsuccessful changes",),
        severity=Severity.HIGH,
        remedy="infra/components/aws/registry.py: select tagStatus untagged alone; delete tags that nothing runs by name",
        types=frozenset({REPOSITORY_LIFECYCLE}),
        check=_forgets_tagged,
    ),
    ResourceRule(
        name="ecr-no-force-delete",
        title="A repository with images in it cannot be destroyed",
        controls=("AWS Well-Architected SEC08-BP04 Enforce access control",),
        severity=Severity.MEDIUM,
        remedy="set platform.protect to true in the stack's file: forceDelete follows it",
        types=frozenset({REPOSITORY}),
        check=wants("forceDelete", is_off),
    ),
)
