"""VPC endpoints: AWS services reached without NAT (wealist.md §2.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.aws.iam import Statement, policy_document
from infra.components.component import PlatformComponent
from infra.tags import Tags, named


@dataclass(frozen=True, kw_only=True)
class EndpointsArgs:
    """`interfaces` are services' short names (`ssm`); `account` is the only one whose principals may use them."""

    prefix: str
    region: str
    account: str
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    route_table_ids: Mapping[str, pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    interfaces: Sequence[str]
    tags: Tags


class Endpoints(PlatformComponent):
    """An interface endpoint per service with private DNS, and the S3 gateway endpoint.

    Resources: a VpcEndpoint per interface service, one more for S3.
    """

    pulumi_type: ClassVar[str] = "platform:aws:Endpoints"
    ids: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        own_account = Statement(
            sid="OwnPrincipals",
            actions=["*"],
            resources=["*"],
            principals={"AWS": "*"},
            condition={"StringEquals": {"aws:PrincipalAccount": args.account}},
        )
        interfaces = {
            service: aws.ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=args.vpc_id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=args.subnet_ids,
                security_group_ids=[args.security_group_id],
                policy=policy_document(own_account),
                tags=named(args.tags, f"{args.prefix}-{service}-endpoint"),
                opts=self.child,
            )
            for service in args.interfaces
        }
        gateway = aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=args.vpc_id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=list(args.route_table_ids.values()),
            policy=policy_document(own_account, _aws_owned(args.region)),
            tags=named(args.tags, f"{args.prefix}-s3-endpoint"),
            opts=self.child,
        )
        self.ids = {service: endpoint.id for service, endpoint in {**interfaces, "s3": gateway}.items()}
        self.register_outputs({"ids": self.ids})


def aws_owned_buckets(region: str) -> tuple[str, ...]:
    """Buckets of AWS and of Kubernetes that an instance reads from, anonymously or as another account: packages, images, agents.

    registry.k8s.io sends whoever asks from inside AWS to the last kind of the layers' buckets
    (archeio's own pages in kubernetes/registry.k8s.io, 2026-11-27). Where the others' names are from: docs/verify.md. Each is a
    whole name: what a pattern also matches, anybody may make.
    """
    return (
        f"al2023-repos-{region}-de612dc2",
        f"amazonlinux-2-repos-{region}",
        f"amazonlinux.{region}.amazonaws.com",
        f"prod-{region}-starport-layer-bucket",
        f"prod-registry-k8s-io-{region}",
        f"aws-codedeploy-{region}",
        f"amazon-ssm-{region}",
        f"aws-ssm-{region}",
        f"patch-baseline-snapshot-{region}",
    )


def _aws_owned(region: str) -> Statement:
    return Statement(
        sid="AwsOwnedBuckets",
        actions=["s3:GetObject"],
        resources=[f"arn:aws:s3:::{bucket}/*" for bucket in aws_owned_buckets(region)],
        principals={"AWS": "*"},
    )
