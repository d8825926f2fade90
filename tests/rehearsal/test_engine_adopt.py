"""What somebody made by hand is taken over by its id: changed in place at most, and never made anew while the id is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest

from rehearsal.engine.events import Step
from rehearsal.engine.stack import EngineStack
from rehearsal.inprocess import ProgramFailed
from tests.rehearsal.engine_rig import REGION, Rig, open_rig

pytestmark = pytest.mark.verify

ROOMS = """
    aws.ec2.Vpc("shop-network-vpc", cidr_block="10.9.0.0/16", enable_dns_hostnames=True, tags={"Name": "shop"})
    HostedZone("shop-dns", "shop.example.com", protect=True, tags={})
    PrivateBucket(
        "shop-files", PrivateBucketArgs(bucket="shop-files", versioning=True, tags={}, protect=True)
    ).allow()
    aws.rds.Instance(
        "shop-database",
        identifier="shop",
        engine="postgres",
        engine_version="17.4",
        instance_class="db.t3.micro",
        allocated_storage=20,
        username="shop_admin",
        manage_master_user_password=True,
        backup_retention_period=7,
        skip_final_snapshot=False,
        final_snapshot_identifier="shop-final",
    )
"""
IMPORTS = """
import json
from types import SimpleNamespace

import pulumi
import pulumi_aws as aws

from infra.adopt import adopting
from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs
from infra.components.aws.dns import HostedZone
"""
PROGRAM = f"""{IMPORTS}
adopt = pulumi.Config().require_object("adopt")
with adopting(SimpleNamespace(stack="test", platform=SimpleNamespace(adopt=adopt))):
{ROOMS}"""
OTHER_CIDR = PROGRAM.replace("10.9.0.0/16", "10.8.0.0/16")


def make_by_hand() -> dict[str, str]:
    """What stands before the project comes: ids by logical names."""
    ec2, s3, rds = (boto3.client(service, region_name=REGION) for service in ("ec2", "s3", "rds"))
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    zone = boto3.client("route53").create_hosted_zone(Name="shop.example.com", CallerReference="by hand")
    s3.create_bucket(Bucket="shop-files", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="shop-files", Key="note", Body=b"kept")
    rds.create_db_instance(
        DBInstanceIdentifier="shop", Engine="postgres", EngineVersion="17.4", DBInstanceClass="db.t3.micro",
        AllocatedStorage=20, MasterUsername="shop_admin", ManageMasterUserPassword=True, BackupRetentionPeriod=1,
    )  # fmt: skip
    return {
        "shop-network-vpc": vpc,
        "shop-dns-zone": zone["HostedZone"]["Id"].removeprefix("/hostedzone/"),
        "shop-files": "shop-files",
        "shop-database": "shop",
    }


@dataclass
class Adopting:
    rig: Rig
    ids: dict[str, str]

    def stack(self, adopt: Mapping[str, str], program: str = PROGRAM, state: str = "") -> EngineStack:
        """With a `state`, one that nobody brought up before."""
        (self.rig.root / "__main__.py").write_text(program)
        file = self.rig.settings()
        file = replace(file, config={**file.config, "shop:adopt": json.dumps(adopt)})
        return EngineStack(self.rig.root, file, self.rig.ports, self.rig.state / state, self.rig.engine)

    def of_ids(self) -> dict[str, str]:
        """The id in the state of each that was there before."""
        return {one.name: one.id for one in self.rig.saved() if one.custom and one.name in self.ids}


@pytest.fixture(scope="module")
def adopting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adopting]:
    with open_rig(tmp_path_factory.mktemp("adopt"), secrets=False) as rig:
        yield Adopting(rig, make_by_hand())


def test_what_would_be_replaced_is_refused_by_name(adopting: Adopting) -> None:
    steps: list[Step] = []
    stack = adopting.stack(adopting.ids, OTHER_CIDR, "refused")
    stack.preview(steps.append)
    assert ("replace", "shop-network-vpc") in {(step.operation, step.name) for step in steps}
    with pytest.raises(ProgramFailed, match=r"shop-network-vpc: previously-imported resources .* may not be replaced"):
        stack.up()
    (seen,) = boto3.client("ec2", region_name=REGION).describe_vpcs(VpcIds=[adopting.ids["shop-network-vpc"]])["Vpcs"]
    assert seen["CidrBlock"] == "10.9.0.0/16"


def test_a_name_that_nothing_has_is_told_with_the_nearest_one(adopting: Adopting) -> None:
    with pytest.raises(ProgramFailed, match=r"platform.adopt.shop-netork-vpc: .*did you mean 'shop-network-vpc'"):
        adopting.stack({"shop-netork-vpc": "vpc-1"}).preview()


def test_an_id_that_nothing_has_is_told(adopting: Adopting) -> None:
    with pytest.raises(ProgramFailed, match=r"shop-files: .*does not exist"):
        adopting.stack({**adopting.ids, "shop-files": "nobodys-bucket"}).preview()


@pytest.fixture(scope="module")
def taken_over(adopting: Adopting) -> list[Step]:
    steps: list[Step] = []
    adopting.stack(adopting.ids).up(steps.append)
    return steps


def test_everything_is_imported_and_nothing_is_made_or_deleted_in_its_place(
    adopting: Adopting, taken_over: list[Step]
) -> None:
    resources = [one for one in taken_over if one.type.startswith("aws:") and one.name in adopting.ids]
    done = {(step.operation, step.name) for step in resources if step.status == "done"}
    assert {name for operation, name in done if operation == "import"} == set(adopting.ids)
    assert {operation for operation, name in done} <= {"import", "update"}
    assert adopting.of_ids() == adopting.ids
    assert {step.operation for step in taken_over} <= {"import", "update", "create", "same"}


def test_what_differs_is_changed_in_place(adopting: Adopting, taken_over: list[Step]) -> None:
    """Tags, a setting of the database, and what only the provider knows of: how a delete goes."""
    session: Any = boto3.Session(region_name=REGION)
    (instance,) = session.client("rds").describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"]
    assert instance["BackupRetentionPeriod"] == 7
    (vpc,) = session.client("ec2").describe_vpcs(VpcIds=[adopting.ids["shop-network-vpc"]])["Vpcs"]
    assert vpc["Tags"] == [{"Key": "Name", "Value": "shop"}]
    assert session.client("s3").get_object(Bucket="shop-files", Key="note")["Body"].read() == b"kept"
    (state,) = [one for one in adopting.rig.saved() if one.name == "shop-database"]
    assert state.inputs["finalSnapshotIdentifier"] == "shop-final"


def test_nothing_happens_afterwards_with_the_ids_or_without(adopting: Adopting, taken_over: list[Step]) -> None:
    assert adopting.stack(adopting.ids).up().keys() == {"same"}
    assert adopting.stack({}).up().keys() == {"same"}
    assert adopting.stack({}).refresh().keys() == {"same"}


def test_it_is_replaced_like_any_other_once_the_id_is_gone(adopting: Adopting, taken_over: list[Step]) -> None:
    """What the page says of the last step."""
    assert adopting.stack({}, OTHER_CIDR).preview()["replace"] == 1
    with pytest.raises(ProgramFailed, match="may not be replaced"):
        adopting.stack(adopting.ids, OTHER_CIDR).up()
