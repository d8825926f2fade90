"""Who may reach whom in eco2's cluster: the document's arrows, what everything needs beside them, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra.components.aws.cidr import plan_subnets
from infra.components.cluster.metadata import NAME_LABEL
from infra.components.cluster.network_policy import (
    Addresses,
    Edge,
    NetworkPolicies,
    NetworkPoliciesArgs,
    Peer,
    Pods,
)
from infra.contract import Tenant
from infra.systems.eco2 import needs
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import ADDED_ARROWS, ARROWS, HOMES, PROXY_METRICS_PORT
from infra.systems.eco2.mesh import GATEWAY, GATEWAY_CONTAINER_PORT, GATEWAY_LABELS, OUTSIDE_THE_MESH
from infra.systems.eco2.namespaces import all_namespaces
from infra.systems.eco2.projects import PLATFORM_NAMESPACES, platform_namespaces

WAVE = -49
"""Right after the namespaces: no pod ever runs in one that is open."""

REASONS = "eco2.internal/edges"

HTTPS, DNS = 443, 53
API_SERVER, KUBELET, NODE_METRICS = 6443, 10250, 9100
XDS, ISTIOD_METRICS, ISTIOD_WEBHOOK = 15012, 15014, 15017
GATEWAY_STATUS = 15021
WEBHOOK = 10250
"""cert-manager's and External Secrets' webhooks listen where a kubelet would, which admits only the host's network there."""

ARGO_CD = "argocd-application-controller"
REPO_SERVER, ARGO_METRICS, REDIS = 8081, 8082, 6379

PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
"""What the internet is without: private and shared addresses, and the instance's metadata."""

PLATFORM_PODS = {
    "istiod": Pods(namespace="istio-system", labels={"app": "istiod"}),
    "prometheus-operator": Pods(namespace="prometheus", labels={"app": "kube-prometheus-stack-operator"}),
    "kube-state-metrics": Pods(namespace="prometheus", labels={NAME_LABEL: "kube-state-metrics"}),
    "alertmanager": Pods(namespace="prometheus", labels={NAME_LABEL: "alertmanager"}),
    "dns": Pods(namespace="kube-system", labels={"k8s-app": "kube-dns"}),
    **{
        name: Pods(namespace="cert-manager", labels={NAME_LABEL: label})
        for name, label in (
            ("cert-manager", "cert-manager"),
            ("cert-manager-webhook", "webhook"),
            ("cert-manager-cainjector", "cainjector"),
            ("cert-manager-startupapicheck", "startupapicheck"),
        )
    },
    **{
        name: Pods(namespace="external-secrets", labels={NAME_LABEL: name})
        for name in ("external-secrets", "external-secrets-webhook", "external-secrets-cert-controller")
    },
    "external-dns": Pods(namespace="external-dns", labels={NAME_LABEL: "external-dns"}),
    **{
        name: Pods(namespace="argocd", labels={NAME_LABEL: name})
        for name in (
            ARGO_CD,
            "argocd-repo-server",
            "argocd-server",
            "argocd-redis",
            "argocd-redis-secret-init",
        )
    },
}
"""Pods that charts and kubeadm make, by their labels; kubeadm's own, in kube-system, are named and not restricted here."""

PLATFORM = tuple(name for name, pods in PLATFORM_PODS.items() if pods.namespace in PLATFORM_NAMESPACES)
"""Those of the platform's own namespaces; Calico's operator, in the host's network, is none that a policy could hold."""

ASKS_THE_API = tuple(name for name in PLATFORM if name not in ("argocd-repo-server", "argocd-redis"))

PROXIED = tuple(workload for workload in HOMES if workload not in OUTSIDE_THE_MESH)
"""What has Istio's proxy: every workload but observability; the gateway is one itself."""

RESTRICTED = (*PLATFORM, *HOMES, "istiod", "prometheus-operator", "kube-state-metrics", "alertmanager")


def _names(source: str) -> Edge:
    return Edge(source=source, target="dns", ports=[DNS], protocols=["TCP", "UDP"], why="names")


INFRASTRUCTURE = (
    *(_names(one) for one in RESTRICTED),
    *(
        Edge(source=one, target="istiod", ports=[XDS], why="the proxy's configuration and certificate")
        for one in PROXIED
    ),
    Edge(
        source="load-balancer",
        target=GATEWAY,
        ports=[GATEWAY_CONTAINER_PORT, GATEWAY_STATUS],
        why="clients and the health check; node ports of policy Local keep the load balancer's address",
    ),
    Edge(source="nodes", target="istiod", ports=[ISTIOD_WEBHOOK], why="the API server asks for sidecars and checks"),
    Edge(source="nodes", target="prometheus-operator", ports=[KUBELET], why="the API server has rules checked"),
    Edge(source="istiod", target="nodes", ports=[API_SERVER], why="the Kubernetes API"),
    Edge(source="prometheus-operator", target="nodes", ports=[API_SERVER], why="the Kubernetes API"),
    Edge(source="kube-state-metrics", target="nodes", ports=[API_SERVER], why="the Kubernetes API"),
    Edge(
        source="prometheus",
        target="nodes",
        ports=[API_SERVER, KUBELET, NODE_METRICS],
        why="finding targets; metrics of the API server, of kubelets and of nodes",
    ),
    Edge(source="prometheus", target="istiod", ports=[ISTIOD_METRICS], why="metrics of the mesh's control plane"),
    Edge(source="prometheus", target="kube-state-metrics", ports=[8080], why="metrics of the cluster's objects"),
    Edge(source="prometheus", target="prometheus-operator", ports=[KUBELET], why="the operator's metrics"),
    Edge(source="prometheus", target="prometheus", ports=[9090, 8080], why="its own metrics, and its twin's"),
    Edge(source="prometheus", target="alertmanager", ports=[9093, 8080], why="alerts, and its metrics"),
    Edge(source="alertmanager", target="internet", ports=[HTTPS], why="SNS for the alarms, STS for its role, Slack"),
    Edge(source="prometheus", target="dns", ports=[9153], why="CoreDNS' metrics"),
    Edge(source="prometheus", target="cert-manager", ports=[9402], why="when certificates end"),
    Edge(source="prometheus", target=ARGO_CD, ports=[ARGO_METRICS], why="metrics: how deliveries went"),
    *(Edge(source=one, target="nodes", ports=[API_SERVER], why="the Kubernetes API") for one in ASKS_THE_API),
    *(
        Edge(source="nodes", target=one, ports=[WEBHOOK], why="the API server has objects checked")
        for one in ("cert-manager-webhook", "external-secrets-webhook")
    ),
    Edge(source="external-secrets", target="nodes", ports=[HTTPS], why="the Parameter Store's endpoint in the VPC"),
    Edge(source="external-secrets", target="internet", ports=[HTTPS], why="STS, for its role"),
    Edge(source="external-dns", target="internet", ports=[HTTPS], why="Route 53, and STS for its role"),
    Edge(source="argocd-repo-server", target="internet", ports=[HTTPS], why="this repository and the charts' ones"),
    *(
        Edge(source=one, target="argocd-repo-server", ports=[REPO_SERVER], why="rendered manifests")
        for one in (ARGO_CD, "argocd-server")
    ),
    *(
        Edge(source=one, target="argocd-redis", ports=[REDIS], why="Argo CD's cache")
        for one in (ARGO_CD, "argocd-repo-server", "argocd-server")
    ),
    Edge(source="auth-api", target="internet", ports=[HTTPS], why="the OAuth providers; the mesh admits them by name"),
    Edge(source="celery-storage", target="internet", ports=[HTTPS], why="S3; the mesh admits it by name"),
    Edge(source="celery-ai", target="internet", ports=[HTTPS], why="what the AI calls; the mesh admits it by name"),
    Edge(source="postgres-backup", target="internet", ports=[HTTPS], why="S3 and STS; the mesh admits them by name"),
)
"""What the document does not draw and nothing works without, edge by edge."""


def edges() -> tuple[Edge, ...]:
    """Every edge that is open: the arrows, then the infrastructure's."""
    drawn = (
        Edge(
            source=arrow.source,
            target=arrow.target,
            ports=[arrow.port],
            why="read into eco2.md" if arrow in ADDED_ARROWS else "eco2.md",
        )
        for arrow in ARROWS
    )
    return (*drawn, *INFRASTRUCTURE)


def tenant_edges(tenants: Sequence[Tenant]) -> tuple[Edge, ...]:
    """What tenants declare, and what each of their pods needs beside it: names, the proxy's configuration, to be scraped."""
    found = []
    if any(own.tokens.jwks_uri for tenant in tenants for own in tenant.own_tokens):
        found.append(Edge(source="istiod", target="internet", ports=[HTTPS], why="the keys of tenants' issuers"))
    for tenant in tenants:
        found += [
            Edge(source=_end(one.source), target=_end(one.target), ports=[one.port], why=f"{tenant.system}: {one.why}")
            for one in tenant.arrows
        ]
        for one in tenant.workloads:
            found.append(_names(one.name))
            if one.proxied:
                found.append(
                    Edge(source=one.name, target="istiod", ports=[XDS], why="the proxy's configuration and certificate")
                )
            if one.scraped:
                found.append(Edge(source="prometheus", target=one.name, ports=[PROXY_METRICS_PORT], why="metrics"))
    return tuple(found)


def _end(name: str) -> str:
    return {"gateway": GATEWAY, "kubernetes-api": "nodes"}.get(name, name)


def needed_edges(context: Context) -> tuple[Edge, ...]:
    """What the platform runs for its tenants' needs: its own edges, names, and the Kubernetes API for what asks it."""
    found: list[Edge] = []
    for answer in needs.answers(context):
        found += answer.edges
        found += [_names(one) for one in answer.pods]
        found += [
            Edge(source=one, target="nodes", ports=[API_SERVER], why="the Kubernetes API")
            for one in answer.asks_the_api
        ]
    return tuple(found)


def platform_pods(context: Context) -> dict[str, Pods]:
    """The platform's pods, those of its tenants' needs among them."""
    needed = (answer.pods for answer in needs.answers(context))
    return {**PLATFORM_PODS, **{name: pods for each in needed for name, pods in each.items()}}


def peers(context: Context) -> dict[str, Peer]:
    """Both ends of every edge: pods by their labels, machines by their subnets."""
    network = context.settings.network
    subnets = plan_subnets(network.cidr, network.zones).values()
    workloads: dict[str, Peer] = {
        workload: Pods(namespace=home, labels=GATEWAY_LABELS if workload == GATEWAY else {NAME_LABEL: workload})
        for workload, home in HOMES.items()
    }
    tenants: dict[str, Peer] = {
        one.name: Pods(namespace=one.namespace, labels={NAME_LABEL: one.name})
        for tenant in (*context.tenants, *context.residents)
        for one in tenant.workloads
    }
    return {
        **workloads,
        **tenants,
        **platform_pods(context),
        "load-balancer": Addresses(blocks=sorted(one.public for one in subnets)),
        "nodes": Addresses(blocks=sorted(one.private for one in subnets)),
        "internet": Addresses(blocks=["0.0.0.0/0"], excluded=PRIVATE),
    }


def build_network_policies(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register a default deny per namespace, and each workload's openings."""
    NetworkPolicies(
        context.names.logical("network-policies"),
        NetworkPoliciesArgs(
            namespaces=(*all_namespaces(), *platform_namespaces(context), *context.tenant_namespaces),
            peers=peers(context),
            edges=(*edges(), *needed_edges(context), *tenant_edges([*context.tenants, *context.residents])),
            reasons=REASONS,
            wave=WAVE,
        ),
        opts,
    )
