"""A namespace with its Pod Security level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pulumi

from infra.components.cluster.metadata import metadata
from infra.components.cluster.objects import KubernetesObject
from infra.components.component import PlatformComponent

PodSecurity = Literal["restricted", "baseline", "privileged"]


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """`kubernetes` is the minor version, `v1.36`, whose standard is meant: an upgrade does not change it unseen.

    `sidecars` has Istio put its proxy into each pod; `security` is for what cannot do with less, as a node agent.
    `quota` is the most that the namespace may hold, as a ResourceQuota's `hard` says it; `annotations` what controllers look for.
    """

    namespace: str
    kubernetes: str
    sidecars: bool = False
    security: PodSecurity = "restricted"
    quota: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    wave: int = 0


def namespace_labels(args: NamespaceArgs) -> dict[str, str]:
    """Pod Security is enforced, and what it would say of the strictest level is logged and shown to who applies."""
    labels = {
        "pod-security.kubernetes.io/enforce": args.security,
        "pod-security.kubernetes.io/enforce-version": args.kubernetes,
    }
    for mode in ("audit", "warn"):
        labels[f"pod-security.kubernetes.io/{mode}"] = "restricted"
        labels[f"pod-security.kubernetes.io/{mode}-version"] = args.kubernetes
    if args.sidecars:
        labels["istio-injection"] = "enabled"
    return labels


class Namespace(PlatformComponent):
    """Argo CD never prunes it: with a namespace goes everything in it, volumes too.

    Resources: a Namespace, and a ResourceQuota where it has one.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:Namespace"
    namespace: str

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        KubernetesObject(
            f"{name}-namespace",
            "v1/Namespace",
            metadata=metadata(
                args.namespace,
                wave=args.wave,
                labels=namespace_labels(args),
                annotations={"argocd.argoproj.io/sync-options": "Prune=false", **args.annotations},
            ),
            body={},
            opts=self.child,
        )
        if args.quota:
            KubernetesObject(
                f"{name}-quota",
                "v1/ResourceQuota",
                metadata=metadata("quota", args.namespace, wave=args.wave + 1),
                body={"spec": {"hard": dict(args.quota)}},
                opts=self.child,
            )
        self.namespace = args.namespace
        self.register_outputs({"namespace": self.namespace})
