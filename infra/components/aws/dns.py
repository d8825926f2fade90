"""Route53 zones: public ones, and those of a VPC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.component import PlatformComponent
from infra.tags import Tags, named


@dataclass(frozen=True, kw_only=True)
class AliasTarget:
    """An AWS endpoint that a name points at, with the zone that AWS keeps it in."""

    dns_name: pulumi.Input[str]
    zone_id: pulumi.Input[str]


AUTHORITY = "amazon.com"
"""ACM's, one of the four names that it takes in a CAA record (its user guide, "Configure a CAA record", read on 2026-11-28)."""


class HostedZone(PlatformComponent):
    """A domain's zone, for which no authority but ACM's gives out certificates.

    Resources: Zone; a Record of type CAA; a Record of type A, and one of type AAAA, per alias.
    """

    pulumi_type: ClassVar[str] = "platform:aws:HostedZone"
    zone_id: pulumi.Output[str]
    name_servers: pulumi.Output[Sequence[str]]

    def __init__(
        self, name: str, domain: str, *, protect: bool, tags: Tags, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._name = name
        zone = _zone(name, domain, tags, self.guarded(protect))
        self.zone_id = zone.zone_id
        self.name_servers = zone.name_servers
        aws.route53.Record(
            f"{name}-caa",
            zone_id=self.zone_id,
            name=domain,
            type="CAA",
            ttl=3600,
            records=[f'0 issue "{AUTHORITY}"'],
            opts=self.child,
        )
        self.register_outputs({"zone_id": self.zone_id, "name_servers": self.name_servers})

    def alias(self, label: str, host: str, target: AliasTarget, *, ipv6: bool) -> list[aws.route53.Record]:
        """Point `host` at an AWS endpoint, by A and, where the endpoint speaks IPv6, by AAAA."""
        return [
            aws.route53.Record(
                f"{self._name}-{label}-{record_type.lower()}",
                zone_id=self.zone_id,
                name=host,
                type=record_type,
                aliases=[_alias(target)],
                opts=self.child,
            )
            for record_type in (("A", "AAAA") if ipv6 else ("A",))
        ]


class HostAlias(PlatformComponent):
    """A host in somebody else's zone that points at an AWS endpoint which speaks IPv6 too. Resources: two Records, A and AAAA."""

    pulumi_type: ClassVar[str] = "platform:aws:HostAlias"

    def __init__(
        self,
        name: str,
        host: str,
        *,
        zone_id: pulumi.Input[str],
        target: AliasTarget,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        for record_type in ("A", "AAAA"):
            aws.route53.Record(
                f"{name}-{record_type.lower()}",
                zone_id=zone_id,
                name=host,
                type=record_type,
                aliases=[_alias(target)],
                opts=self.child,
            )
        self.register_outputs({})


class PrivateZone(PlatformComponent):
    """A domain that only one VPC knows. Resources: Zone; a Record of type A per address."""

    pulumi_type: ClassVar[str] = "platform:aws:PrivateZone"
    zone_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        domain: str,
        *,
        vpc_id: pulumi.Input[str],
        protect: bool,
        tags: Tags,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._name = name
        zone = _zone(name, domain, tags, self.guarded(protect), vpc_id)
        self.zone_id = zone.zone_id
        self.register_outputs({"zone_id": self.zone_id})

    def address(self, label: str, host: str, address: pulumi.Input[str], *, ttl: int) -> None:
        """Point `host` at an IPv4 address, for at most `ttl` seconds after it has moved."""
        aws.route53.Record(
            f"{self._name}-{label}",
            zone_id=self.zone_id,
            name=host,
            type="A",
            ttl=ttl,
            records=[address],
            opts=self.child,
        )


def _zone(
    name: str, domain: str, tags: Tags, opts: pulumi.ResourceOptions, vpc_id: pulumi.Input[str] | None = None
) -> aws.route53.Zone:
    """A public zone, or the one of a VPC."""
    return aws.route53.Zone(
        f"{name}-zone",
        name=domain,
        comment=f"{domain}, managed by Pulumi",
        vpcs=None if vpc_id is None else [aws.route53.ZoneVpcArgs(vpc_id=vpc_id)],
        tags=named(tags, domain),
        opts=opts,
    )


def _alias(target: AliasTarget) -> aws.route53.RecordAliasArgs:
    return aws.route53.RecordAliasArgs(name=target.dns_name, zone_id=target.zone_id, evaluate_target_health=False)
