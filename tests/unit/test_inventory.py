"""What is recorded of charts that no package has agrees with itself."""

from __future__ import annotations

import json

from tests.inventory import record, record_pods

BUDGET = "PodDisruptionBudget"


def test_who_brings_a_disruption_budget_has_it_recorded() -> None:
    """For who drains a node (`python -m tests.inventory.record_pods`)."""
    charts, pods = json.loads(record.FILE.read_text())["charts"], json.loads(record_pods.FILE.read_text())
    bring = {release for release, one in charts.items() if f"policy/v1/{BUDGET}" in one["kinds"]}
    recorded = {release for release, found in pods.items() if any(one["kind"] == BUDGET for one in found)}
    assert bring == recorded != set()
