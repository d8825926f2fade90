"""A new release on Argo Rollouts' real controller: all steps when it is good, back when it is not, and no further unseen.

Every test settles the services that it releases, and gives each release an image of its own: none hangs on what ran before it.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from infra.systems.exchange.document import NAMESPACE as GATEWAY
from infra.systems.gateway_lab.document import HOME as LAB
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.cluster.release_rights import rights
from tests.cluster.rollouts import ARGO, BACK, CONTROLLER, PATIENCE, Answers, World, world
from tests.mesh.manifests import Manifest
from tests.mesh.processes import wait_until
from tests.stacks import ROOT
from tests.tools import required_tool

pytestmark = pytest.mark.judges

KINDS = {
    "AnalysisTemplate",
    "DestinationRule",
    "ResourceQuota",
    "Rollout",
    "Service",
    "ServiceAccount",
    "VirtualService",
}
TRADING, WALLET, RISK, USER = "svc-trading-api", "svc-wallet", "svc-risk-control", "user-service"
VICTIM = "victim"
SOON = 20
"""Seconds after which a release is given up whose pods do not get ready: here alone, where every other has PATIENCE."""


@pytest.fixture(scope="module")
def objects(prod: Recording) -> list[Manifest]:
    """What prod renders for the two tenants whose releases come step by step, and their fences."""
    found = [(one.name, reveal(one.inputs)) for one in prod if one.custom and one.type.startswith("kubernetes:")]
    own = [one for _, one in found if one["kind"] in KINDS and one["metadata"].get("namespace") in (GATEWAY, LAB)]
    return [*(one for name, one in found if "-fence-" in name), *own]


@pytest.fixture(scope="module")
def standing(objects: list[Manifest], prod: Recording, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The controller has the rights of its own account, as they are rendered."""
    with world(tmp_path_factory.mktemp("rollouts"), objects, rights(prod)) as running:
        yield running
        refused = [line for line in running.controller.text().splitlines() if "is forbidden" in line]
        assert [line for line in refused if f'"{VICTIM}-' not in line] == []


def release(world: World, service: str, what: str, answers: Answers | None) -> str:
    """A new release of a service of the exchange's that is settled: its image."""
    image = world.image_of(service, what)
    world.release(GATEWAY, service, image, answers)
    return image


def test_a_good_release_goes_through_every_step(standing: World) -> None:
    standing.settle((GATEWAY, TRADING))
    image = release(standing, TRADING, "good", Answers())
    standing.wait_for(GATEWAY, TRADING, "Healthy", "Degraded")
    assert standing.phase(GATEWAY, TRADING) == "Healthy"
    standing.wait_for_image(GATEWAY, TRADING, image)
    for found in standing.seen(TRADING, BACK):
        steps = [one for one in found if one not in ((0, 100), BACK)]
        assert steps == [(90, 10), (70, 30), (40, 60)]


def test_a_release_over_the_budget_of_errors_is_taken_back(standing: World) -> None:
    standing.settle((GATEWAY, WALLET))
    before = standing.image(GATEWAY, WALLET)
    bad = release(standing, WALLET, "bad", Answers(failed=0.05))
    standing.wait_for(GATEWAY, WALLET, "Degraded")
    assert standing.verdicts(GATEWAY, WALLET)["errors"] == "Failed"
    assert standing.image(GATEWAY, WALLET) == before != bad
    for found in standing.seen(WALLET, BACK):
        assert found == [BACK, (90, 10), BACK]


def test_a_slow_release_is_taken_back(standing: World) -> None:
    standing.settle((GATEWAY, TRADING))
    before = standing.image(GATEWAY, TRADING)
    release(standing, TRADING, "slow", Answers(slow=0.2))
    standing.wait_for(GATEWAY, TRADING, "Degraded")
    assert standing.verdicts(GATEWAY, TRADING)["latency"] == "Failed"
    assert standing.image(GATEWAY, TRADING) == before


def test_a_release_of_which_nothing_is_heard_goes_no_further(standing: World) -> None:
    standing.settle((GATEWAY, RISK))
    release(standing, RISK, "silent", None)
    standing.wait_for(GATEWAY, RISK, "Paused", "Degraded", "Healthy")
    assert standing.phase(GATEWAY, RISK) == "Paused"
    assert standing.verdicts(GATEWAY, RISK)["requests"] == "Inconclusive"
    for found in standing.seen(RISK, (90, 10)):
        assert found == [BACK, (90, 10)]


def test_a_release_is_taken_back_when_prometheus_does_not_answer(standing: World) -> None:
    """Who judges is away: five times in a row is as bad as over the budget, and all requests are at the old release again."""
    standing.settle((GATEWAY, WALLET))
    before = standing.image(GATEWAY, WALLET)
    with standing.prometheus.away():
        release(standing, WALLET, "good", Answers())
        standing.wait_for(GATEWAY, WALLET, "Degraded")
        assert "Error" in standing.verdicts(GATEWAY, WALLET).values()
        for found in standing.seen(WALLET, BACK):
            assert found == [BACK, (90, 10), BACK]
        assert standing.image(GATEWAY, WALLET) == before


def test_a_release_whose_pods_do_not_get_ready_gets_no_request_and_is_given_up(standing: World) -> None:
    """Also after one that was taken back, of which nothing is left."""
    standing.settle((GATEWAY, TRADING))
    release(standing, TRADING, "bad", Answers(failed=0.5))
    standing.wait_for(GATEWAY, TRADING, "Degraded")
    standing.settle((GATEWAY, TRADING))
    path = f"{ARGO}/namespaces/{GATEWAY}/rollouts/{TRADING}"
    standing.patch(path, {"spec": {"progressDeadlineSeconds": SOON}})
    try:
        release(standing, TRADING, "never-ready", Answers())
        standing.wait_for(GATEWAY, TRADING, "Degraded")
        for found in standing.seen(TRADING, BACK):
            assert found == [BACK]
    finally:
        standing.patch(path, {"spec": {"progressDeadlineSeconds": int(PATIENCE)}})


def test_a_bad_release_is_taken_back_while_a_pod_of_the_old_one_is_away(standing: World) -> None:
    """As when a node is lost meanwhile: who must be rescued is not waited for."""
    standing.settle((GATEWAY, TRADING))
    before = standing.image(GATEWAY, TRADING)
    release(standing, TRADING, "bad", Answers(failed=0.5))
    standing.seen(TRADING, (90, 10))
    standing.away(GATEWAY, before)
    standing.wait_for(GATEWAY, TRADING, "Degraded")
    for found in standing.seen(TRADING, BACK):
        assert found == [BACK, (90, 10), BACK]


def test_every_pod_of_the_old_release_is_there_until_the_end(standing: World) -> None:
    standing.settle((GATEWAY, TRADING))
    before = standing.image(GATEWAY, TRADING)
    release(standing, TRADING, "bad", Answers(failed=0.5))
    standing.wait_for(GATEWAY, TRADING, "Degraded")
    old = [one for one in standing.pods(GATEWAY, TRADING) if one["spec"]["containers"][0]["image"] == before]
    assert len(old) == standing.rollout(GATEWAY, TRADING)["spec"]["replicas"]


def test_the_labs_shares_stay_while_the_user_services_own_is_shifted(standing: World) -> None:
    standing.settle((LAB, USER))
    image = standing.image_of(USER, "good")
    standing.release(LAB, USER, image, Answers())
    standing.wait_for(LAB, USER, "Healthy", "Degraded")
    standing.wait_for_image(LAB, USER, image)
    standing.seen(USER)
    for kind in ("reads", "writes"):
        found = standing.since("gateway-lab-vs", f"user-service-{kind}")
        assert {weights[2] for weights in found} == {20}
        assert [one for one in found if one[1] not in (0, 100)] == [(72, 8, 20), (56, 24, 20), (32, 48, 20)]
        assert (found[0], found[-1]) == ((80, 0, 20), (80, 0, 20))
        by_name = standing.since("gateway-lab-vs", f"user-service-user-service-by-name-{kind}")
        assert [one for one in by_name if one[1] not in (0, 100)] == [(92, 8), (76, 24), (52, 48)]


def test_what_is_under_way_is_not_anothers_affair(standing: World) -> None:
    """Three Rollouts write into one VirtualService, and none into a route of another's."""
    standing.settle((GATEWAY, TRADING), (GATEWAY, WALLET), (GATEWAY, RISK))
    for service in (TRADING, WALLET):
        release(standing, service, "silent", None)
    for service in (TRADING, WALLET):
        standing.wait_for(GATEWAY, service, "Paused")
        assert {tuple(found) for found in standing.seen(service, (90, 10))} == {(BACK, (90, 10))}
    assert {tuple(found) for found in standing.seen(RISK, BACK)} == {(BACK,)}
    products = [found for (_, route), found in standing.weights.items() if "product-service" in route]
    assert {weights for found in products for weights in found} == {(100,)}


class TestRunbook:
    """docs/runbooks/stuck-release.md, as it is typed."""

    @staticmethod
    def typed(standing: World, number: int, service: str) -> str:
        text = (ROOT / "docs/runbooks/stuck-release.md").read_text()
        blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
        lines = [line for block in blocks for line in block.splitlines()]
        command = shlex.split(lines[number].replace("svc-wallet", service))
        assert command.pop(0) == "kubectl"
        kubectl = [str(required_tool("kubectl")), f"--kubeconfig={standing.folder / 'kubeconfig'}"]
        done = subprocess.run([*kubectl, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @pytest.fixture
    def waiting(self, standing: World) -> World:
        """The risk service's release waits for a person."""
        standing.settle((GATEWAY, RISK))
        release(standing, RISK, "silent", None)
        standing.wait_for(GATEWAY, RISK, "Paused")
        # What it writes last: a person's patch just before that is overlooked (the runbook says what helps).
        wait_until(lambda: standing.condition(GATEWAY, RISK, "Paused") == "True", "it to say so", patience=PATIENCE)
        return standing

    def test_where_it_is(self, waiting: World) -> None:
        assert "Paused" in self.typed(waiting, 0, RISK)
        assert "step 1" in self.typed(waiting, 0, RISK)
        assert f"{RISK}-reads 90 10" in self.typed(waiting, 1, RISK)
        assert "requests=Inconclusive" in self.typed(waiting, 2, RISK)

    def test_on_and_then_back(self, waiting: World) -> None:
        self.typed(waiting, 3, RISK)
        wait_until(
            lambda: waiting.rollout(GATEWAY, RISK)["status"]["currentStepIndex"] == 3,
            "the next step",
            patience=PATIENCE,
        )
        waiting.wait_for(GATEWAY, RISK, "Paused")
        self.typed(waiting, 4, RISK)
        waiting.wait_for(GATEWAY, RISK, "Degraded")
        for found in waiting.seen(RISK, BACK):
            assert found == [BACK, (90, 10), (70, 30), BACK]

    def test_once_more_from_the_first_step(self, standing: World) -> None:
        standing.settle((GATEWAY, WALLET))
        release(standing, WALLET, "bad", Answers(failed=0.05))
        standing.wait_for(GATEWAY, WALLET, "Degraded")
        standing.seen(WALLET, BACK)
        self.typed(standing, 5, WALLET)
        wait_until(lambda: standing.phase(GATEWAY, WALLET) != "Degraded", "another try", patience=PATIENCE)
        standing.wait_for(GATEWAY, WALLET, "Degraded")
        for found in standing.seen(WALLET, BACK):
            assert found == [BACK, (90, 10), BACK, (90, 10), BACK]


class TestTheft:
    """A tenant's Rollout names a VirtualService of another namespace: the controller acts with its own rights, not the tenant's."""

    PATH = f"{ARGO}/namespaces/{GATEWAY}/rollouts/{TRADING}"
    FENCE = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/tenant-exchange"

    @staticmethod
    def victim(standing: World, namespace: str) -> str:
        """A VirtualService there, as the tenant would name it."""
        name = standing.image_of(VICTIM, "routes").replace(":", "-")
        host = f"my-api.{namespace}.svc.cluster.local"
        to = [
            {"destination": {"host": host, "subset": subset}, "weight": weight}
            for subset, weight in (("stable", 100), ("canary", 0))
        ]
        standing.server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        made = standing.server.create(
            {
                "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"hosts": [host], "http": [{"name": "primary", "route": to}]},
            }
        )  # fmt: skip
        assert made.status == 201, made.message
        return f"{name}.{namespace}"

    @pytest.fixture
    def trading(self, standing: World) -> Iterator[World]:
        """Settled, and its own again afterwards."""
        standing.settle((GATEWAY, TRADING))
        own = standing.rollout(GATEWAY, TRADING)["spec"]["strategy"]["canary"]["trafficRouting"]["istio"]
        yield standing
        standing.patch(self.PATH, self.shifting(own["virtualService"]))
        standing.settle((GATEWAY, TRADING))

    @staticmethod
    def shifting(service: Manifest) -> Manifest:
        return {"spec": {"strategy": {"canary": {"trafficRouting": {"istio": {"virtualService": service}}}}}}

    def change(self, victim: str) -> Manifest:
        return self.shifting({"name": victim, "routes": ["primary"]})

    def test_the_fence_refuses_it(self, trading: World) -> None:
        refused = trading.server.request("PATCH", self.PATH, self.change(self.victim(trading, LAB)))
        assert (refused.status, "tenant-exchange" in refused.message) == (403, True)

    def test_without_the_fence_it_would_shift_the_routes_of_another_who_releases_so(self, trading: World) -> None:
        victim = self.victim(trading, LAB)
        with trading.without(self.FENCE):
            self.taken(trading, victim)
            release(trading, TRADING, "theft", Answers())
            key = (victim.partition(".")[0], "primary")
            wait_until(
                lambda: (90, 10) in trading.weights.get(key, ()), "another's route to be shifted", patience=PATIENCE
            )
        self.until_refused(trading, victim)

    def test_even_then_it_changes_nothing_where_nobody_releases_so(self, trading: World) -> None:
        victim = self.victim(trading, "my")
        name = victim.partition(".")[0]
        with trading.without(self.FENCE):
            self.taken(trading, victim)
            release(trading, TRADING, "theft", Answers())
            said = f'"{name}" is forbidden: User "system:serviceaccount:{":".join(CONTROLLER)}" cannot'
            # Its log puts what it was told into quotes.
            wait_until(
                lambda: said in trading.controller.text().replace(r"\"", '"'),
                "the controller to be refused",
                patience=PATIENCE,
            )
        assert trading.weights[name, "primary"] == [BACK]
        self.until_refused(trading, victim)

    def taken(self, world: World, victim: str) -> None:
        """The change, once the server has forgotten the fence."""
        change = self.change(victim)
        wait_until(
            lambda: world.server.request("PATCH", self.PATH, change).status == 200,
            "the fence to be gone",
            patience=PATIENCE,
        )

    def until_refused(self, world: World, victim: str) -> None:
        """Until the fence holds again: a change of the Rollout that keeps what it steals is refused."""
        change = {**self.change(victim), "metadata": {"annotations": {"tried": "again"}}}
        wait_until(
            lambda: world.server.request("PATCH", f"{self.PATH}?dryRun=All", change).status == 403,
            "the fence",
            patience=PATIENCE,
        )
