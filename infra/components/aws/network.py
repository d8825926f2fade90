"""A VPC with public and private subnets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pulumi
import pulumi_aws as aws

from infra.components.aws.cidr import ZoneSubnets
from infra.components.aws.iam import Statement, policy_document, trust_service
from infra.components.component import PlatformComponent
from infra.components.joined import joined
from infra.tags import Tags, named

ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """`subnets` maps a zone's letter to its blocks; `nat` says whether private subnets reach the internet, and how.

    none: not at all; single: through one NAT gateway in the first zone (cheap, that zone is a single point of failure);
    per_zone: through one in each zone. `public_tags` are further tags of the public subnets.
    """

    prefix: str
    region: str
    account: str
    cidr: str
    subnets: Mapping[str, ZoneSubnets]
    nat: Literal["none", "single", "per_zone"]
    flow_log_retention_days: int
    log_key_arn: pulumi.Input[str]
    tags: Tags
    role_boundary: pulumi.Input[str] | None = None
    public_tags: Tags = field(default_factory=dict)


class Network(PlatformComponent):
    """The VPC, its subnets and routes, a locked default security group, and flow logs of all traffic.

    Resources: Vpc, InternetGateway, DefaultSecurityGroup; per zone a public and a private Subnet; RouteTables with their Routes
    and associations; per NAT gateway an Eip and a NatGateway; LogGroup, Role, RolePolicy and FlowLog.
    Physical names follow wealist.md §2: `<prefix>-vpc`, `-igw`, `-public-rt`, `-private-rt`.
    """

    pulumi_type: ClassVar[str] = "platform:aws:Network"
    vpc_id: pulumi.Output[str]
    public_subnet_ids: dict[str, pulumi.Output[str]]
    private_subnet_ids: dict[str, pulumi.Output[str]]
    private_route_table_ids: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        self._vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self.child,
        )
        # Without rules nothing that lands in the default group by mistake can talk.
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default-sg",
            vpc_id=self._vpc.id,
            ingress=[],
            egress=[],
            tags=self._tags("default-sg-locked"),
            opts=self.child,
        )
        self._public = {zone: self._subnet("public", zone, pair.public) for zone, pair in args.subnets.items()}
        self._private = {zone: self._subnet("private", zone, pair.private) for zone, pair in args.subnets.items()}
        self._public_routes()
        tables = self._private_routes(self._nat_gateways())
        self._flow_logs()
        self.vpc_id = self._vpc.id
        self.public_subnet_ids = {zone: subnet.id for zone, subnet in self._public.items()}
        self.private_subnet_ids = {zone: subnet.id for zone, subnet in self._private.items()}
        self.private_route_table_ids = {key: table.id for key, table in tables.items()}
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
                "private_route_table_ids": self.private_route_table_ids,
            }
        )

    def _tags(self, part: str) -> dict[str, str]:
        return named(self._args.tags, f"{self._args.prefix}-{part}")

    def _subnet(self, tier: str, zone: str, block: str) -> aws.ec2.Subnet:
        return aws.ec2.Subnet(
            f"{self._name}-{tier}-{zone}",
            vpc_id=self._vpc.id,
            cidr_block=block,
            availability_zone=f"{self._args.region}{zone}",
            map_public_ip_on_launch=False,
            tags={
                **(self._args.public_tags if tier == "public" else {}),
                **self._tags(f"{tier}-{zone}"),
                "Tier": tier,
            },
            opts=self.child,
        )

    def _public_routes(self) -> None:
        gateway = aws.ec2.InternetGateway(
            f"{self._name}-igw", vpc_id=self._vpc.id, tags=self._tags("igw"), opts=self.child
        )
        table = self._route_table("public-rt")
        aws.ec2.Route(
            f"{self._name}-public-internet",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=self.child,
        )
        for zone, subnet in self._public.items():
            self._associate(f"public-{zone}", table, subnet)
        self._gateway = gateway

    def _nat_gateways(self) -> dict[str, aws.ec2.NatGateway]:
        zones = list(self._args.subnets)
        chosen = {"none": [], "single": zones[:1], "per_zone": zones}[self._args.nat]
        return {zone: self._nat_gateway(zone) for zone in chosen}

    def _nat_gateway(self, zone: str) -> aws.ec2.NatGateway:
        address = aws.ec2.Eip(
            f"{self._name}-nat-eip-{zone}", domain="vpc", tags=self._tags(f"nat-eip-{zone}"), opts=self.child
        )
        return aws.ec2.NatGateway(
            f"{self._name}-nat-{zone}",
            allocation_id=address.id,
            subnet_id=self._public[zone].id,
            tags=self._tags(f"nat-{zone}"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._gateway]),
        )

    def _private_routes(self, gateways: Mapping[str, aws.ec2.NatGateway]) -> dict[str, aws.ec2.RouteTable]:
        """One route table for all zones, or one a zone where each has its own NAT gateway."""
        if self._args.nat == "per_zone":
            tables = {zone: self._route_table(f"private-rt-{zone}") for zone in gateways}
        else:
            tables = {"private": self._route_table("private-rt")}
        for key, gateway in zip(tables, gateways.values(), strict=False):
            aws.ec2.Route(
                f"{self._name}-{key}-nat",
                route_table_id=tables[key].id,
                destination_cidr_block=ANYWHERE,
                nat_gateway_id=gateway.id,
                opts=self.child,
            )
        for zone, subnet in self._private.items():
            self._associate(f"private-{zone}", tables.get(zone) or tables["private"], subnet)
        return tables

    def _route_table(self, part: str) -> aws.ec2.RouteTable:
        return aws.ec2.RouteTable(f"{self._name}-{part}", vpc_id=self._vpc.id, tags=self._tags(part), opts=self.child)

    def _associate(self, part: str, table: aws.ec2.RouteTable, subnet: aws.ec2.Subnet) -> None:
        aws.ec2.RouteTableAssociation(
            f"{self._name}-{part}", route_table_id=table.id, subnet_id=subnet.id, opts=self.child
        )

    def _flow_logs(self) -> None:
        group = aws.cloudwatch.LogGroup(
            f"{self._name}-flow-logs",
            name=f"/vpc/{self._args.prefix}-vpc/flow-logs",
            retention_in_days=self._args.flow_log_retention_days,
            kms_key_id=self._args.log_key_arn,
            tags=self._tags("flow-logs"),
            opts=self.child,
        )
        role = aws.iam.Role(
            f"{self._name}-flow-logs",
            name=f"{self._args.prefix}-flow-logs-role",
            assume_role_policy=trust_service("vpc-flow-logs.amazonaws.com", account=self._args.account),
            permissions_boundary=self._args.role_boundary,
            tags=self._tags("flow-logs-role"),
            opts=self.child,
        )
        permission = aws.iam.RolePolicy(
            f"{self._name}-flow-logs",
            name=f"{self._args.prefix}-flow-logs-policy",
            role=role.id,
            policy=policy_document(
                Statement(
                    actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                    resources=[group.arn, joined(group.arn, ":*")],
                ),
                Statement(actions=["logs:DescribeLogGroups"], resources=["*"]),
            ),
            opts=self.child,
        )
        aws.ec2.FlowLog(
            f"{self._name}-flow-log",
            vpc_id=self._vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,
            tags=self._tags("flow-log"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )
