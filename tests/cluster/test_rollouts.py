"""A new release on Argo Rollouts' real controller: all steps when it is good, back when it is not, and no further unseen."""

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
from tests.cluster.rollouts import ARGO, Answers, World, world
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
BACK = (100, 0)


@pytest.fixture(scope="module")
def objects(prod: Recording) -> list[Manifest]:
    """What prod renders for the two tenants whose releases come step by step, and their fences."""
    found = [(one.name, reveal(one.inputs)) for one in prod if one.custom and one.type.startswith("kubernetes:")]
    own = [one for _, one in found if one["kind"] in KINDS and one["metadata"].get("namespace") in (GATEWAY, LAB)]
    return [*(one for name, one in found if "-fence-" in name), *own]


@pytest.fixture(scope="module")
def standing(objects: list[Manifest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Four releases are under way: a good one, one that fails, one of which nothing is heard, one of the lab's."""
    with world(tmp_path_factory.mktemp("rollouts"), objects) as running:
        for namespace, name in ((GATEWAY, TRADING), (GATEWAY, WALLET), (GATEWAY, RISK), (LAB, USER)):
            running.wait_for(namespace, name, "Healthy")
        running.release(GATEWAY, TRADING, "trading:good", Answers())
        running.release(GATEWAY, WALLET, "wallet:bad", Answers(failed=0.05))
        running.release(GATEWAY, RISK, "risk:silent", None)
        running.release(LAB, USER, "user:good", Answers())
        yield running


def seen(world: World, service: str, last: tuple[int, ...] = BACK) -> list[list[tuple[int, ...]]]:
    """The weights of each of a service's routes, one after the other, once they are these."""
    routes = [found for (_, route), found in world.weights.items() if route.startswith(service)]
    wait_until(lambda: all(found[-1] == last for found in routes), f"{service} to have {last}: {routes}")
    return routes


def test_a_good_release_goes_through_every_step(standing: World) -> None:
    standing.wait_for(GATEWAY, TRADING, "Healthy", "Degraded")
    assert standing.phase(GATEWAY, TRADING) == "Healthy"
    standing.wait_for_image(GATEWAY, TRADING, "trading:good")
    for found in seen(standing, TRADING):
        steps = [one for one in found if one not in ((0, 100), BACK)]
        assert steps == [(90, 10), (70, 30), (40, 60)]
        assert found[-1] == BACK


def test_a_release_over_the_budget_of_errors_is_taken_back(standing: World) -> None:
    before = standing.image(GATEWAY, WALLET)
    standing.wait_for(GATEWAY, WALLET, "Degraded")
    assert standing.verdicts(GATEWAY, WALLET)["errors"] == "Failed"
    assert standing.image(GATEWAY, WALLET) == before != "wallet:bad"
    for found in seen(standing, WALLET):
        assert found == [BACK, (90, 10), BACK]


def test_a_release_of_which_nothing_is_heard_goes_no_further(standing: World) -> None:
    standing.wait_for(GATEWAY, RISK, "Paused", "Degraded", "Healthy")
    assert standing.phase(GATEWAY, RISK) == "Paused"
    assert standing.verdicts(GATEWAY, RISK)["requests"] == "Inconclusive"
    for found in seen(standing, RISK, (90, 10)):
        assert found == [BACK, (90, 10)]


def test_the_labs_shares_stay_while_the_user_services_own_is_shifted(standing: World) -> None:
    standing.wait_for(LAB, USER, "Healthy", "Degraded")
    standing.wait_for_image(LAB, USER, "user:good")
    wait_until(lambda: standing.weights["gateway-lab-vs", "user-service-writes"][-1] == (80, 0, 20), "the end of it")
    for kind in ("reads", "writes"):
        found = standing.weights["gateway-lab-vs", f"user-service-{kind}"]
        assert {weights[2] for weights in found} == {20}
        assert [one for one in found if one[1] not in (0, 100)] == [(72, 8, 20), (56, 24, 20), (32, 48, 20)]
        assert (found[0], found[-1]) == ((80, 0, 20), (80, 0, 20))
        by_name = standing.weights["gateway-lab-vs", f"user-service-user-service-by-name-{kind}"]
        assert [one for one in by_name if one[1] not in (0, 100)] == [(92, 8), (76, 24), (52, 48)]


def test_what_is_under_way_is_not_anothers_affair(standing: World) -> None:
    """Three Rollouts write into one VirtualService, and none into a route of another's."""
    routes = {route for _, route in standing.weights}
    assert {f"{one}-reads" for one in (TRADING, WALLET, RISK)} <= routes
    assert {
        weights for (_, route), found in standing.weights.items() if "product-service" in route for weights in found
    } == {(100,)}


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

    def test_where_it_is(self, standing: World) -> None:
        standing.wait_for(GATEWAY, RISK, "Paused")
        assert "Paused" in self.typed(standing, 0, RISK)
        assert "step 1" in self.typed(standing, 0, RISK)
        assert f"{RISK}-reads 90 10" in self.typed(standing, 1, RISK)
        assert "requests=Inconclusive" in self.typed(standing, 2, RISK)

    def test_on_and_then_back(self, standing: World) -> None:
        self.typed(standing, 3, RISK)
        wait_until(
            lambda: standing.rollout(GATEWAY, RISK)["status"]["currentStepIndex"] == 3, "the next step", patience=60
        )
        standing.wait_for(GATEWAY, RISK, "Paused")
        self.typed(standing, 4, RISK)
        standing.wait_for(GATEWAY, RISK, "Degraded")
        for found in seen(standing, RISK):
            assert found == [BACK, (90, 10), (70, 30), BACK]

    def test_once_more_from_the_first_step(self, standing: World) -> None:
        standing.wait_for(GATEWAY, WALLET, "Degraded")
        self.typed(standing, 5, WALLET)
        wait_until(lambda: standing.phase(GATEWAY, WALLET) != "Degraded", "another try", patience=60)
        standing.wait_for(GATEWAY, WALLET, "Degraded")
        for found in seen(standing, WALLET):
            assert found == [BACK, (90, 10), BACK, (90, 10), BACK]


class TestAfterwards:
    """One after the other, of the trading service, which has its good release."""

    @pytest.fixture(autouse=True)
    def _healthy_before(self, standing: World) -> None:
        standing.wait_for(GATEWAY, TRADING, "Healthy", "Degraded")
        standing.release(GATEWAY, TRADING, "trading:good", Answers())
        standing.wait_for(GATEWAY, TRADING, "Healthy")

    def test_a_slow_release_is_taken_back(self, standing: World) -> None:
        standing.release(GATEWAY, TRADING, "trading:slow", Answers(slow=0.2))
        standing.wait_for(GATEWAY, TRADING, "Degraded")
        assert standing.verdicts(GATEWAY, TRADING)["latency"] == "Failed"
        assert standing.image(GATEWAY, TRADING) == "trading:good"

    def test_a_release_whose_pods_do_not_get_ready_gets_no_request_and_is_given_up(self, standing: World) -> None:
        before = [len(found) for found in seen(standing, TRADING)]
        standing.release(GATEWAY, TRADING, "trading:never-ready", Answers())
        standing.wait_for(GATEWAY, TRADING, "Degraded")
        assert [len(found) for found in seen(standing, TRADING)] == before

    def test_a_bad_release_is_taken_back_while_a_pod_of_the_old_one_is_away(self, standing: World) -> None:
        """As when a node is lost meanwhile: who must be rescued is not waited for."""
        (found,) = {id(one): one for one in seen(standing, f"{TRADING}-reads")}.values()
        steps = len(found)
        standing.release(GATEWAY, TRADING, "trading:bad", Answers(failed=0.5))
        wait_until(lambda: len(found) > steps, "the first step", patience=60)
        standing.away(GATEWAY, "trading:good")
        standing.wait_for(GATEWAY, TRADING, "Degraded")
        assert seen(standing, f"{TRADING}-reads")[0][steps:] == [(90, 10), BACK]

    def test_every_pod_of_the_old_release_is_there_until_the_end(self, standing: World) -> None:
        standing.release(GATEWAY, TRADING, "trading:bad", Answers(failed=0.5))
        standing.wait_for(GATEWAY, TRADING, "Degraded")
        pods = standing.get(f"/api/v1/namespaces/{GATEWAY}/pods?labelSelector=app.kubernetes.io/name={TRADING}")[
            "items"
        ]
        old = [one for one in pods if one["spec"]["containers"][0]["image"] == "trading:good"]
        assert len(old) == standing.rollout(GATEWAY, TRADING)["spec"]["replicas"]


def test_without_the_fence_a_tenant_would_shift_anothers_routes(standing: World) -> None:
    """The controller acts with its own rights: what names another namespace is the fence's to refuse."""
    about = {"name": "my-vs", "namespace": "my"}
    host = "my-api.my.svc.cluster.local"
    to = [
        {"destination": {"host": host, "subset": subset}, "weight": weight}
        for subset, weight in (("stable", 100), ("canary", 0))
    ]
    victim = {
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": about,
        "spec": {"hosts": ["api.eco2.example.com"], "http": [{"name": "primary", "route": to}]},
    }  # fmt: skip
    standing.wait_for(GATEWAY, TRADING, "Healthy", "Degraded")
    standing.server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "my"}})
    assert standing.server.create(victim).status == 201
    istio = {"virtualService": {"name": "my-vs.my", "routes": ["primary"]},
             "destinationRule": {"name": TRADING, "stableSubsetName": "stable", "canarySubsetName": "canary"}}  # fmt: skip
    change = {"spec": {"strategy": {"canary": {"trafficRouting": {"istio": istio}}}}}
    path = f"{ARGO}/namespaces/{GATEWAY}/rollouts/{TRADING}"
    refused = standing.server.request("PATCH", path, change)
    assert (refused.status, "tenant-exchange" in refused.message) == (403, True)

    policy = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/tenant-exchange"
    assert standing.server.request("DELETE", policy).status == 200
    wait_until(lambda: standing.server.request("PATCH", path, change).status == 200, "the fence to be gone")
    standing.release(GATEWAY, TRADING, "trading:theft", Answers())
    wait_until(
        lambda: (90, 10) in standing.weights.get(("my-vs", "primary"), ()),
        "another's route to be shifted",
        patience=60,
    )
