"""One named machine of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.component import PlatformComponent
from infra.tags import Tags, named


@dataclass(frozen=True, kw_only=True)
class NodeArgs:
    """`node` is its name; `image_id` an AMI's id; `user_data` base64; `instance_profile` the profile's name.

    `after` is what must be there before the machine starts. `protect` is for a node whose own disk holds data: neither
    Pulumi nor the console then deletes it by mistake.
    """

    node: str
    instance_type: str
    image_id: pulumi.Input[str]
    user_data: str
    instance_profile: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    security_group_ids: Sequence[pulumi.Input[str]]
    volume_gib: int
    protect: bool
    tags: Tags
    after: Sequence[pulumi.Resource] = ()


class Node(PlatformComponent):
    """An instance without public address or SSH key, IMDSv2 only and for the machine alone, on encrypted gp3.

    A newer image or script changes no machine that runs: it is what the next one of that name starts with. Pulumi
    keeps ignored inputs even when it replaces a resource, so a machine that is to have the new ones is destroyed
    by target first and then made anew. Resource: Instance.
    """

    pulumi_type: ClassVar[str] = "platform:aws:Node"
    instance_id: pulumi.Output[str]
    private_ip: pulumi.Output[str]

    def __init__(self, name: str, args: NodeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        instance = aws.ec2.Instance(
            f"{name}-instance",
            ami=args.image_id,
            instance_type=args.instance_type,
            subnet_id=args.subnet_id,
            vpc_security_group_ids=args.security_group_ids,
            iam_instance_profile=args.instance_profile,
            user_data_base64=args.user_data,
            monitoring=True,
            ebs_optimized=True,
            disable_api_termination=args.protect,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                # Pods are one hop further away, except those that share the machine's network, which need none.
                "http_put_response_hop_limit": 1,
                # A cloud provider's tag keys have slashes, which EC2 refuses with this on.
                "instance_metadata_tags": "disabled",
            },
            root_block_device={
                "volume_size": args.volume_gib,
                "volume_type": "gp3",
                "encrypted": True,
                "delete_on_termination": True,
                # Not `volume_tags`, which would also claim the volumes that a cluster attaches.
                "tags": named(args.tags, args.node),
            },
            tags=named(args.tags, args.node),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                depends_on=list(args.after),
                ignore_changes=["ami", "userDataBase64"],
            ),
        )
        self.instance_id = instance.id
        self.private_ip = instance.private_ip
        self.register_outputs({"instance_id": self.instance_id, "private_ip": self.private_ip})
