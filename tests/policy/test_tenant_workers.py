"""A stack with workers for the mesh's tenants keeps every rule, as the stacks without them do."""

from __future__ import annotations

from policy.catalog import ALL_RULES, NAMES
from policy.exemptions import load_exemptions
from policy.run import judge
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording
from tests.policy.test_rules import REVIEWED
from tests.systems.eco2_account import statements
from tests.witness.iam_actions import action


def test_workers_for_tenants_break_no_rule(cluster_with_workers: Recording) -> None:
    assert cluster_with_workers.one("Group")["minSize"] == 1
    judgement = judge(
        seen_by_rules(cluster_with_workers), rules=ALL_RULES, exemptions=load_exemptions(NAMES), today=REVIEWED
    )
    assert [f"{one.rule.name} {one.where}: {one.message}" for one in judgement.open if one.rule.mandatory] == []


def test_what_the_autoscaler_may_do_to_everything_aws_decides_on_no_resource(cluster_with_workers: Recording) -> None:
    everywhere = [one for one in statements(cluster_with_workers, "cluster-autoscaler") if one["Resource"] == ["*"]]
    assert [name for one in everywhere for name in one["Action"] if action(name).kinds] == []
    assert sum(len(one["Action"]) for one in everywhere) >= 5
