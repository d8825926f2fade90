"""Times that the failover's arithmetic adds up, beside those who set them: Route 53's model, Kubernetes' own programs."""

from __future__ import annotations

import re
import subprocess
from typing import get_args

import pytest

from infra.settings.exchange_failover import ALIAS_TTL_SECONDS, Failover
from tests.tools import required_tool
from tests.witness.botocore import told, told_of


def of_a_check(name: str) -> tuple[int, int]:
    """The least and the most that Route 53 takes for a health check."""
    shape, _ = told("route53", "CreateHealthCheck", f"HealthCheckConfig.{name}")
    return shape["min"], shape["max"]


def test_a_check_asks_as_often_as_route_53_lets_it() -> None:
    least, most = of_a_check("RequestInterval")
    assert {*get_args(Failover.model_fields["checked_every_seconds"].annotation)} == {least, most}


def test_as_many_failures_can_be_waited_for_as_route_53_counts() -> None:
    bounds = Failover.model_json_schema()["properties"]["failures"]
    assert (bounds["minimum"], bounds["maximum"]) == of_a_check("FailureThreshold")


def test_route_53_gives_its_servers_a_change_in_the_time_that_is_reckoned_with() -> None:
    (seconds,) = re.findall(
        r"propagate to all Route 53 name servers managing the hosted zone within (\d+) seconds",
        told_of("route53", "ChangeResourceRecordSets"),
    )
    assert Failover().moved_seconds == int(seconds)


def test_an_alias_of_a_load_balancer_is_kept_as_long_as_its_ttl() -> None:
    _, prose = told("route53", "ChangeResourceRecordSets", "ChangeBatch.Changes.ResourceRecordSet.TTL")
    (seconds,) = re.findall(r"Values other than (\d+) seconds \(the TTL for load balancers\)", prose)
    assert int(seconds) == ALIAS_TTL_SECONDS


@pytest.mark.verify
@pytest.mark.parametrize(
    ("program", "flag", "default"),
    [
        ("kube-controller-manager", "node-monitor-grace-period", f"{Failover().node_lost_seconds}s"),
        ("kube-apiserver", "default-unreachable-toleration-seconds", "300"),
    ],
)
def test_kubernetes_waits_as_long_for_a_silent_node_and_then_for_its_pods(
    program: str, flag: str, default: str
) -> None:
    said = subprocess.run([required_tool(program), "--help"], capture_output=True, text=True, check=True).stdout
    (found,) = re.findall(rf"--{flag} \S+ .*?\(default (\S+)\)", " ".join(said.split()))
    assert found == default
