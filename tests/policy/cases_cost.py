"""What the rules on cost must find, once the real stack is spoiled in that one place."""

from __future__ import annotations

from policy.aws_types import AUTO_SCALING_GROUP, INSTANCE
from tests.policy.broken import Broken

CASES: tuple[Broken, ...] = (
    Broken(
        rule="cost-budget", type=AUTO_SCALING_GROUP, name="wealist-backend-asg",
        change={"desiredCapacity": 100}, on="wealist-backend-asg",
    ),
    Broken(
        rule="cost-known", type=INSTANCE, name="eco2-k8s-redis-instance",
        change={"instanceType": "z1d.metal"}, on="eco2-k8s-redis-instance",
    ),
)  # fmt: skip
