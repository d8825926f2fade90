"""eco2's namespaces (eco2.md: 네임스페이스 구조), and the workers' own."""

from __future__ import annotations

import pulumi

from infra.components.cluster.namespace import Namespace, NamespaceArgs
from infra.systems.eco2 import versions
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import HOMES, NAMESPACES

WAVE = -50
"""Before everything that lives in them."""

STANDARD = f"v{versions.KUBERNETES.rpartition('.')[0]}"
"""The Pod Security Standard as this minor version of Kubernetes has it."""

WITHOUT_SIDECARS = ("prometheus", "grafana", "istio-system")
"""The document draws sidecars around the microservices; Istio's own namespace has the proxies that its charts make."""


def all_namespaces() -> tuple[str, ...]:
    """The document's twelve, then those that only our homes name: `worker`."""
    return tuple(dict.fromkeys((*NAMESPACES, *HOMES.values())))


def build_namespaces(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register every namespace, each with the restricted standard."""
    for namespace in all_namespaces():
        Namespace(
            f"{context.names.logical('namespaces')}-{namespace}",
            NamespaceArgs(
                namespace=namespace,
                kubernetes=STANDARD,
                sidecars=namespace not in WITHOUT_SIDECARS,
                wave=WAVE,
            ),
            opts,
        )
