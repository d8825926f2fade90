"""The page of a rehearsal, from small recordings made by hand."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from rehearsal.engine.state import StateResource
from rehearsal.recording import Recording, Registered
from rehearsal.report.contents import DOCUMENTS, contents_table
from rehearsal.report.facts import fill, kind
from rehearsal.report.nodes import nodes_table
from rehearsal.report.page import outputs_table
from rehearsal.report.progress import how_far, how_far_recorded, shown
from rehearsal.report.saved import Masker, save_recording
from rehearsal.report.tree import resource_tree
from rehearsal.values import Secret
from rehearsal.ways import recorded

STACK = "urn:pulumi:prod::edge-platform::pulumi:pulumi:Stack::edge-platform-prod"
NETWORK = "platform:aws:Network"
SUBNET, VPC = "aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc"
PARAMETER = "aws:ssm/parameter:Parameter"
PASSWORD = "random:index/randomPassword:RandomPassword"


class Made:
    """A recording that grows: `made(type, name, parent, **inputs)`."""

    def __init__(self) -> None:
        self.recording = Recording()

    def __call__(self, type_: str, name: str, parent: str = STACK, /, **inputs: Any) -> str:
        urn = f"urn:pulumi:prod::edge-platform::{type_}::{name}"
        outputs = inputs.pop("outputs", {})
        custom = not type_.startswith("platform:")
        self.recording.add(
            Registered(
                urn=urn,
                type=type_,
                name=name,
                parent=parent,
                custom=custom,
                provider="",
                protect=False,
                dependencies=frozenset(),
                property_dependencies={},
                ignore_changes=(),
                aliases=(),
                delete_before_replace=False,
                retain_on_delete=False,
                inputs=inputs,
                id=f"{name}-id" if custom else "",
                outputs=outputs,
            )
        )
        return urn


@pytest.fixture
def made() -> Made:
    return Made()


def network(made: Made) -> None:
    parent = made(NETWORK, "wealist-network")
    made(VPC, "wealist-network-vpc", parent, cidrBlock="10.1.0.0/16", tags={"Name": "wealist-prod-vpc"})
    for number in range(3):
        made(SUBNET, f"wealist-network-public-{number}", parent, cidrBlock=f"10.1.{number}.0/24", availabilityZone="a")
    for number in range(6):
        made("aws:ec2/routeTableAssociation:RouteTableAssociation", f"wealist-network-{number}", parent)


def printed(shown: RenderableType, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(shown)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_the_tree_has_resources_under_their_component_with_names_ids_and_facts(made: Made) -> None:
    network(made)
    lines = printed(resource_tree(made.recording, "edge-platform prod")).splitlines()
    assert lines[0] == "edge-platform prod"
    assert lines[1] == "└── Network wealist-network"
    assert lines[2] == "    ├── Vpc wealist-prod-vpc  10.1.0.0/16  wealist-network-vpc-id"
    assert len([line for line in lines if " Subnet " in line]) == 3


def test_what_only_supports_others_is_counted(made: Made) -> None:
    network(made)
    assert printed(resource_tree(made.recording, "x")).splitlines()[-1] == "    └── + 6 × route table association"


def test_many_of_a_kind_share_a_line(made: Made) -> None:
    for number in range(17):
        made(PARAMETER, f"wealist-parameters-{number:02}", name=f"/wealist/prod/{number:02}")
    tree = printed(resource_tree(made.recording, "x"))
    assert "Parameter × 17  /wealist/prod/00, /wealist/prod/01, /wealist/prod/02 and 14 more" in tree
    assert len(tree.splitlines()) == 2


def test_the_tree_is_the_same_whatever_the_order_of_registration(made: Made) -> None:
    other = Made()
    for name in ("a", "b"):
        made(SUBNET, name, cidrBlock="10.1.0.0/24")
    for name in ("b", "a"):
        other(SUBNET, name, cidrBlock="10.1.0.0/24")
    assert printed(resource_tree(made.recording, "x")) == printed(resource_tree(other.recording, "x"))


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_of_the_tree_is_wider_than_the_terminal(made: Made, width: int) -> None:
    made(PARAMETER, "long", name="/wealist/" + "x" * 200)
    tree = printed(resource_tree(made.recording, "x"), width).splitlines()
    assert len(tree) == 2
    assert max(map(len, tree)) <= width


def test_every_chapter_of_the_document_is_named_even_when_nothing_stands_for_it(made: Made) -> None:
    table = printed(contents_table(made.recording, "wealist"))
    for chapter in DOCUMENTS["wealist"]:
        assert f"{chapter.number} {chapter.title}" in table


def test_a_chapter_says_its_facts_from_the_recording(made: Made) -> None:
    network(made)
    table = printed(contents_table(made.recording, "wealist"))
    assert "VPC: wealist-prod-vpc 10.1.0.0/16" in table
    assert "public: 10.1.0.0/24 a, 10.1.1.0/24 a, 10.1.2.0/24 a" in table


def test_a_component_that_no_chapter_names_is_shown_beside_them(made: Made) -> None:
    made("platform:aws:Surprise", "wealist-surprise")
    assert "Surprise wealist-surprise" in printed(contents_table(made.recording, "wealist"))


def test_security_groups_are_shown_as_edges(made: Made) -> None:
    parent = made("platform:aws:SecurityGroups", "wealist-security")
    for group in ("alb", "ec2"):
        made("aws:ec2/securityGroup:SecurityGroup", group, parent, name=f"wealist-prod-{group}-sg")
    for port in (8080, 3001):
        made(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            f"rule-{port}",
            parent,
            referencedSecurityGroupId="alb-id",
            securityGroupId="ec2-id",
            toPort=port,
        )
    table = printed(contents_table(made.recording, "wealist"))
    assert "wealist-prod-alb-sg → wealist-prod-ec2-sg 3001, 8080" in table


def test_a_missing_fact_is_a_dash_and_a_secret_one_masked(made: Made) -> None:
    urn = made(PARAMETER, "password", value=Secret("hidden-value"))
    assert fill("{value} {missing.path}", made.recording[urn]) == "[secret] –"
    assert kind(made.recording[urn]) == "ssm:Parameter"


def test_outputs_have_dotted_names(made: Made) -> None:
    table = printed(outputs_table({"wealist": {"urls": {"b": "2", "a": "1"}, "servers": ["x", "y"]}}))
    assert [line.split() for line in table.splitlines()] == [
        ["wealist.servers", "x,", "y"],
        ["wealist.urls.a", "1"],
        ["wealist.urls.b", "2"],
    ]


def test_secrets_are_masked_by_mark_and_wherever_their_text_turns_up(made: Made, tmp_path: Path) -> None:
    made(PASSWORD, "password", length=20, outputs={"result": "generated-password"})
    made(PARAMETER, "parameter", value=Secret("generated-password"), outputs={"value": "generated-password"})
    made(PARAMETER, "script", text="login generated-password configured-secret")
    made.recording.stack_outputs = {"url": "redis://:generated-password@host", "token": Secret("marked-as-secret")}
    path = tmp_path / "resources.json"
    save_recording(path, made.recording, Masker(made.recording, ["configured-secret"]))
    saved = path.read_text()
    for secret in ("generated-password", "configured-secret", "marked-as-secret"):
        assert secret not in saved
    assert json.loads(saved)["outputs"] == {"url": "redis://:[secret]@host", "token": "[secret]"}


def test_the_saved_recording_is_the_same_whatever_the_order_of_registration(made: Made, tmp_path: Path) -> None:
    other = Made()
    for one, names in ((made, "ab"), (other, "ba")):
        for name in names:
            one(VPC, name, cidrBlock="10.1.0.0/16")
    files = [tmp_path / "one", tmp_path / "other"]
    for file, one in zip(files, (made, other), strict=True):
        save_recording(file, one.recording, Masker(one.recording))
    assert files[0].read_text() == files[1].read_text()


def test_the_engines_state_is_reported_like_a_recording() -> None:
    state = StateResource(
        urn=f"urn:pulumi:prod::edge-platform::{VPC}::vpc",
        type=VPC,
        name="vpc",
        id="vpc-1",
        parent=STACK,
        protect=True,
        custom=True,
        rendered=False,
        inputs={"cidrBlock": "10.1.0.0/16", "tags": {"Name": "wealist-prod-vpc"}},
        outputs={"secret": Secret("hidden-value")},
    )
    recording = recorded([state], {"vpc_id": "vpc-1"})
    assert recording.stack_outputs == {"vpc_id": "vpc-1"}
    assert "Vpc wealist-prod-vpc  10.1.0.0/16  vpc-1" in printed(resource_tree(recording, "x"))


def test_progress_counts_what_stands_of_what_is_known(made: Made) -> None:
    assert how_far_recorded(made.recording) == ""
    made(NETWORK, "network")
    made(VPC, "vpc")
    assert how_far_recorded(made.recording) == "1 of 1 resources stand, vpc"
    assert how_far(3, 0, "") == "0 of 3 resources stand"


def test_in_a_log_progress_is_plain_lines() -> None:
    output = io.StringIO()
    with shown(Console(file=output, width=120), "prod, in process", lambda: "1 of 2"):
        pass
    assert output.getvalue() == "prod, in process …\n"


def test_nodes_are_a_table_and_no_list_of_outputs(made: Made) -> None:
    nodes = [
        {"name": "k8s-master", "type": "t3.xlarge", "zone": "a", "role": "control-plane", "runs": "Prometheus"},
        {"name": "k8s-redis", "type": "t3.medium", "zone": "c", "role": "data", "runs": "Redis"},
    ]
    assert [line.split() for line in printed(nodes_table(nodes)).splitlines()] == [
        ["name", "type", "zone", "role", "runs"],
        ["k8s-master", "t3.xlarge", "a", "control-plane", "Prometheus"],
        ["k8s-redis", "t3.medium", "c", "data", "Redis"],
    ]
    assert printed(outputs_table({"eco2": {"nodes": nodes, "url": "x"}})).split() == ["eco2.url", "x"]
