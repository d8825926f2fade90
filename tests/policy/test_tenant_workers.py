"""A stack with workers for the mesh's tenants keeps every rule, as the stacks without them do."""

from __future__ import annotations

import pytest

from policy.catalog import ALL_RULES, NAMES
from policy.exemptions import load_exemptions
from policy.run import judge
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording
from tests.policy.test_rules import REVIEWED
from tests.stacks import ACCOUNT, REGION, changed_stack, program
from tests.systems.eco2_account import statements
from tests.witness.iam_actions import action


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Objects included: the autoscaler comes with the group."""
    folder = tmp_path_factory.mktemp("tenants")
    stack = changed_stack(folder, "prod", {"platform.systems": ["eco2"], "eco2.tenant_workers": {"minimum": 1}})
    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder) as cloud:
        return run(program, stack, cloud)


def test_workers_for_tenants_break_no_rule(recording: Recording) -> None:
    assert recording.one("Group")["minSize"] == 1
    judgement = judge(seen_by_rules(recording), rules=ALL_RULES, exemptions=load_exemptions(NAMES), today=REVIEWED)
    assert [f"{one.rule.name} {one.where}: {one.message}" for one in judgement.open if one.rule.mandatory] == []


def test_what_the_autoscaler_may_do_to_everything_aws_decides_on_no_resource(recording: Recording) -> None:
    everywhere = [one for one in statements(recording, "cluster-autoscaler") if one["Resource"] == ["*"]]
    assert [name for one in everywhere for name in one["Action"] if action(name).kinds] == []
    assert sum(len(one["Action"]) for one in everywhere) >= 5
