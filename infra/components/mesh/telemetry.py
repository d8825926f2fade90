"""What the proxies report."""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True, kw_only=True)
class TracingArgs:
    """Spans go to `provider`, of `percent` of the requests; what a proxy before this one decided is in the request's id, and stays.

    `workload` are labels of pods; without them it is for all of the namespace. In the mesh's root namespace it names some: there
    the one Telemetry without a selector is another.
    """

    place: Place
    provider: str
    percent: float
    workload: Mapping[str, str] | None = None


def tracing(args: TracingArgs) -> Spec:
    """The spec."""
    if not 0 < args.percent <= 100:
        raise ValueError(f"{args.place.name}: {args.percent} % of the requests: allowed: more than 0, at most 100")
    spec: Spec = {"tracing": [{"providers": [{"name": args.provider}], "randomSamplingPercentage": args.percent}]}
    return {"selector": {"matchLabels": dict(args.workload)}, **spec} if args.workload else spec


class Tracing(MeshComponent):
    """What of requests becomes a trace.

    Resources: a Telemetry.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:Tracing"
    api_version, kind = TELEMETRY, "Telemetry"

    def __init__(self, name: str, args: TracingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, tracing(args), opts)
