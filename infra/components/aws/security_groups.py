"""Security groups whose rules are edges between them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pulumi
import pulumi_aws as aws

from infra.components.component import PlatformComponent
from infra.tags import Tags, named

DESCRIPTION = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=;{}!$*]{0,255}")
"""What EC2 takes as the description of a group or a rule (witness: botocore's model of EC2)."""


def described(text: str) -> str:
    """The text itself; `ValueError` shows what EC2 would refuse in it."""
    if not DESCRIPTION.fullmatch(text):
        raise ValueError(
            f"EC2 takes no such description of a security group or its rule: {text!r}. It takes up to 255 of "
            "letters, digits, spaces and ._-:/()#,@[]+=;{}!$*; an apostrophe is none of them"
        )
    return text


@dataclass(frozen=True, kw_only=True)
class Edge:
    """Traffic on one port from `source` to `target`: each the name of a group, or of a CIDR block.

    Where both are groups the edge becomes two rules: out of the source, into the target.
    """

    source: str
    target: str
    port: int
    why: str
    protocol: Literal["tcp", "udp"] = "tcp"

    @property
    def service(self) -> str:
        """What names it: the port, with the protocol where that is not TCP."""
        return str(self.port) if self.protocol == "tcp" else f"{self.protocol}-{self.port}"


@dataclass(frozen=True, kw_only=True)
class SecurityGroupsArgs:
    """`groups` maps each group's name to its description, `blocks` each named CIDR block to what it is.

    Nothing passes that is not among `edges`. `group_tags` are further tags of single groups.
    """

    prefix: str
    vpc_id: pulumi.Input[str]
    groups: Mapping[str, str]
    blocks: Mapping[str, str]
    edges: Sequence[Edge]
    tags: Tags
    group_tags: Mapping[str, Tags] = field(default_factory=dict)


class SecurityGroups(PlatformComponent):
    """Groups without inline rules, and one rule resource per direction of each edge.

    Resources: a SecurityGroup per name, SecurityGroupIngressRules and SecurityGroupEgressRules.
    """

    pulumi_type: ClassVar[str] = "platform:aws:SecurityGroups"
    ids: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: SecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        self._groups = {
            group: aws.ec2.SecurityGroup(
                f"{name}-{group}",
                name=f"{args.prefix}-{group}-sg",
                description=described(description),
                vpc_id=args.vpc_id,
                tags=named({**args.tags, **args.group_tags.get(group, {})}, f"{args.prefix}-{group}-sg"),
                opts=self.child,
            )
            for group, description in args.groups.items()
        }
        for edge in args.edges:
            self._open(edge)
        self.ids = {group: made.id for group, made in self._groups.items()}
        self.register_outputs({"ids": self.ids})

    def _open(self, edge: Edge) -> None:
        source, target = self._groups.get(edge.source), self._groups.get(edge.target)
        if target:
            aws.vpc.SecurityGroupIngressRule(
                f"{self._name}-{edge.target}-from-{edge.source}-{edge.service}",
                **self._rule(edge, target, edge.source),
            )
        if source:
            aws.vpc.SecurityGroupEgressRule(
                f"{self._name}-{edge.source}-to-{edge.target}-{edge.service}",
                **self._rule(edge, source, edge.target),
            )

    def _rule(self, edge: Edge, group: aws.ec2.SecurityGroup, peer: str) -> dict[str, Any]:
        """One direction of an edge: what the group lets through, from or to the peer, a group or a block."""
        other = self._groups.get(peer)
        return {
            "security_group_id": group.id,
            "description": described(edge.why),
            "ip_protocol": edge.protocol,
            "from_port": edge.port,
            "to_port": edge.port,
            "referenced_security_group_id": other.id if other else None,
            "cidr_ipv4": None if other else self._args.blocks[peer],
            "tags": named(self._args.tags, f"{edge.source}-to-{edge.target}-{edge.service}"),
            "opts": self.child,
        }
