"""The commands of the page about what exists already, as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import boto3
import pytest

from tests.rehearsal.command_line import CommandLine, command_line, init_wealist
from tests.rehearsal.test_runbooks import approved, commands
from tests.stacks import REGION

pytestmark = pytest.mark.judges

PROGRAM = """
import pulumi_aws as aws

from infra.adopt import adopting
from infra.settings import load_settings

with adopting(load_settings()):
    aws.ec2.Vpc("wealist-network-vpc", cidr_block="10.1.0.0/16", tags={"Name": "wealist"})
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with command_line(tmp_path_factory.mktemp("page"), PROGRAM) as opened:
        init_wealist(opened)
        yield opened


def test_its_commands_take_a_network_over(shell: CommandLine) -> None:
    ec2 = boto3.client("ec2", region_name=REGION)
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    page = commands("adopt-what-exists.md")
    assert [command.split()[1] for command in page] == ["config", "preview", "up", "preview", "config", "preview"]
    said = [shell.succeed(re.sub(r"vpc-\w+", vpc, approved(command))) for command in page]
    assert re.search(r"= aws:ec2/vpc:Vpc: \(import\)", said[1]), said[1]
    assert re.search(r'\+ Name\s*: "wealist"', said[1]), said[1]
    assert "1 imported" in said[2], said[2]
    (seen,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert seen["Tags"] == [{"Key": "Name", "Value": "wealist"}]
