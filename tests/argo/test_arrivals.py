"""The table that a walk prints, of a time line."""

from __future__ import annotations

from tests.argo.arrivals import Look, arrivals

TIMELINE = [
    Look(seconds=seconds, name=name, said=said, well=well)
    for seconds, name, said, well in (
        (2.0, "eco2", "- - -", False),
        (20.2, "eco2", "OutOfSync Healthy Running waits for /Namespace/argo-rollouts", False),
        (24.3, "calico", "Synced Healthy -", True),
        (30.1, "calico", "OutOfSync Healthy Running", False),
        (31.5, "calico", "Synced Healthy Succeeded", True),
        (33.0, "calico", "Synced Healthy Succeeded", True),
        (40.0, "grafana", "OutOfSync Missing Running", False),
        (44.0, "eco2", "Synced Healthy Succeeded", True),
    )
]


def test_each_application_has_the_moment_from_which_on_it_was_well() -> None:
    rows = [line.split() for line in arrivals(TIMELINE, {"calico": -60, "grafana": -1}).splitlines()]
    assert rows[1:] == [
        ["calico", "-60", "24.3", "31.5"],
        ["eco2", "2.0", "44.0"],
        ["grafana", "-1", "40.0", "-"],
    ]
