"""The `exchange.failover` section: how long the front door may be away (svc-gateway.md: 5분 이내에 동일한 환경으로 복구)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.settings.model import Section

LIMIT_SECONDS = 300
"""The document's five minutes."""

ALIAS_TTL_SECONDS = 60
"""Of a record that is an alias of a load balancer, and not to be set: Route 53's model has it (tests/witness/test_times.py).
Route 53's FAQ on failover says the same of load balancers and S3's websites (a copy, 2026-11-30), of distributions nobody does."""

AUTOSCALER_SECONDS = 10
"""Cluster Autoscaler looks for pods without a node every ten seconds: `--scan-interval`, its default (`DefaultScanInterval` in
kubernetes/autoscaler, cluster-autoscaler/config/const.go, 2026-11-30)."""

ADMISSION_SECONDS = 10
"""k8s-master looks for machines that want to join after so long (deploy/eco2/bootstrap/systemd/eco2-admission.timer)."""

LOOKS = 2
"""Of the master's that a new node waits for: one approves its certificate, one sets the label by which pods find it (ADR 21).

Its token it need not wait for: that is written while its packages are installed.
"""

Seconds = Annotated[int, Field(ge=1, le=LIMIT_SECONDS)]


@dataclass(frozen=True, kw_only=True)
class Summand:
    """A part of the time, and where its number is from."""

    what: str
    seconds: int
    source: str


class Failover(Section):
    """Who notices that the front door is away, how its name moves to the standby, and how its pods come again elsewhere."""

    checked_label: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)] = "exchange-edge"
    """Under eco2's domain: the name by which Route 53 looks at the way in. It never moves to the standby."""
    checked_every_seconds: Literal[10, 30] = 10
    """How often each of Route 53's checkers asks."""
    failures: Annotated[int, Field(ge=1, le=10)] = 3
    """How many answers in a row must fail."""
    moved_seconds: Seconds = 60
    """How long Route 53 may take to give its servers the other answer: as long as a changed record, which its model tells."""
    node_lost_seconds: Seconds = 50
    """When the control plane takes a silent node for lost: kube-controller-manager's `--node-monitor-grace-period`, its default."""
    pods_leave_seconds: Seconds = 30
    """How long a pod stays on a lost node: its toleration. Kubernetes' own default is 300, the five minutes alone."""
    launched_seconds: Seconds = 30
    """From the wish for an instance to the first line of its user data. Measured by others: 23 s until SSH answers."""
    prepared_seconds: Seconds = 40
    """How long the instance installs packages. Assumed: a drill measures it (docs/runbooks/exchange-failover-drill.md)."""
    look_seconds: Seconds = 5
    """How long one look of k8s-master for who wants to join takes. Assumed, as above."""
    network_mebibytes: Annotated[int, Field(ge=1, le=10_000)] = 240
    """What a new node fetches before it is ready: Calico's images."""
    network_seconds: Seconds = 10
    """From these images to a node that is ready. Assumed, as above."""
    image_mebibytes: Annotated[int, Field(ge=1, le=10_000)] = 250
    """What a new node fetches before a service's pod runs: its image and the proxy's."""
    pull_mebibytes_per_second: Annotated[int, Field(ge=1, le=1000)] = 25
    """How fast."""
    ready_seconds: Seconds = 30
    """From a pod's start to its first request: the proxy, the startup and the readiness probe."""

    @property
    def to_the_standby(self) -> tuple[Summand, ...]:
        """Until every client is answered by the standby."""
        return (
            Summand(
                what="noticed",
                seconds=self.checked_every_seconds * self.failures,
                source="failover.checked_every_seconds × failover.failures",
            ),
            Summand(what="moved", seconds=self.moved_seconds, source="failover.moved_seconds"),
            Summand(what="forgotten by resolvers", seconds=ALIAS_TTL_SECONDS, source="AWS: an alias' TTL"),
        )

    @property
    def to_the_same_environment(self) -> tuple[Summand, ...]:
        """Until pods of a lost node serve from a new one."""
        return (
            Summand(what="node taken for lost", seconds=self.node_lost_seconds, source="failover.node_lost_seconds"),
            Summand(what="pods leave it", seconds=self.pods_leave_seconds, source="failover.pods_leave_seconds"),
            Summand(
                what="a node is asked for", seconds=AUTOSCALER_SECONDS, source="Cluster Autoscaler's scan interval"
            ),
            Summand(what="instance starts", seconds=self.launched_seconds, source="failover.launched_seconds"),
            Summand(what="packages are there", seconds=self.prepared_seconds, source="failover.prepared_seconds"),
            Summand(
                what="node is let in",
                seconds=LOOKS * (ADMISSION_SECONDS + self.look_seconds),
                source=f"failover.look_seconds and the timer of k8s-master's admission.py, {LOOKS} times",
            ),
            Summand(
                what="network's images arrive",
                seconds=self._pulled(self.network_mebibytes),
                source="failover.network_mebibytes ÷ failover.pull_mebibytes_per_second",
            ),
            Summand(what="node is ready", seconds=self.network_seconds, source="failover.network_seconds"),
            Summand(
                what="images arrive",
                seconds=self._pulled(self.image_mebibytes),
                source="failover.image_mebibytes ÷ failover.pull_mebibytes_per_second",
            ),
            Summand(what="pods are ready", seconds=self.ready_seconds, source="failover.ready_seconds"),
        )

    def _pulled(self, mebibytes: int) -> int:
        return -(-mebibytes // self.pull_mebibytes_per_second)

    @model_validator(mode="after")
    def _within_the_five_minutes(self) -> Self:
        for way, summands in (("standby", self.to_the_standby), ("same environment", self.to_the_same_environment)):
            total = sum(one.seconds for one in summands)
            if total > LIMIT_SECONDS:
                shown = ", ".join(f"{one.what} {one.seconds} s" for one in summands)
                raise ValueError(
                    f"the {way} takes {total} s ({shown}): allowed: at most {LIMIT_SECONDS} (svc-gateway.md)"
                )
        return self
