"""Wealist (wealist.md): a site on CloudFront, an API on EC2 behind an ALB, PostgreSQL, Redis, CodeDeploy.

Read `build` top to bottom: its steps follow the document's sections. docs/systems/wealist.md maps each fact to its test. What the
document says is in `document.py`, as data.
"""

from __future__ import annotations

from infra.components.aws.foundation import open_zone
from infra.exports import SystemOutputs
from infra.settings import Settings
from infra.systems.wealist.alarms import build_alarms
from infra.systems.wealist.context import make_context
from infra.systems.wealist.data import build_data
from infra.systems.wealist.edge import build_api, build_site
from infra.systems.wealist.machines import build_machines
from infra.systems.wealist.network import build_network
from infra.systems.wealist.release import build_deployer, build_release
from infra.systems.wealist.storage import build_storage


def build(settings: Settings) -> SystemOutputs:
    """Stand up the whole document; the outputs are what its users and its deployments need to know."""
    if settings.wealist is None:
        raise ValueError("the settings have no section 'wealist'")
    context = make_context(settings, settings.wealist)
    foundation = build_network(context)
    zone = open_zone(context, context.settings.domain)
    site = build_site(context, foundation, zone)
    balancer = build_api(context, foundation, zone)
    data = build_data(context, settings, foundation)
    storage = build_storage(context, foundation)
    backend = build_machines(context, foundation, balancer, data, storage)
    alarms = build_alarms(context, foundation, balancer, backend, data)
    release = build_release(context, foundation, backend, balancer, alarms)
    deployer = build_deployer(context, storage, site)
    return {
        "vpc_id": foundation.network.vpc_id,
        "site_url": f"https://{context.settings.domain}",
        "api_url": f"https://{context.api_host}",
        "name_servers": zone.name_servers,
        "distribution_id": site.distribution_id,
        "frontend_bucket": site.bucket.bucket,
        "load_balancer_dns_name": balancer.alias_target.dns_name,
        "database_address": data.database.address,
        "redis_endpoint": data.cache.endpoint,
        "parameter_path": context.parameter_path,
        "repository_urls": storage.registry.urls,
        "codedeploy_applications": release.applications,
        "artifacts_bucket": storage.buckets["codedeploy-artifacts"].bucket,
        "deploy_role_arn": deployer.arn,
        "alarm_topic_arn": alarms.topic_arn,
    }
