"""The web client's files (api-gateway-lab.md, "클라이언트 계층" and "CDN 연동"): CloudFront keeps them near to who asks."""

from __future__ import annotations

from infra.components.aws.certificates import Certificate
from infra.components.aws.dns import HostAlias
from infra.components.aws.static_site import CLOUDFRONT_REGION, StaticSite, StaticSiteArgs
from infra.systems.gateway_lab.context import Context


def build_site(context: Context) -> dict[str, object]:
    """Register the bucket, the distribution that alone may read it, and the host; the outputs that who publishes needs."""
    label, account = context.settings.site, context.cluster.aws
    if label is None:
        return {}
    host = f"{label}.{account.domain}"
    certificate = Certificate(
        context.names.logical("site-certificate"),
        host,
        zone_id=account.zone_id,
        region=CLOUDFRONT_REGION,
        tags=context.tags,
    )
    site = StaticSite(
        context.names.logical("site"),
        StaticSiteArgs(
            prefix=context.names.prefix,
            bucket=context.bucket("site"),
            host=host,
            api_host=context.authority,
            certificate_arn=certificate.arn,
            access_logs=account.access_logs,
            protect=context.protect,
            tags=context.tags,
            versioning=True,
        ),
    )
    HostAlias(context.names.logical("site-host"), host, zone_id=account.zone_id, target=site.alias_target)
    return {
        "site_url": f"https://{host}",
        "site_bucket": site.bucket.bucket,
        "site_distribution_id": site.distribution_id,
    }
