"""What every mesh component has in common: one Kubernetes object, described as plain data and then registered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.objects import KubernetesObject
from infra.components.component import PlatformComponent

Spec = dict[str, Any]

NETWORKING = "networking.istio.io/v1"
NETWORKING_ALPHA = "networking.istio.io/v1alpha3"
SECURITY = "security.istio.io/v1"
TELEMETRY = "telemetry.istio.io/v1"
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Place:
    """The name and the namespace of an object; both always explicit, since a rendered object without a name gets a random one.

    `annotations` are for whoever delivers the object, such as the turn in which it is applied.
    """

    name: str
    namespace: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, value in (("name", self.name), ("namespace", self.namespace)):
            if not LABEL.fullmatch(value):
                raise ValueError(f"the {what} '{value}' is not a Kubernetes name")

    @property
    def reference(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def metadata(self) -> dict[str, Any]:
        """The object's `metadata`."""
        names: dict[str, Any] = {"name": self.name, "namespace": self.namespace}
        return {**names, "annotations": dict(self.annotations)} if self.annotations else names


class MeshComponent(PlatformComponent):
    """One Istio object. `reference` is its `<namespace>/<name>`, as other Istio objects refer to it.

    Resources: the object.
    """

    api_version: ClassVar[str]
    kind: ClassVar[str]
    reference: str

    def __init__(
        self, name: str, place: Place, spec: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        KubernetesObject(
            f"{name}-{self.kind.lower()}",
            f"{self.api_version}/{self.kind}",
            metadata=place.metadata,
            body={"spec": dict(spec)},
            opts=self.child,
        )
        self.reference = place.reference
        self.register_outputs({"reference": self.reference})


def selector(labels: Mapping[str, str]) -> Spec:
    """The `selector` part of a spec; nothing for an object that is for its whole namespace."""
    return {"selector": {"matchLabels": dict(labels)}} if labels else {}
