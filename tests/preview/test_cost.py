"""What a change costs: before and after, and the three changes that cost most."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from policy import configured
from rehearsal.preview.comparison import compare
from rehearsal.preview.cost import CostOfChange, cost_of
from rehearsal.preview.markdown import comment
from rehearsal.preview.page import page_of
from rehearsal.preview.snapshot import Snapshot
from tests.preview.changes import Edit, added, edited, find, removed, renamed, together, with_
from tests.stacks import ROOT

NAT = ("NatGateway", "eco2-network-nat-a")
HOURS = 730
GROWN = together(
    added(*NAT, "eco2-network-nat-c", {}),
    edited("Instance", "eco2-k8s-redis-instance", {"instanceType": "t3.large"}),
    edited("Instance", "wealist-database-instance", {"multiAz": False}),
    removed("MetricAlarm", "wealist-alarms-database-cpu"),
    edited("Instance", "eco2-k8s-worker-ai-instance", {"rootBlockDevice.volumeSize": 80}),
)


def cost(old: Snapshot, edit: Edit) -> CostOfChange:
    found = cost_of(compare("prod", old, edit(old)))
    assert found
    return found


def said(old: Snapshot, edit: Edit) -> str:
    return comment(page_of("main", [compare("prod", old, edit(old))], [], []), "`x`")


def test_a_change_of_nothing_costs_nothing(stack: Snapshot) -> None:
    found = cost(stack, lambda one: one)
    assert found.changes == ()
    assert found.before == found.after > 0
    assert "a month, by estimate" not in said(stack, lambda one: one)


@pytest.mark.parametrize(
    ("edit", "usd"),
    [
        (edited("Instance", "eco2-k8s-redis-instance", {"instanceType": "t3.large"}), HOURS * (0.104 - 0.052)),
        (added(*NAT, "eco2-network-nat-c", {}), HOURS * 0.059 + 100 * 0.059),
        (removed("Eip", "eco2-network-nat-eip-a"), -HOURS * 0.005),
        (edited("StatefulSet", "eco2-data-redis-statefulset", {"spec.replicas": 2}), 10 * 0.0912),
        (edited("LaunchTemplate", "wealist-backend-template", {"instanceType": "t3.medium"}), 2 * HOURS * 0.026),
        (edited("Instance", "wealist-database-instance", {"backupWindow": "01:00-02:00"}), 0),
    ],
    ids=["larger", "added", "removed", "volumes of a cluster", "machines of a group", "no other price"],
)
def test_a_change_costs_the_difference(stack: Snapshot, edit: Edit, usd: float) -> None:
    assert cost(stack, edit).usd == pytest.approx(usd)


def test_what_goes_on_under_another_name_costs_what_it_did(stack: Snapshot) -> None:
    for alias in (True, False):
        assert cost(stack, renamed("Instance", "wealist-database-instance", "wealist-store", alias=alias)).changes == ()


def test_the_three_that_cost_most_come_first_and_the_others_together(stack: Snapshot) -> None:
    """docs/preview.md shows this one."""
    text = said(stack, GROWN)
    section = re.search(r"### What it costs a month, by estimate \(1\)\n\n(.*?)\n\n", text, re.DOTALL)
    assert section
    lines = section[1].splitlines()
    assert [re.sub(r"[^`]*`([^`]+)`.*", r"\1", line) for line in lines[1:4]] == [
        "eco2-network-nat-c", "eco2-k8s-redis-instance", "wealist-database-instance",
    ]  # fmt: skip
    assert lines[1].startswith("  - +$49: ")
    assert lines[3].startswith("  - −$23: ")
    assert lines[4] == "  - +$3.55: 2 more"
    before, after = re.findall(r"\$([\d,]+)", lines[0])[:2]
    assert int(after.replace(",", "")) - int(before.replace(",", "")) == pytest.approx(cost(stack, GROWN).usd, abs=1)
    assert f"| ${before} → ${after} |" in text
    page = (ROOT / "docs" / "preview.md").read_text()
    for line in lines[1:]:
        assert line in page


def test_the_figures_of_the_page_are_about_todays(stack: Snapshot) -> None:
    """To a tenth: every resource that is added changes them a little."""
    page, today = (ROOT / "docs" / "preview.md").read_text(), cost(stack, GROWN)
    table = re.search(r"^\| `prod` .* \| \$([\d,]+) \|$", page, re.MULTILINE)
    before, after = re.findall(r"- prod: \$([\d,]+) → \$([\d,]+)", page)[0]
    assert f"ends with `${before} → ${after}`" in page
    for written, now in ((table[1], today.before), (before, today.before), (after, today.after)):  # type: ignore[index]
        assert int(written.replace(",", "")) == pytest.approx(now, rel=0.1), f"write ${now:,.0f} instead of ${written}"


def test_what_has_no_price_is_said(stack: Snapshot) -> None:
    text = said(stack, edited("Instance", "eco2-k8s-redis-instance", {"instanceType": "z1d.metal"}))
    assert "Not counted: `eco2-k8s-redis-instance: there is no price of ec2.z1d.metal in ap-northeast-2`" in text


def test_a_new_stack_costs_all_of_it(stack: Snapshot) -> None:
    from rehearsal.preview.snapshot import EMPTY

    found = cost_of(compare("prod", EMPTY, stack))
    assert found
    assert found.before == 0
    assert found.usd == found.after == cost(stack, lambda one: one).after


def test_a_stack_of_which_nothing_is_known_has_no_estimate(stack: Snapshot) -> None:
    configured.forget()
    compared = compare("nowhere", stack, stack)
    assert cost_of(compared) is None
    assert "| not known |" in comment(page_of("main", [compared], [], []), "`x`")


def test_a_hostile_name_is_shown_literally(stack: Snapshot) -> None:
    machine = find(stack, "Instance", "eco2-k8s-redis-instance")
    name = "`` @everyone [x](http://evil.example) |"
    edit = lambda one: with_(one, replace(machine, name=name, inputs={**machine.inputs, "instanceType": "t3.large"}))  # noqa: E731
    assert "``` `` @everyone" in said(stack, edit)
