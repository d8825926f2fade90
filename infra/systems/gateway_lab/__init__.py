"""The API gateway lab (api-gateway-lab.md) on eco2's mesh: one edge technology, Istio, where the document has Kong."""

from __future__ import annotations

from infra.components.aws.registry import Registry, RegistryArgs
from infra.contract import Cluster, Quota, Tenant, TenantArrow, TenantWorkload
from infra.exports import SystemOutputs
from infra.settings import Settings
from infra.settings.gateway_lab import IMAGES, GatewayLab
from infra.systems.gateway_lab.backups import build_backups
from infra.systems.gateway_lab.cache import CACHE, build_cache
from infra.systems.gateway_lab.context import Context, make_context
from infra.systems.gateway_lab.data import build_data
from infra.systems.gateway_lab.document import DATA_PORTS, HOME, SERVICES, SYSTEM
from infra.systems.gateway_lab.edge import answers, build_edge, client_certificates, limits, own_tokens
from infra.systems.gateway_lab.mesh import ALL_ARROWS, build_mesh
from infra.systems.gateway_lab.observability import build_observability, needs
from infra.systems.gateway_lab.secrets import BACKUP, DATABASES, build_secrets, draw_keys
from infra.systems.gateway_lab.site import build_site
from infra.systems.gateway_lab.workloads import build_workloads

JOBS = (DATABASES, BACKUP)


def declare(settings: Settings) -> Tenant:
    """Its namespace, its workloads and their connections, and its host."""
    own = _own(settings)
    servers = [*(one.name for one in SERVICES), CACHE, *DATA_PORTS]
    return Tenant(
        system=SYSTEM,
        namespaces={HOME: Quota(pods=40, cpu="4", memory="8Gi", memory_limit="16Gi")},
        workloads=[
            *(TenantWorkload(name=name, namespace=HOME) for name in servers),
            *(TenantWorkload(name=name, namespace=HOME, scraped=False) for name in JOBS),
        ],
        arrows=[
            *(TenantArrow(source=one.source, target=one.target, port=one.port, why=one.why) for one in ALL_ARROWS),
            TenantArrow(source=BACKUP, target="internet", port=443, why="its dumps go to S3"),
        ],
        hosts=[own.label],
        own_tokens=[own_tokens(own)],
        limits=limits(own),
        answers=answers(own),
        needs=needs(own),
        client_certificates=client_certificates(own),
    )


def build(settings: Settings, cluster: Cluster) -> SystemOutputs:
    """The repositories and secrets, the data layer, the services, and the way in to them."""
    context = make_context(settings, _own(settings), cluster)
    registry = _registry(context)
    keys = draw_keys(context)
    build_secrets(context, settings, keys)
    build_data(context)
    build_backups(context)
    build_cache(context)
    build_workloads(context)
    build_edge(context, keys)
    build_mesh(context)
    build_observability(context)
    return {"url": f"https://{context.authority}", "repository_urls": registry.urls, **build_site(context)}


def _own(settings: Settings) -> GatewayLab:
    if settings.gateway_lab is None:
        raise ValueError("the settings have no section 'gateway_lab'")
    return settings.gateway_lab


def _registry(context: Context) -> Registry:
    return Registry(
        context.names.logical("registry"),
        RegistryArgs(
            prefix=context.names.prefix,
            services=[name for name in IMAGES if not name.endswith("-v2")],
            protect=context.protect,
            tags=context.tags,
        ),
    )
