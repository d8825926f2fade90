"""Life goes on: nodes are drained by the runbooks' own commands and come back, and everything is updated where it stands.

The controllers, Argo Rollouts' among them, the scheduler, Prometheus and `kubectl` are the real ones; kwok plays kubelets.
What the runbooks promise must happen, to every workload and on every node that there is: a new one is among them by itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from infra.systems.eco2.bootstrap import CONTROL_PLANE
from infra.systems.eco2.document import NODES
from policy.cluster_pods import asked
from rehearsal.recording import Recording
from tests.mesh.manifests import Manifest
from tests.trial import counted, updates, world
from tests.trial.releases import releasing, rollouts_of
from tests.trial.runbooks import LOSS, STUCK, UPDATE, UPGRADE, crowded_of, drain_of, kubectl, text_of
from tests.trial.standing import PATIENCE, TENANTS, Standing, eventually, reference

pytestmark = pytest.mark.judges

MASTER = next(one.name for one in NODES if one.role == CONTROL_PLANE)
WORKERS = [one.name for one in NODES if one.name != MASTER]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, objects: list[Manifest]) -> Iterator[Standing]:
    workloads = world.workloads(tmp_path_factory.mktemp("injection"), objects)
    everything = [*objects, *world.budgets(objects)]
    with releasing(tmp_path_factory.mktemp("life"), everything, workloads) as running:
        running.settle()
        yield running


def pods_of(trial: Standing, workload: Manifest) -> list[Manifest]:
    return [one for one in trial.pods() if trial.workload_of(one) == reference(workload)]


def uids(pods: Sequence[Manifest]) -> set[str]:
    return {one["metadata"]["uid"] for one in pods}


def test_releases_have_the_pods_that_their_autoscaler_or_the_document_says_and_a_budget(
    trial: Standing, objects: list[Manifest]
) -> None:
    """Made by Argo Rollouts' controller, and bound by the scheduler."""
    rendered = {reference(one): one["spec"].get("replicas") for one in objects if one["kind"] == world.ROLLOUT}
    scaled = {
        f"{one['metadata']['namespace']}/{one['spec']['scaleTargetRef']['name']}": one["spec"]["minReplicas"]
        for one in objects
        if one["kind"] == world.AUTOSCALER
    }
    wanted = {name: replicas or scaled[name] for name, replicas in rendered.items()}
    sets = {one["metadata"]["uid"]: one for one in trial.listed("/apis/apps/v1/replicasets")}
    made = Counter(
        f"{one['metadata']['namespace']}/{owner['name']}"
        for one in trial.pods()
        for by in one["metadata"].get("ownerReferences", ())
        for owner in sets.get(by["uid"], {"metadata": {}})["metadata"].get("ownerReferences", ())
        if owner["kind"] == world.ROLLOUT and one["spec"].get("nodeName") in TENANTS
    )
    assert made == wanted
    expected = {
        f"{one['metadata']['namespace']}/{one['metadata']['name']}": one["status"]["expectedPods"]
        for one in trial.listed(BUDGETS)
    }
    assert {name: expected.get(name) for name in wanted} == wanted


def test_make_up_reckons_with_the_pods_that_run(trial: Standing, prod: Recording) -> None:
    """As many of each workload, as great, and on the same documented nodes."""
    assert counted.summed(counted.running(trial)) == counted.summed(counted.reckoned(prod))


CROWDED = sorted(crowded_of(UPGRADE))
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"


def test_the_two_runbooks_drain_alike() -> None:
    assert drain_of(UPGRADE) == drain_of(LOSS) == ["--ignore-daemonsets", "--delete-emptydir-data"]
    assert crowded_of(UPGRADE) == crowded_of(LOSS) != set()


def test_every_budget_lets_one_pod_go_while_all_are_well(trial: Standing) -> None:
    budgets = trial.listed(BUDGETS)
    assert len(budgets) > 15
    stuck = [reference(one) for one in budgets if one["status"]["disruptionsAllowed"] < 1]
    assert stuck == []


@pytest.fixture
def one_unready(trial: Standing) -> Iterator[dict[str, tuple[Manifest, list[Manifest]]]]:
    """A pod of each budget that is not ready any more, with the others of it."""
    found = {}
    for budget in trial.listed(BUDGETS):
        about, labels = budget["metadata"], budget["spec"]["selector"]["matchLabels"]
        first, *others = [
            one
            for one in trial.pods()
            if one["metadata"]["namespace"] == about["namespace"]
            and labels.items() <= one["metadata"]["labels"].items()
        ]
        found[reference(budget)] = first, others
        trial.patch(updates.path_of_pod(first), {"metadata": {"labels": {updates.UNREADY: "true"}}})

    def seen(are: bool) -> bool:
        short = [one["status"]["currentHealthy"] < one["status"]["expectedPods"] for one in trial.listed(BUDGETS)]
        return all(one == are for one in short)

    eventually(lambda: seen(True), "the budgets to miss one each")
    yield found
    for first, _ in found.values():
        trial.patch(updates.path_of_pod(first), {"metadata": {"labels": {updates.UNREADY: None}}})
    eventually(lambda: seen(False), "all to be ready again")


def may_go(trial: Standing, pod: Manifest) -> bool:
    """Whether a drain would be let take it away now; nothing is."""
    about = {key: pod["metadata"][key] for key in ("name", "namespace")}
    asked = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": about,
        "deleteOptions": {"dryRun": ["All"]},
    }
    verdict = trial.server.request("POST", f"{updates.path_of_pod(pod)}/eviction", asked)
    assert verdict.status in (201, 429), verdict.message
    return verdict.status == 201


def test_while_a_pod_is_not_ready_a_drain_may_take_it_and_no_other(
    trial: Standing, one_unready: dict[str, tuple[Manifest, list[Manifest]]]
) -> None:
    assert any(others for _, others in one_unready.values())
    held = [
        name
        for name, (first, _) in one_unready.items()
        # The master is never drained: nobody moves what has its one pod there.
        if first["spec"]["nodeName"] != MASTER and not may_go(trial, first)
    ]
    let_go = [name for name, (_, others) in one_unready.items() if any(may_go(trial, one) for one in others)]
    assert (held, let_go) == ([], [])


@pytest.mark.parametrize("node", [*WORKERS, *TENANTS])
def test_a_node_is_drained_as_the_runbook_says_and_comes_back(trial: Standing, node: str) -> None:
    """Nobody else's pods are touched, its own wait for it or go elsewhere, and what they keep is theirs again."""
    options = [*drain_of(UPGRADE), *(["--disable-eviction"] if node in CROWDED else [])]
    before, kept = trial.where(), trial.claims()
    assert trial.pods_on(node)
    try:
        done = kubectl(trial, "drain", node, *options, f"--timeout={PATIENCE:.0f}s")
        assert done.returncode == 0, done.stderr
        assert trial.pods_on(node) == []
        assert {uid for uid, on in before.items() if on != node} <= trial.where().keys()
    finally:
        assert kubectl(trial, "uncordon", node).returncode == 0
        trial.settle()
    assert trial.pods_on(node) or node in TENANTS
    assert trial.claims() == kept


@pytest.mark.parametrize("node", CROWDED)
def test_a_runbook_goes_past_a_budget_only_where_it_must(trial: Standing, node: str) -> None:
    """Two pods of one budget are there, and can be nowhere else: the first one waits for the node, and the other may not go."""
    try:
        done = kubectl(trial, "drain", node, *drain_of(UPGRADE), "--timeout=10s")
        assert done.returncode != 0
        assert "violate the pod's disruption budget" in done.stderr
    finally:
        assert kubectl(trial, "uncordon", node).returncode == 0
        trial.settle()


def test_every_workload_is_updated_on_nodes_with_room_for_one_pod(trial: Standing) -> None:
    """One after the other on each node, beside what leaves room for the greatest of its pods; nobody else's are touched.

    The tenants' workers have their own room: there the autoscaler brings more. Releases step by step have a test of their own.
    """
    mine = [one for one in updates.lasting(trial) if one["kind"] != world.ROLLOUT]
    with updates.filled(trial, [MASTER, *WORKERS]):
        for each in updates.rounds(trial, mine):
            before = trial.where()
            old = uids([pod for one in each for pod in pods_of(trial, one)])
            for one in each:
                updates.change(trial, one, metadata={"annotations": {"trial/version": "next"}})
            trial.settle()
            after = trial.where().keys()
            assert not old & after
            assert before.keys() - old <= after


def test_a_release_waits_for_room_and_needs_that_of_one_pod_on_each_tenants_worker(trial: Standing) -> None:
    """At its last step there are as many new pods as old ones, each on a node of its own."""
    for one in rollouts_of(trial):
        others = trial.where().keys() - (old := uids(pods_of(trial, one)))
        with updates.filled(trial, [*TENANTS], asked(one["spec"]["template"]["spec"])):
            with updates.filled(trial, [*TENANTS], {"cpu": 0, "memory": 0}):
                updates.change(trial, one, metadata={"annotations": {"trial/version": "where there is room"}})
                eventually(lambda: any("Insufficient" in said for said in trial.why_pending()), "a pod to wait")
                assert trial.serving()[reference(one)] == len(old)
            trial.settle()
        now = uids(pods_of(trial, one))
        assert (len(now), now & old) == (len(old), set())
        assert others <= trial.where().keys()


def test_everything_can_be_updated_at_once(trial: Standing) -> None:
    """The worst that can happen: every node has one pod more of each. A Deployment's new pod has room beside the old one, all of a
    Rollout's have in the end; a StatefulSet's, whose old one goes first, comes back. A DaemonSet's old pod goes first too, and the
    new one asks for the same."""
    for kind in updates.PLURALS:
        mine = [one for one in updates.lasting(trial) if one["kind"] == kind]
        assert mine
        for one in mine:
            updates.change(trial, one, metadata={"annotations": {"trial/version": "after next"}})
        trial.settle()


def unready(trial: Standing) -> Counter[str]:
    """How many pods of each workload's new version there are."""
    return Counter(
        trial.workload_of(one) for one in trial.pods() if updates.UNREADY in one["metadata"].get("labels", {})
    )


def wait_for_all_to_be_seen(trial: Standing, them: Sequence[Manifest]) -> None:
    """Until their controllers have looked at each as it is."""
    eventually(lambda: all(updates.is_seen(trial.get(updates.path_of(one))) for one in them), "all seen")


@pytest.fixture
def failing(trial: Standing) -> Iterator[list[Manifest]]:
    """Every workload while its new version does not get ready; taken back at the end, as the runbook says."""
    mine = updates.lasting(trial)
    for one in mine:
        updates.change(trial, one, metadata={"labels": {updates.UNREADY: "true"}})
    names = {reference(one) for one in mine}
    eventually(lambda: unready(trial).keys() >= names, "a new pod of each")
    yield mine
    for one in mine:
        updates.change(trial, one, metadata={"labels": {updates.UNREADY: None}})
    wait_for_all_to_be_seen(trial, mine)
    assert "kubectl --namespace <namespace> delete pod <pod>" in text_of(UPDATE)
    left = [one["metadata"] for one in trial.pods() if updates.UNREADY in one["metadata"]["labels"]]
    stuck = [one for one in left if any(owner["kind"] == "StatefulSet" for owner in one["ownerReferences"])]
    assert stuck, "StatefulSets go back by themselves: the runbook need not say how"
    for one in stuck:
        assert kubectl(trial, "--namespace", one["namespace"], "delete", "pod", one["name"]).returncode == 0
    trial.settle()


def test_an_update_that_does_not_get_ready_stops_and_the_old_pods_go_on(
    trial: Standing, failing: list[Manifest]
) -> None:
    # Asked again, the controllers take no further step.
    for one in failing:
        trial.patch(updates.path_of(one), {"spec": updates.ASKED_AGAIN[one["kind"]]})
    wait_for_all_to_be_seen(trial, failing)
    ready = trial.serving()
    fewer = {
        reference(one): (ready[reference(one)], updates.wanted(one))
        for one in failing
        if ready[reference(one)] < updates.wanted(one) - updates.may_be_away(one)
    }
    assert fewer == {}
    silent = {reference(one) for one in failing if not ready[reference(one)]}
    assert silent == {reference(one) for one in failing if updates.wanted(one) == updates.may_be_away(one)}
    told = set(re.findall(r"`([a-z0-9-]+)`", text_of(UPDATE)))
    assert {one for one in silent if one.partition("/")[2] not in told} == set()


@pytest.fixture(scope="module")
def given_up(trial: Standing) -> Iterator[list[Manifest]]:
    """Every Rollout once its new pods were not ready in time; brought back at the end, as the runbook says."""
    assert "Put the release before into the stack file" in text_of(STUCK)
    mine = rollouts_of(trial)
    for one in mine:
        trial.patch(updates.path_of(one), {"spec": {"progressDeadlineSeconds": SOON}})
        updates.change(trial, one, metadata={"labels": {updates.UNREADY: "true"}})
    eventually(lambda: all(is_taken_back(trial, one) for one in mine), "each to be given up")
    eventually(lambda: not unready(trial), "its pods to go")
    yield mine
    for one in mine:
        updates.change(trial, one, metadata={"labels": {updates.UNREADY: None}})
    trial.settle()
    for one in mine:
        trial.patch(updates.path_of(one), {"spec": {"progressDeadlineSeconds": one["spec"]["progressDeadlineSeconds"]}})


SOON = 20
"""Seconds after which a release is given up: here alone, of pods that never get ready."""


def is_taken_back(trial: Standing, rollout: Manifest) -> bool:
    """Whether its controller has written its last word of that."""
    said = str(trial.get(updates.path_of(rollout))["status"].get("message"))
    return said.startswith("RolloutAborted")


def test_a_release_that_is_not_ready_in_time_is_given_up_and_the_old_pods_go_on(
    trial: Standing, given_up: list[Manifest]
) -> None:
    ready = trial.serving()
    assert {reference(one): ready[reference(one)] for one in given_up} == {
        reference(one): updates.wanted(one) for one in given_up
    }


def test_that_its_pods_were_not_ready_is_found_where_the_runbook_says(
    trial: Standing, given_up: list[Manifest]
) -> None:
    """Not in the Rollout, whose message loses the reason a moment later."""
    assert "It ends in `aborted update to revision <n>`? Then they did not get ready in time" in text_of(STUCK)
    said = [trial.get(updates.path_of(one))["status"]["message"] for one in given_up]
    assert [one for one in said if not re.search(r"aborted update to revision \d+$", one)] == []
    assert "`kubectl --namespace gateway get events --field-selector reason=RolloutAborted`" in text_of(STUCK)
    for one in given_up:
        about = one["metadata"]
        found = kubectl(
            trial, "--namespace", about["namespace"], "get", "events", "--field-selector", "reason=RolloutAborted"
        )
        assert re.search(rf"{about['name']}\b.* has timed out progressing", found.stdout), found.stdout
