"""A small project, a cloud and the engine on it, for the tests of `rehearsal.engine`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import boto3

from rehearsal.cloud import Cloud, open_cloud
from rehearsal.engine.servicer import serve_cloud
from rehearsal.engine.stack import EngineStack
from rehearsal.engine.state import StateResource, resources_of
from rehearsal.stack_file import StackFile, load_stack_file
from tests.rehearsal.vault import vault
from tests.tools import required_engine

REGION = "ap-northeast-2"
ACCOUNT = "290008131187"
TOKEN = "token-that-must-not-show"

PROGRAM = """
import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pulumi_random as random

config = pulumi.Config()
shape = config.require_object("shape")
protect = pulumi.ResourceOptions(protect=shape["protect"])


class Network(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("platform:test:Network", name)
        child = pulumi.ResourceOptions(parent=self)
        self.vpc = aws.ec2.Vpc(f"{name}-vpc", cidr_block=shape["cidr"], enable_dns_hostnames=True, opts=child)
        for zone, block in shape["subnets"].items():
            aws.ec2.Subnet(f"{name}-subnet-{zone}", vpc_id=self.vpc.id, cidr_block=block, opts=child)
        self.register_outputs({"vpc_id": self.vpc.id})


network = Network("shop")
group = aws.ec2.SecurityGroup(
    "db", name="db", description="database", vpc_id=network.vpc.id, tags={"owner": shape["owner"]}
)
aws.vpc.SecurityGroupIngressRule(
    "db-in",
    security_group_id=group.id,
    ip_protocol="tcp",
    from_port=shape["port"],
    to_port=shape["port"],
    cidr_ipv4=shape["cidr"],
)
password = random.RandomPassword("password", length=24, special=False)
aws.ssm.Parameter("password", name="/shop/password", type="SecureString", value=password.result, opts=protect)
aws.ssm.Parameter("token", name="/shop/token", type="SecureString", value=config.require_secret("token"))
if shape["extra"]:
    aws.ssm.Parameter("extra", name="/shop/extra", type="String", value="extra", opts=protect)
kubernetes.core.v1.ConfigMap(
    "app", metadata={"name": "app", "namespace": "shop"}, data={"vpc": network.vpc.id, "owner": shape["owner"]}
)
pulumi.export("vpc", network.vpc.id)
pulumi.export("password", password.result)
"""

SHAPE: Mapping[str, Any] = {
    "cidr": "10.0.0.0/16",
    "subnets": {"a": "10.0.0.0/24", "c": "10.0.1.0/24"},
    "owner": "platform",
    "port": 5432,
    "protect": False,
    "extra": False,
}
RESOURCES = 10


def write_project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    return folder


def settings_for(root: Path, **changes: Any) -> StackFile:
    """The small project's stack file, with some of its shape changed."""
    shape = json.dumps({**SHAPE, **changes})
    (root / "Pulumi.test.yaml").write_text(f"config:\n  aws:region: {REGION}\n  shop:shape: {shape}\n")
    file = load_stack_file(root, "test", secrets=["token"])
    return replace(file, config={**file.config, "shop:token": TOKEN})


@dataclass
class Rig:
    """The project and its cloud; `stack()` is a driver as a new process would make it.

    Without `secrets`, the token is plain configuration, and the state's key comes from `vault`: to derive one from a passphrase
    takes the engine longer than to start, in every command.
    """

    root: Path
    state: Path
    manifests: Path
    cloud: Cloud
    ports: dict[str, int]
    engine: Path
    secrets: bool

    def stack(self, **changes: Any) -> EngineStack:
        return EngineStack(self.root, self.settings(**changes), self.ports, self.state, self.engine)

    def settings(self, **changes: Any) -> StackFile:
        file = settings_for(self.root, **changes)
        return file if self.secrets else replace(file, secret_keys=frozenset())

    def engine_process(self) -> int:
        """The running engine, by the lock that it holds."""
        (lock,) = (self.state / "backend/.pulumi/locks").glob("**/*.json")
        return int(json.loads(lock.read_text())["pid"])

    @property
    def checkpoint(self) -> Path:
        return self.state / "backend/.pulumi/stacks/shop/test.json"

    def manifest_names(self) -> list[str]:
        return sorted(path.name for path in self.manifests.rglob("*.yaml"))

    def saved(self) -> list[StateResource]:
        """What the state on disk holds, its secrets unread: quicker than to ask the engine."""
        return resources_of(json.loads(self.checkpoint.read_text())["checkpoint"]["latest"])

    def assert_no_orphans(self) -> None:
        """What lives in the cloud is in the state, each once, and nothing else is."""
        state = [resource for resource in self.saved() if resource.custom]
        assert sorted(f"{r.urn} {r.id}" for r in state) == sorted(f"{u} {s.id}" for u, s in self.cloud.live.items())
        aws = {resource.id for resource in state if resource.type.startswith("aws:")}
        assert aws == account_ids() - DEFAULT_IDS[id(self.cloud)]


DEFAULT_IDS: dict[int, set[str]] = {}
"""What a fresh account holds, by cloud: moto's default network."""


@contextmanager
def open_rig(folder: Path, *, secrets: bool = True) -> Iterator[Rig]:
    engine = required_engine()
    manifests = folder / "manifests"
    with (
        open_cloud(region=REGION, account=ACCOUNT, manifests=manifests) as cloud,
        serve_cloud(cloud) as ports,
        nullcontext() if secrets else vault() as keys,
    ):
        DEFAULT_IDS[id(cloud)] = account_ids()
        rig = Rig(write_project(folder / "project"), folder / "state", manifests, cloud, ports, engine, secrets)
        if keys:
            new = {"stack": "organization/shop/test", "latest": {"secrets_providers": keys}}
            rig.checkpoint.parent.mkdir(parents=True)
            rig.checkpoint.write_text(json.dumps({"version": 3, "checkpoint": new}))
            (folder / "state/backend/.pulumi/meta.yaml").write_text("version: 1\n")
        yield rig


@cache
def client(service: Literal["ec2", "ssm"]) -> Any:
    """The account, as somebody beside the project sees it."""
    return boto3.client(service, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")


def account_ids() -> set[str]:
    """Everything that the small project's kinds of resources have in the account, default network included."""
    ec2, ssm = client("ec2"), client("ssm")
    vpcs = [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]]
    groups = ec2.describe_security_groups()["SecurityGroups"]
    rules = ec2.describe_security_group_rules()["SecurityGroupRules"]
    own = [group["GroupId"] for group in groups if group["GroupName"] != "default"]
    return {
        *vpcs,
        *own,
        *(subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]),
        *(rule["SecurityGroupRuleId"] for rule in rules if rule["GroupId"] in own),
        *(parameter["Name"] for parameter in ssm.describe_parameters()["Parameters"]),
    }


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
