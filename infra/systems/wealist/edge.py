"""§3 and §4: the two ways in, the site's and the API's."""

from __future__ import annotations

from infra.components.aws.dns import HostedZone
from infra.components.aws.foundation import EntranceArgs, Foundation, certify, open_entrance
from infra.components.aws.load_balancer import LoadBalancer
from infra.components.aws.static_site import CLOUDFRONT_REGION, StaticSite, StaticSiteArgs
from infra.systems.wealist import document
from infra.systems.wealist.context import Context


def build_site(context: Context, foundation: Foundation, zone: HostedZone) -> StaticSite:
    """§3: the apex is the site's."""
    domain = context.settings.domain
    site = StaticSite(
        context.names.logical("site"),
        StaticSiteArgs(
            prefix=context.names.prefix,
            bucket=context.bucket("frontend"),
            host=domain,
            api_host=context.api_host,
            certificate_arn=certify(context, zone, "site", domain, CLOUDFRONT_REGION),
            access_logs=foundation.logs,
            protect=context.protect,
            tags=context.tags,
        ),
    )
    zone.alias("apex", domain, site.alias_target, ipv6=True)
    return site


def build_api(context: Context, foundation: Foundation, zone: HostedZone) -> LoadBalancer:
    """§4: paths of the API's host."""
    settings = context.settings.load_balancer
    return open_entrance(
        context,
        foundation,
        zone,
        EntranceArgs(
            host=context.api_host,
            targets=document.TARGETS,
            rules=document.ROUTES,
            idle_seconds=settings.idle_timeout_seconds,
            deletion_protection=settings.deletion_protection,
        ),
    )
