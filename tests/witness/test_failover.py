"""What the exchange's failover adds up, held to the programs that it takes for granted."""

from __future__ import annotations

import re
import subprocess

import pytest

from infra.settings.exchange_failover import Failover
from tests.tools import required_tool

pytestmark = pytest.mark.verify


def test_a_silent_node_is_taken_for_lost_after_the_controllers_own_default() -> None:
    command = [str(required_tool("kube-controller-manager")), "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (default,) = re.findall(r"--node-monitor-grace-period duration .*?\(default (\d+)s\)", said, re.DOTALL)
    assert int(default) == Failover().node_lost_seconds
