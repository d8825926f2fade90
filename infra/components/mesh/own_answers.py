"""What a gateway answers itself, without a service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from infra.components.mesh.objects import NETWORKING, MeshComponent, Place, Spec


@dataclass(frozen=True, kw_only=True)
class OwnAnswerArgs:
    """Requests of `hosts` for exactly `path` get 200 and `body`: whoever asks learns that the gateway is there, and no more."""

    place: Place
    hosts: Sequence[str]
    gateways: Sequence[str]
    path: str
    body: str


def own_answer(args: OwnAnswerArgs) -> Spec:
    """The spec."""
    if not args.hosts or not args.gateways or not args.path.startswith("/") or "*" in args.path:
        raise ValueError(f"{args.place.reference}: an answer has hosts, gateways and one path, such as /health")
    return {
        "hosts": list(args.hosts),
        "gateways": list(args.gateways),
        "http": [
            {
                "name": args.place.name,
                "match": [{"uri": {"exact": args.path}}],
                "directResponse": {"status": 200, "body": {"string": args.body}},
            }
        ],
    }


class OwnAnswer(MeshComponent):
    """A path by which others see that the way in is open (svc-gateway.md: Route53 Failover).

    Resources: a VirtualService.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:OwnAnswer"
    api_version, kind = NETWORKING, "VirtualService"

    def __init__(self, name: str, args: OwnAnswerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, own_answer(args), opts)
