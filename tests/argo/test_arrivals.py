"""The table that a walk prints, of a time line."""

from __future__ import annotations

from tests.argo.arrivals import arrivals

TIMELINE = """\
    2.0 s  eco2                             - - -
   20.2 s  eco2                             OutOfSync Healthy Running waits for /Namespace/argo-rollouts
   24.3 s  calico                           Synced Healthy -
   30.1 s  calico                           OutOfSync Healthy Running
   31.5 s  calico                           Synced Healthy Running
   33.0 s  calico                           Synced Healthy Succeeded
   40.0 s  grafana                          OutOfSync Missing Running
   44.0 s  eco2                             Synced Healthy Succeeded
"""


def test_each_application_has_the_moment_from_which_on_it_was_well() -> None:
    rows = [line.split() for line in arrivals(TIMELINE.splitlines(), {"calico": -60, "grafana": -1}).splitlines()]
    assert rows[1:] == [
        ["calico", "-60", "24.3", "31.5"],
        ["eco2", "2.0", "44.0"],
        ["grafana", "-1", "40.0", "-"],
    ]
