"""CloudFront."""

from __future__ import annotations

import re
from typing import Any

from rehearsal.aws.declare import AwsService, AwsType, call
from rehearsal.aws.rules import known, rules
from rehearsal.aws.tables import table
from rehearsal.provider import Rejected
from rehearsal.values import Props

_MANAGED = {
    "cachePolicyId": "cachePolicies",
    "originRequestPolicyId": "originRequestPolicies",
    "responseHeadersPolicyId": "responseHeadersPolicies",
}
"""What a behavior names a policy in, and where the table has AWS's own ones of that kind."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The form of AWS's ids; those of policies that the embedded cloud makes have no hyphens."""


def _viewers(inputs: Props) -> None:
    certificate = known(inputs, "viewerCertificate") or {}
    arn = certificate.get("acmCertificateArn")
    if arn and ":acm:us-east-1:" not in str(arn):
        raise Rejected(
            f"viewerCertificate.acmCertificateArn: CloudFront takes certificates of us-east-1 only, not {arn}"
        )
    if arn and not certificate.get("sslSupportMethod"):
        raise Rejected("viewerCertificate.sslSupportMethod: must be given with a certificate (sni-only)")
    if inputs.get("aliases") and "viewerCertificate" in inputs and certificate.get("cloudfrontDefaultCertificate"):
        raise Rejected("aliases: need a certificate of their own in viewerCertificate")


def _behaviors(inputs: Props) -> None:
    origins = known(inputs, "origins")
    ids = {origin.get("originId") for origin in origins or []}
    default = known(inputs, "defaultCacheBehavior")
    for behavior in (*([default] if default else []), *(known(inputs, "orderedCacheBehaviors") or [])):
        if origins and behavior.get("targetOriginId") not in ids:
            raise Rejected(f"cache behavior: targetOriginId {behavior.get('targetOriginId')!r} is none of the origins")
        if "cachePolicyId" not in behavior and "forwardedValues" not in behavior:
            raise Rejected("cache behavior: has neither a cachePolicyId nor forwardedValues")
        _policies(behavior)


def _policies(behavior: Any) -> None:
    managed = table("cloudfront")
    for key, kind in _MANAGED.items():
        policy = str(behavior.get(key, ""))
        if _UUID.fullmatch(policy) and policy not in managed[kind].values():
            raise Rejected(f"cache behavior: {key} {policy} is none of AWS's own ({managed['source']})")


_METHODS = (
    "merge(@, {allowedMethods: {quantity: length(allowedMethods), items: allowedMethods, cachedMethods: cachedMethods},"
    " cachedMethods: null})"
)


def _config(caller: str) -> str:
    return (
        f"{{CallerReference: {caller}, Comment: inputs.comment || '', Enabled: inputs.enabled,"
        " Aliases: inputs.aliases, DefaultRootObject: inputs.defaultRootObject, PriceClass: inputs.priceClass,"
        " HttpVersion: inputs.httpVersion, IsIPV6Enabled: inputs.isIpv6Enabled, WebACLId: inputs.webAclId,"
        " CustomErrorResponses: inputs.customErrorResponses, ViewerCertificate: inputs.viewerCertificate,"
        " Restrictions: inputs.restrictions, Staging: inputs.staging,"
        f" DefaultCacheBehavior: [inputs.defaultCacheBehavior][].{_METHODS} | [0],"
        f" CacheBehaviors: inputs.orderedCacheBehaviors[].{_METHODS},"
        " Origins: [inputs.origins[?customOriginConfig || vpcOriginConfig],"
        " inputs.origins[?!customOriginConfig && !vpcOriginConfig]"
        ".merge({s3OriginConfig: {originAccessIdentity: ''}}, @)][],"
        " Logging: inputs.loggingConfig && {Enabled: `true`, Bucket: inputs.loggingConfig.bucket,"
        " Prefix: inputs.loggingConfig.prefix || '', IncludeCookies: inputs.loggingConfig.includeCookies || `false`}}"
    )


_OAC = (
    "{Name: inputs.name, Description: inputs.description || '', SigningProtocol: inputs.signingProtocol,"
    " SigningBehavior: inputs.signingBehavior, OriginAccessControlOriginType: inputs.originAccessControlOriginType}"
)


def _policy_arn(kind: str) -> str:
    return f"join('', ['arn:aws:cloudfront::', account, ':{kind}/', id])"


SERVICE = AwsService(
    client="cloudfront",
    retag=call("tag_resource", Resource="answer.arn || answer.Distribution.ARN", Tags="{Items: tags}"),
    untag=call("untag_resource", Resource="answer.arn", TagKeys="{Items: removed}"),
    tags=call("list_tags_for_resource", Resource="answer.arn", result="Tags.Items"),
    types={
        "aws:cloudfront/distribution:Distribution": AwsType(
            create=call("create_distribution", DistributionConfig=_config("token")),
            id="answer.Distribution.Id",
            read=call(
                "get_distribution",
                Id="id",
                result="merge(Distribution.DistributionConfig, {Distribution: Distribution, ETag: ETag})",
            ),
            update=(
                call(
                    "update_distribution",
                    Id="id",
                    IfMatch="seen.ETag",
                    DistributionConfig=_config("seen.CallerReference"),
                ),
            ),
            clear=(
                call(
                    "update_distribution",
                    Id="id",
                    IfMatch="seen.ETag",
                    DistributionConfig="merge(seen.Distribution.DistributionConfig, {Enabled: `false`})",
                ),
            ),
            delete=call("delete_distribution", Id="id", IfMatch="found.ETag", when="!(inputs.retainOnDelete)"),
            names={
                "originId": "Id",
                "orderedCacheBehaviors": "CacheBehaviors",
                "locations": "Items",
                "loggingConfig": "Logging",
                "name": "HeaderName",
                "value": "HeaderValue",
            },
            unsent=frozenset({"waitForDeployment", "retainOnDelete"}),
            outputs={
                "arn": "seen.Distribution.ARN",
                "domainName": "seen.Distribution.DomainName",
                "hostedZoneId": "'Z2FDTNDATAQYW2'",
                "callerReference": "seen.CallerReference",
                "etag": "seen.ETag",
                # The provider waits until it is deployed; moto deploys when it is read a second time.
                "status": "'Deployed'",
            },
            check=rules(_viewers, _behaviors),
        ),
        "aws:cloudfront/originAccessControl:OriginAccessControl": AwsType(
            create=call("create_origin_access_control", OriginAccessControlConfig=_OAC),
            id="answer.OriginAccessControl.Id",
            taken=call(
                "list_origin_access_controls", result="OriginAccessControlList.Items[?Name==$inputs.name] | [0]"
            ),
            read=call(
                "get_origin_access_control",
                Id="id",
                result="merge(OriginAccessControl.OriginAccessControlConfig, {ETag: ETag})",
            ),
            update=(
                call("update_origin_access_control", Id="id", IfMatch="seen.ETag", OriginAccessControlConfig=_OAC),
            ),
            delete=call("delete_origin_access_control", Id="id", IfMatch="seen.ETag"),
            outputs={"arn": _policy_arn("origin-access-control"), "etag": "seen.ETag"},
        ),
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": AwsType(
            create=call(
                "create_response_headers_policy",
                ResponseHeadersPolicyConfig=(
                    "{Name: inputs.name, Comment: inputs.comment, CorsConfig: inputs.corsConfig,"
                    " SecurityHeadersConfig: inputs.securityHeadersConfig,"
                    " ServerTimingHeadersConfig: inputs.serverTimingHeadersConfig,"
                    " CustomHeadersConfig: inputs.customHeadersConfig,"
                    " RemoveHeadersConfig: inputs.removeHeadersConfig}"
                ),
            ),
            id="token",
            kept="moto has no response headers policies",
            outputs={"arn": _policy_arn("response-headers-policy"), "etag": "id"},
        ),
        "aws:cloudfront/cachePolicy:CachePolicy": AwsType(
            create=call(
                "create_cache_policy",
                CachePolicyConfig=(
                    "{Name: inputs.name, Comment: inputs.comment, DefaultTTL: inputs.defaultTtl,"
                    " MaxTTL: inputs.maxTtl, MinTTL: inputs.minTtl || `0`, ParametersInCacheKeyAndForwardedToOrigin:"
                    " inputs.parametersInCacheKeyAndForwardedToOrigin}"
                ),
            ),
            id="token",
            kept="moto has no cache policies",
            outputs={"arn": _policy_arn("cache-policy"), "etag": "id"},
        ),
    },
)
