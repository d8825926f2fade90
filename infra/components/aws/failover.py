"""A host that moves to a standby when its way in is away: Route 53's health check and failover records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.aws.dns import AliasTarget
from infra.components.component import PlatformComponent
from infra.tags import Tags, named

HTTPS = 443


@dataclass(frozen=True, kw_only=True)
class FailoverHostArgs:
    """`host` is `primary` while `checked_host`, a name that never moves, answers `path` with 2xx or 3xx over HTTPS; else `standby`.

    Were the host itself asked, the standby's answer would bring it back, and then away again.
    """

    host: str
    primary: AliasTarget
    standby: AliasTarget
    zone_id: pulumi.Input[str]
    checked_host: str
    path: str
    every_seconds: int
    failures: int
    tags: Tags

    def __post_init__(self) -> None:
        if self.checked_host == self.host:
            raise ValueError(f"{self.host}: the name that is looked at must not be the one that moves")


class FailoverHost(PlatformComponent):
    """Resources: HealthCheck; two Records of type A, PRIMARY and SECONDARY."""

    pulumi_type: ClassVar[str] = "platform:aws:FailoverHost"
    health_check_id: pulumi.Output[str]

    def __init__(self, name: str, args: FailoverHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        check = aws.route53.HealthCheck(
            f"{name}-check",
            type="HTTPS",
            fqdn=args.checked_host,
            port=HTTPS,
            resource_path=args.path,
            request_interval=args.every_seconds,
            failure_threshold=args.failures,
            enable_sni=True,
            tags=named(args.tags, args.checked_host),
            opts=self.child,
        )
        for label, target, health in (("primary", args.primary, check.id), ("secondary", args.standby, None)):
            aws.route53.Record(
                f"{name}-{label}",
                zone_id=args.zone_id,
                name=args.host,
                type="A",
                set_identifier=label,
                failover_routing_policies=[{"type": label.upper()}],
                health_check_id=health,
                aliases=[{"name": target.dns_name, "zone_id": target.zone_id, "evaluate_target_health": False}],
                opts=self.child,
            )
        self.health_check_id = check.id
        self.register_outputs({"health_check_id": self.health_check_id})
