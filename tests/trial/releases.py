"""Prod's cluster with Argo Rollouts' controller: what is released step by step is, and Prometheus judges each step.

Steps that take minutes take seconds, as in tests/cluster/rollouts.py; the proxies' counters are pretended, and always good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import urllib3

from tests.cluster.controllers import always, rollouts_controller
from tests.cluster.rollouts import HASH, KINDS, Proxies, measured, quickened
from tests.mesh.manifests import Manifest
from tests.trial import updates, world
from tests.trial.standing import Standing, is_ready, nodes, standing

BEFORE = ("AnalysisTemplate", "DestinationRule", "Service", "VirtualService")
"""What a Rollout is not valid without, and its controller writes into."""


@contextmanager
def releasing(folder: Path, objects: Sequence[Manifest], workloads: Sequence[Manifest]) -> Iterator[Standing]:
    """All nodes, objects and workloads, with the Rollouts among these as they are rendered; nothing has been waited for."""
    with ExitStack() as stack:
        proxies, prometheus = measured(folder, stack)
        own = quickened(rollouts_and_theirs(objects), prometheus.url)
        before = [one for one in own if one["kind"] != world.ROLLOUT]
        stepped = world.with_steps(workloads, [one for one in own if one["kind"] == world.ROLLOUT])
        found = stack.enter_context(standing(folder, objects, nodes(), stepped, kinds=[*before, *KINDS], before=before))
        rollouts_controller(folder, stack, found.cluster.kubeconfig, ["--leader-elect=false"])
        wrong: list[Exception] = []
        with always(lambda: _count(found, proxies), wrong, every=0.5, passing=urllib3.exceptions.HTTPError):
            yield found
        if wrong:
            raise wrong[0]


def rollouts_and_theirs(objects: Sequence[Manifest]) -> list[Manifest]:
    """The Rollouts, and what is in their namespaces of the kinds that they stand on."""
    homes = {one["metadata"]["namespace"] for one in objects if one["kind"] == world.ROLLOUT}
    return [
        one for one in objects if one["kind"] in (*BEFORE, world.ROLLOUT) and one["metadata"].get("namespace") in homes
    ]


def _count(trial: Standing, proxies: Proxies) -> None:
    found = trial.listed(f"/api/v1/pods?labelSelector={HASH}")
    proxies.count([one for one in found if is_ready(one)])


def rollouts_of(trial: Standing) -> list[Manifest]:
    """As they are now."""
    return [one for one in updates.lasting(trial) if one["kind"] == world.ROLLOUT]
