"""A stack with workers for the mesh's tenants keeps every rule, as the stacks without them do."""

from __future__ import annotations

from pathlib import Path

from policy.catalog import ALL_RULES, NAMES
from policy.exemptions import load_exemptions
from policy.run import judge
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.judging import seen_by_rules
from tests.policy.test_rules import REVIEWED
from tests.stacks import ACCOUNT, REGION, changed_stack, program


def test_workers_for_tenants_break_no_rule(tmp_path: Path) -> None:
    """Objects included: the autoscaler comes with the group."""
    stack = changed_stack(tmp_path, "prod", {"platform.systems": ["eco2"], "eco2.tenant_workers": {"minimum": 1}})
    with open_cloud(region=REGION, account=ACCOUNT, manifests=tmp_path) as cloud:
        recording = run(program, stack, cloud)
    assert recording.one("Group")["minSize"] == 1
    judgement = judge(seen_by_rules(recording), rules=ALL_RULES, exemptions=load_exemptions(NAMES), today=REVIEWED)
    assert [f"{one.rule.name} {one.where}: {one.message}" for one in judgement.open] == []
