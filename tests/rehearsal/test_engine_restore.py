"""The page of databases, its second part: what the engine does of an instance that is gone and comes back from a snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from rehearsal.engine.events import Step
from rehearsal.engine.stack import EngineStack
from rehearsal.inprocess import ProgramFailed
from tests.aws_command import run_aws
from tests.rehearsal.engine_rig import REGION, Rig, open_rig
from tests.rehearsal.test_runbooks import lines

pytestmark = pytest.mark.verify

PROGRAM = """
from types import SimpleNamespace

import pulumi
import pulumi_aws as aws

from infra.adopt import adopting
from infra.components.aws.database import Database, DatabaseArgs

adopt = pulumi.Config().require_object("adopt")
with adopting(SimpleNamespace(stack="test", platform=SimpleNamespace(adopt=adopt))):
    vpc = aws.ec2.Vpc("wealist-vpc", cidr_block="10.1.0.0/16")
    subnets = [
        aws.ec2.Subnet(
            f"wealist-{zone}", vpc_id=vpc.id, cidr_block=f"10.1.{n}.0/24", availability_zone=f"ap-northeast-2{zone}"
        )
        for n, zone in enumerate("ac")
    ]
    group = aws.ec2.SecurityGroup("wealist-rds", name="wealist-prod-rds-sg", description="database", vpc_id=vpc.id)
    key = aws.kms.Key("wealist-key", description="wealist", enable_key_rotation=True)
    aws.kms.Alias("wealist-alias", name="alias/wealist-prod", target_key_id=key.key_id)
    database = Database(
        "wealist-database",
        DatabaseArgs(
            prefix="wealist-prod",
            engine_version="17",
            instance_class="db.t3.micro",
            storage_gib=20,
            max_storage_gib=100,
            multi_az=True,
            zone="ap-northeast-2a",
            subnet_ids=[subnet.id for subnet in subnets],
            security_group_id=group.id,
            key_arn=key.arn,
            backup_retention_days=14,
            log_retention_days=90,
            deletion_protection=True,
            protect=True,
            master_username="wealist_admin",
            tags={"System": "wealist"},
        ),
    )
    aws.ssm.Parameter("wealist-endpoint", name="/wealist/prod/db/endpoint", type="String", value=database.address)
"""
FROM_A_SNAPSHOT = PROGRAM.replace(
    "database = Database(",
    """
    def from_a_snapshot(args):
        if args.type_ == "aws:rds/instance:Instance":
            args.props["snapshot_identifier"] = "wealist-prod-farewell"
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    pulumi.runtime.register_stack_transformation(from_a_snapshot)
    database = Database(""",
)
PAGE = lines("restore-a-database.md")
RDS = PAGE[next(n for n, line in enumerate(PAGE) if line.startswith("GROUP=")) :]
NAME = "wealist-prod-rds"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_rig(tmp_path_factory.mktemp("restore"), secrets=False) as opened:
        standing(opened)().up()
        rds().create_db_snapshot(DBInstanceIdentifier=NAME, DBSnapshotIdentifier="wealist-prod-farewell")
        yield opened


def standing(rig: Rig, program: str = PROGRAM) -> Callable[..., EngineStack]:
    def stack(**adopt: str) -> EngineStack:
        (rig.root / "__main__.py").write_text(program)
        ids = {name.replace("_", "-"): identifier for name, identifier in adopt.items()}
        file = rig.settings()
        file = replace(file, config={**file.config, "shop:adopt": json.dumps(ids)})
        return EngineStack(rig.root, file, rig.ports, rig.state, rig.engine)

    return stack


def rds() -> Any:
    return boto3.client("rds", region_name=REGION)


def instances() -> dict[str, Any]:
    return {one["DBInstanceIdentifier"]: one for one in rds().describe_db_instances()["DBInstances"]}


def variables() -> dict[str, str]:
    """What the page's first line looks up."""
    (line,) = [line for line in RDS if line.startswith("GROUP=")]
    command = line.removeprefix('GROUP="$(').removesuffix(')"')
    (group,) = run_aws(command, region=REGION)["SecurityGroups"]
    return {"GROUP": group["GroupId"]}


def test_an_instance_that_stands_would_be_replaced_and_is_not_while_it_is_protected(rig: Rig) -> None:
    stack = standing(rig, FROM_A_SNAPSHOT)()
    with pytest.raises(ProgramFailed, match=r"wealist-database-instance: .*marked for protection"):
        stack.preview()
    with pytest.raises(ProgramFailed, match=r"wealist-database-instance: .*marked for protection"):
        stack.up()
    assert standing(rig)().preview().keys() == {"same"}


def test_what_is_restored_beside_it_no_stack_notices(rig: Rig) -> None:
    commands = [line for line in RDS[: RDS.index("pulumi refresh -s prod")] if line.startswith("aws ")]
    assert [command.split()[2] for command in commands] == [
        "describe-db-snapshots", "restore-db-instance-from-db-snapshot", "delete-db-instance"
    ]  # fmt: skip
    for command in commands[:2]:
        run_aws(command, region=REGION, variables=variables())
    beside = instances()["wealist-prod-beside"]
    assert beside["DBParameterGroups"][0]["DBParameterGroupName"] == "wealist-prod-postgres17"
    assert beside["MasterUserSecret"]["SecretStatus"]
    assert standing(rig)().refresh().keys() == {"same"}
    # moto restores the protection too; on AWS a restored instance has none unless it is asked for.
    rds().modify_db_instance(DBInstanceIdentifier="wealist-prod-beside", DeletionProtection=False)
    run_aws(commands[2], region=REGION)
    assert set(instances()) == {NAME}


def test_an_instance_that_is_gone_comes_back_and_is_taken_over(rig: Rig) -> None:
    rds().modify_db_instance(DBInstanceIdentifier=NAME, DeletionProtection=False)
    rds().delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    stack, steps = standing(rig), list[Step]()
    after = RDS[RDS.index("pulumi refresh -s prod") :]
    assert [" ".join(line.split()[:3]) for line in after] == [
        "pulumi refresh -s", "aws rds restore-db-instance-from-db-snapshot", "aws rds wait",
        "pulumi config set", "pulumi preview -s", "pulumi up -s",
    ]  # fmt: skip
    assert stack().refresh()["delete"] == 1
    for command in after[1:3]:
        run_aws(command, region=REGION, variables=variables())
    assert after[3].split()[-2:] == ["platform.adopt.wealist-database-instance", NAME]
    taken = stack(wealist_database_instance=NAME)
    taken.preview()
    taken.up(steps.append)
    done = {(step.operation, step.name) for step in steps if step.status == "done" and step.operation != "same"}
    assert ("import", "wealist-database-instance") in done
    assert {operation for operation, _ in done} <= {"import", "update"}
    restored = instances()[NAME]
    assert restored["BackupRetentionPeriod"] == 14
    assert restored["DeletionProtection"] is True
    assert stack().up().keys() == stack().refresh().keys() == {"same"}
