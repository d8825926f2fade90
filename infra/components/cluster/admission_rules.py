"""What Kyverno refuses in one namespace: policies in CEL, each by the name of the rule that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.metadata import metadata
from infra.components.cluster.objects import KubernetesObject
from infra.components.component import PlatformComponent

POLICY = "policies.kyverno.io/v1/NamespacedValidatingPolicy"


@dataclass(frozen=True, kw_only=True)
class AdmissionRulesArgs:
    """`specs` are the policies' specs by name; they hold in `namespace` alone, which only what needs Kyverno may ask for."""

    namespace: str
    specs: Mapping[str, Mapping[str, Any]]
    wave: int = 0

    def __post_init__(self) -> None:
        """`ValueError` for a policy that would let pass what it finds."""
        for policy, spec in self.specs.items():
            _refuses(policy, spec)


class AdmissionRules(PlatformComponent):
    """The namespace takes nothing that one of the policies refuses, nor anything while Kyverno cannot be asked.

    Resources: a NamespacedValidatingPolicy for each.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:AdmissionRules"

    def __init__(self, name: str, args: AdmissionRulesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        for policy, spec in args.specs.items():
            KubernetesObject(
                f"{name}-{policy}",
                POLICY,
                metadata=metadata(policy, args.namespace, wave=args.wave),
                body={"spec": spec},
                opts=self.child,
            )
        self.register_outputs({})


def _refuses(policy: str, spec: Mapping[str, Any]) -> None:
    for key, wanted in (("failurePolicy", "Fail"), ("validationActions", ["Deny"])):
        if spec.get(key) != wanted:
            raise ValueError(
                f"policy {policy}: spec.{key} is {spec.get(key)}: allowed: {wanted}, else it refuses nothing"
            )
