"""S3."""

from __future__ import annotations

import json
from dataclasses import replace

from rehearsal.aws.declare import AwsService, AwsType, call
from rehearsal.aws.rules import known, matches, policy_document, rules
from rehearsal.aws.tables import table
from rehearsal.provider import Rejected
from rehearsal.values import Props

_ZONE_TABLE = json.dumps([{"region": region, "zone": zone} for region, zone in table("s3")["zones"].items()])


def _bucket_name(inputs: Props) -> None:
    name = str(known(inputs, "bucket") or "")
    if ".." in name or name.startswith(("xn--", "sthree-")) or name.endswith(("-s3alias", "--ol-s3")):
        raise Rejected(f"bucket: {name!r} has a form that S3 keeps for itself")


def _lifecycle(inputs: Props) -> None:
    for index, rule in enumerate(known(inputs, "rules") or []):
        actions = rule.keys() - {"id", "status", "filter", "prefix"}
        if not actions:
            raise Rejected(f"rules[{index}]: does nothing (no expiration, transition or abort)")


def _of_bucket(put: str, get: str, delete: str | None, *, result: str = "@", rule: str = "", **value: str) -> AwsType:
    """A bucket's own setting, put, read and deleted by the bucket's name; `value` is the one parameter it takes."""
    step = call(put, Bucket="inputs.bucket", **value)
    return AwsType(
        create=step,
        id="inputs.bucket",
        read=call(get, Bucket="id", result=result),
        update=(step,),
        fixed=frozenset({"bucket"}),
        delete=call(delete, Bucket="id") if delete else call(put, Bucket="id", **dict.fromkeys(value, "`{}`")),
        unsent=frozenset({"skipDestroy", "expectedBucketOwner"}),
        observe={"rule": rule} if rule else {},
        check=rules(policy_document("policy"), _lifecycle),
    )


def _object_body(inputs: Props) -> None:
    given = [key for key in ("content", "contentBase64") if inputs.get(key) is not None]
    if len(given) != 1:
        raise Rejected(f"an object has content or contentBase64; this one has {' and '.join(given) or 'neither'}")


_put_object = call(
    "put_object",
    Bucket="inputs.bucket",
    Key="inputs.key",
    Body="inputs.contentBase64 && bytes_of_base64(inputs.contentBase64) || inputs.content",
    ContentType="inputs.contentType",
    ContentEncoding="inputs.contentEncoding",
    CacheControl="inputs.cacheControl",
    ServerSideEncryption="inputs.serverSideEncryption",
    SSEKMSKeyId="inputs.kmsKeyId",
    # A put without them takes an object's tags away.
    Tagging="tags && query_string(tags) || null",
)

SERVICE = AwsService(
    client="s3",
    retag=call("put_bucket_tagging", Bucket="id", Tagging="{TagSet: tags}"),
    untag=call("delete_bucket_tagging", Bucket="id"),
    tags=call("get_bucket_tagging", Bucket="id", result="TagSet"),
    types={
        "aws:s3/bucket:Bucket": AwsType(
            create=call(
                "create_bucket",
                Bucket="inputs.bucket",
                CreateBucketConfiguration="region != 'us-east-1' && {LocationConstraint: region} || null",
                ObjectLockEnabledForBucket="inputs.objectLockEnabled",
            ),
            id="inputs.bucket",
            taken=call("head_bucket", Bucket="inputs.bucket", result="'there'"),
            read=call("head_bucket", Bucket="id", result="{Bucket: $id}"),
            clear=(
                call(
                    "list_object_versions",
                    Bucket="id",
                    when="inputs.forceDestroy",
                    result="[Versions, DeleteMarkers][][].{Key: Key, VersionId: VersionId}",
                ),
                call("delete_objects", Bucket="id", Delete="{Objects: found}", when="found"),
            ),
            delete=call("delete_bucket", Bucket="id"),
            unsent=frozenset({"forceDestroy"}),
            outputs={
                "arn": "join('', ['arn:aws:s3:::', id])",
                "bucketDomainName": "join('', [id, '.s3.amazonaws.com'])",
                "bucketRegionalDomainName": "join('', [id, '.s3.', region, '.amazonaws.com'])",
                "bucketRegion": "region",
                "region": "region",
                "hostedZoneId": f"`{_ZONE_TABLE}`[?region==$region].zone | [0]",
            },
            check=rules(
                matches(
                    "bucket",
                    r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
                    "a bucket's name is 3 to 63 lower-case letters, digits, dots and hyphens",
                ),
                _bucket_name,
            ),
        ),
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _of_bucket(
            "put_public_access_block",
            "get_public_access_block",
            "delete_public_access_block",
            PublicAccessBlockConfiguration=(
                "{BlockPublicAcls: inputs.blockPublicAcls, BlockPublicPolicy: inputs.blockPublicPolicy,"
                " IgnorePublicAcls: inputs.ignorePublicAcls, RestrictPublicBuckets: inputs.restrictPublicBuckets}"
            ),
            result="PublicAccessBlockConfiguration",
        ),
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _of_bucket(
            "put_bucket_encryption",
            "get_bucket_encryption",
            "delete_bucket_encryption",
            ServerSideEncryptionConfiguration="{Rules: inputs.rules}",
            result="ServerSideEncryptionConfiguration",
        ),
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _of_bucket(
            "put_bucket_ownership_controls",
            "get_bucket_ownership_controls",
            "delete_bucket_ownership_controls",
            OwnershipControls="{Rules: [inputs.rule]}",
            result="OwnershipControls",
            rule="seen.Rules[0]",
        ),
        "aws:s3/bucketPolicy:BucketPolicy": _of_bucket(
            "put_bucket_policy", "get_bucket_policy", "delete_bucket_policy", Policy="inputs.policy"
        ),
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _of_bucket(
            "put_bucket_lifecycle_configuration",
            "get_bucket_lifecycle_configuration",
            "delete_bucket_lifecycle",
            LifecycleConfiguration="{Rules: inputs.rules}",
        ),
        "aws:s3/bucketLogging:BucketLogging": _of_bucket(
            "put_bucket_logging",
            "get_bucket_logging",
            None,
            BucketLoggingStatus=(
                "{LoggingEnabled: {TargetBucket: inputs.targetBucket, TargetPrefix: inputs.targetPrefix,"
                " TargetObjectKeyFormat: inputs.targetObjectKeyFormat}}"
            ),
            result="LoggingEnabled",
        ),
        "aws:s3/bucketObjectv2:BucketObjectv2": AwsType(
            create=_put_object,
            id="join('/', [inputs.bucket, inputs.key])",
            taken=(_head := call("head_object", Bucket="inputs.bucket", Key="inputs.key")),
            read=_head,
            update=(_put_object,),
            fixed=frozenset({"bucket", "key"}),
            delete=call("delete_object", Bucket="inputs.bucket", Key="inputs.key"),
            retag=call("put_object_tagging", Bucket="inputs.bucket", Key="inputs.key", Tagging="{TagSet: tags}"),
            untag=call("delete_object_tagging", Bucket="inputs.bucket", Key="inputs.key"),
            tags=call("get_object_tagging", Bucket="inputs.bucket", Key="inputs.key", result="TagSet"),
            names={"kmsKeyId": "SSEKMSKeyId"},
            unsent=frozenset({"forceDestroy"}),
            outputs={
                "arn": "join('', ['arn:aws:s3:::', inputs.bucket, '/', inputs.key])",
                "etag": "seen.ETag",
                "versionId": "seen.VersionId",
            },
            check=rules(matches("key", r"(?s).{1,1024}", "1 to 1024 characters"), _object_body),
        ),
        # "Disabled" is what a bucket is before anything is put; S3 knows no way back to it.
        "aws:s3/bucketVersioning:BucketVersioning": AwsType(
            create=(
                _versioning := call(
                    "put_bucket_versioning",
                    Bucket="inputs.bucket",
                    VersioningConfiguration=(
                        "{Status: inputs.versioningConfiguration.status,"
                        " MFADelete: inputs.versioningConfiguration.mfaDelete}"
                    ),
                    when="inputs.versioningConfiguration.status != 'Disabled'",
                )
            ),
            id="inputs.bucket",
            read=call(
                "get_bucket_versioning",
                Bucket="id",
                result="{versioningConfiguration: {Status: Status || 'Disabled', MFADelete: MFADelete}}",
            ),
            update=(replace(_versioning, when=None),),
            fixed=frozenset({"bucket"}),
            delete=call(
                "put_bucket_versioning",
                Bucket="id",
                VersioningConfiguration="{Status: 'Suspended'}",
                when="inputs.versioningConfiguration.status == 'Enabled'",
            ),
            unsent=frozenset({"expectedBucketOwner", "mfa"}),
        ),
    },
)
