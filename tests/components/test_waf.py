"""The firewall and the security groups by themselves."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.components.aws.network import ANYWHERE
from infra.components.aws.security_groups import Edge, SecurityGroups, SecurityGroupsArgs
from infra.components.aws.waf import ManagedRules, WebFirewall, WebFirewallArgs
from rehearsal.aws.wafv2 import SERVICE
from rehearsal.cloud import Cloud
from rehearsal.inprocess import run
from rehearsal.local import LocalProvider
from rehearsal.recording import Recording
from rehearsal.stack_file import StackFile
from rehearsal.values import Props
from tests.stacks import ROOT

STACK = StackFile(project="edge", stack="prod", path=ROOT, config={}, secret_keys=frozenset(), stood_in=())
MADE = (
    "aws:wafv2/webAcl:WebAcl", "aws:wafv2/webAclAssociation:WebAclAssociation",
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration", "aws:cloudwatch/logGroup:LogGroup",
    "aws:ec2/securityGroup:SecurityGroup", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)  # fmt: skip


class Echo(LocalProvider):
    """Gives back what it gets, and an ARN."""

    types = dict.fromkeys(MADE, lambda urn, inputs: (urn, {**inputs, "arn": f"arn:{urn.rpartition('::')[2]}"}))


def record(program: Callable[[], None]) -> Recording:
    return run(program, STACK, Cloud({"aws": Echo()}))


@pytest.fixture(scope="module")
def firewall() -> Recording:
    def program() -> None:
        WebFirewall(
            "edge-waf",
            WebFirewallArgs(
                prefix="edge-prod",
                resource_arn="arn:balancer",
                managed=[ManagedRules(group="First"), ManagedRules(group="Second", counted=("Size",))],
                requests_per_5_minutes=500,
                redacted_headers=("authorization", "cookie"),
                upload_paths=(),
                log_retention_days=30,
                log_key_arn="arn:key",
                tags={"System": "edge"},
            ),
        )

    return record(program)


def rules(recording: Recording) -> list[Props]:
    return sorted(recording.one("WebAcl")["rules"], key=lambda rule: float(rule["priority"]))


def test_the_flood_is_turned_away_before_anything_else_is_looked_at(firewall: Recording) -> None:
    flood = rules(firewall)[0]
    assert flood["statement"]["rateBasedStatement"]["limit"] == 500
    assert flood["action"]["block"]["customResponse"]["responseCode"] == 429


def test_rule_groups_follow_in_their_order_and_block_but_for_what_is_counted(firewall: Recording) -> None:
    groups = [one["statement"]["managedRuleGroupStatement"] for one in rules(firewall)[1:]]
    assert [one["name"] for one in groups] == ["First", "Second"]
    assert [one["overrideAction"] for one in rules(firewall)[1:]] == [{"none": {}}] * 2
    assert [one["ruleActionOverrides"] for one in groups] == [[], [{"name": "Size", "actionToUse": {"count": {}}}]]


def test_each_rule_has_a_metric_of_its_own(firewall: Recording) -> None:
    metrics = [one["visibilityConfig"] for one in rules(firewall)]
    assert len({one["metricName"] for one in metrics}) == 3
    assert {one["cloudwatchMetricsEnabled"] for one in metrics} == {True}


def test_it_guards_what_it_was_made_for(firewall: Recording) -> None:
    association = firewall.one("WebAclAssociation")
    assert (association["resourceArn"], association["webAclArn"]) == ("arn:balancer", "arn:edge-waf-acl")


def test_decisions_are_logged_encrypted_without_credentials(firewall: Recording) -> None:
    log, group = firewall.one("WebAclLoggingConfiguration"), firewall.one("LogGroup")
    assert log["redactedFields"] == [{"singleHeader": {"name": one}} for one in ("authorization", "cookie")]
    assert group["name"].startswith("aws-waf-logs-")
    assert (group["kmsKeyId"], group["retentionInDays"]) == ("arn:key", 30)


def test_without_uploads_a_rule_for_bodies_blocks_everywhere() -> None:
    def program() -> None:
        WebFirewall(
            "edge-waf",
            WebFirewallArgs(
                prefix="edge-prod",
                resource_arn="arn:balancer",
                managed=[ManagedRules(group="First", not_on_uploads={"Script_BODY": "first:Script_Body"})],
                requests_per_5_minutes=500,
                redacted_headers=(),
                upload_paths=(),
                log_retention_days=30,
                log_key_arn="arn:key",
                tags={"System": "edge"},
            ),
        )

    *_, group, bodies = rules(record(program))
    (override,) = group["statement"]["managedRuleGroupStatement"]["ruleActionOverrides"]
    assert (override["name"], bodies["action"]) == ("Script_BODY", {"block": {}})
    assert bodies["statement"] == {"labelMatchStatement": {"scope": "LABEL", "key": "first:Script_Body"}}


def test_its_inputs_are_those_of_the_sdks_classes(firewall: Recording) -> None:
    """Nobody else checks the names of plain inputs."""
    package = importlib.util.find_spec("pulumi_aws")
    assert package
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0], "wafv2")
    for token in SERVICE.types:
        kind = token.rpartition(":")[2]
        source = (folder / f"{re.sub(r'(?<!^)(?=[A-Z])', '_', kind).lower()}.py").read_text()
        snake = [re.sub(r"(?=[A-Z])", "_", key).lower() for key in firewall.one(kind).inputs]
        assert snake
        assert [key for key in snake if f"def {key}(self)" not in source] == []


def test_it_is_made_without_the_sdks_classes() -> None:
    """They cost 100 MB."""
    code = "import sys, infra.components.aws.waf; print([m for m in sys.modules if m.startswith('pulumi_aws.wafv2.')])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_an_edge_of_another_protocol_is_two_rules_of_that_protocol() -> None:
    def program() -> None:
        SecurityGroups(
            "edge-security",
            SecurityGroupsArgs(
                prefix="edge-prod",
                vpc_id="vpc-1",
                groups={"node": "Nodes", "other": "Others"},
                blocks={"anywhere": ANYWHERE},
                edges=[Edge(source="node", target="node", port=4789, protocol="udp", why="The overlay")],
                group_tags={"node": {"cluster": "owned"}},
                tags={"System": "edge"},
            ),
        )

    recording = record(program)
    node = recording.one("SecurityGroup", "edge-security-node")
    for direction in ("Ingress", "Egress"):
        rule = recording.one(f"SecurityGroup{direction}Rule")
        assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("udp", 4789, 4789)
        assert rule["securityGroupId"] == rule["referencedSecurityGroupId"] == node.id
        assert rule.name.endswith("-udp-4789")
    assert [one["tags"].get("cluster") for one in recording.of("SecurityGroup")] == ["owned", None]
