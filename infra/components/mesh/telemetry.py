"""What the proxies report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi

from infra.components.mesh.objects import TELEMETRY, MeshComponent, Place, Spec


@dataclass(frozen=True, kw_only=True)
class TelemetryArgs:
    """`log_filter` is a CEL expression over the request; None logs every request.

    One object in the mesh's root namespace holds for the mesh; Istio ignores a second one there without a word.
    """

    place: Place
    log_filter: str | None = None


def telemetry(args: TelemetryArgs) -> Spec:
    """The spec."""
    log: Spec = {"providers": [{"name": "envoy"}]}
    if args.log_filter is not None:
        log["filter"] = {"expression": args.log_filter}
    return {"accessLogging": [log], "metrics": [{"providers": [{"name": "prometheus"}]}]}


class Telemetry(MeshComponent):
    """Access logs and Prometheus metrics (eco2.md: Prometheus scrapes the services).

    Resources: a Telemetry.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:Telemetry"
    api_version, kind = TELEMETRY, "Telemetry"

    def __init__(self, name: str, args: TelemetryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, telemetry(args), opts)
