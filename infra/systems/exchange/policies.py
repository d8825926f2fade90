"""What Kyverno refuses in the exchange's namespace (svc-gateway.md: 보안 정책, "Kyverno / OPA"); why so: docs/adr/0036.

The policies are files in `deploy/exchange/policies/kyverno/`, one for each rule of `policy/rules` that an object alone can break,
and named like it. The pipeline asks the same of the rendered objects in Rego (`../rego`) before they get here. One more asks for
the images' signatures, by the keys of the settings: docs/adr/0039.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from infra.components.cluster.admission_rules import AdmissionRules, AdmissionRulesArgs
from infra.components.cluster.signed_images import SignedImages, SignedImagesArgs
from infra.systems.exchange.context import Context
from infra.systems.exchange.document import SERVICES

FILES = Path(__file__).parents[3] / "deploy/exchange/policies/kyverno"


def build_policies(context: Context) -> None:
    """Register every policy, before what they judge."""
    AdmissionRules(
        context.names.logical("policies"),
        AdmissionRulesArgs(
            namespace=context.namespace,
            wave=context.cluster.mesh.rules_wave,
            specs={found["metadata"]["name"]: found["spec"] for found in _read()},
        ),
        context.objects,
    )
    SignedImages(
        context.names.logical("signed-images"),
        SignedImagesArgs(
            namespace=context.namespace,
            wave=context.cluster.mesh.rules_wave,
            repositories=[f"{context.repository(one.name)}{end}*" for one in SERVICES for end in (":", "@")],
            keys=context.settings.image_signers,
        ),
        context.objects,
    )


def _read() -> list[dict[str, Any]]:
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FILES.glob("*.yaml"))]
