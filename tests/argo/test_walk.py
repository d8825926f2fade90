"""Argo CD's own programs deliver all of prod to an empty cluster, after the master's script; and what they do with later commits.

One cluster for all of it: each test leaves it as the first commit had it, in step and healthy.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.components.cluster.gitops import ARGO_NAMESPACE
from infra.systems.eco2 import versions
from infra.systems.eco2.first_charts import SYNC_SECONDS
from infra.systems.eco2.projects import PROJECT
from rehearsal.whole_file import write_whole
from tests.argo import commits
from tests.argo.arrivals import arrivals
from tests.argo.commits import Change, Key
from tests.argo.delivered import (
    Delivered,
    delivery,
    is_settled,
    is_well,
    state,
    synced_to,
    told,
)
from tests.conftest import SHOWN
from tests.mesh.manifests import Manifest
from tests.stacks import ROOT
from tests.trial.updates import UNREADY

pytestmark = pytest.mark.judges

BOOTSTRAPPED = [
    chart.release for chart in (versions.CALICO_KINDS, versions.CALICO, versions.CLOUD_CONTROLLER, versions.ARGO_CD)
]
TIMELINE = ROOT / ".rehearsal/waves.txt"

LAB = "gateway-lab"
MONITOR = "monitoring.coreos.com_v1-podmonitor-immersiverse-kafka-exporter"
MONITOR_PATH = "/apis/monitoring.coreos.com/v1/namespaces/immersiverse/podmonitors/kafka-exporter"
POLICY = "networking.k8s.io_v1-networkpolicy-argo-rollouts-argo-rollouts"
POLICY_PATH = "/apis/networking.k8s.io/v1/namespaces/argo-rollouts/networkpolicies/argo-rollouts"
SERVICE = "apps_v1-deployment-gateway-lab-order-service"
VERSE = "immersiverse"
AUTH, AUTH_WAITS = "apps_v1-deployment-immersiverse-immersiverse-auth", "apps/Deployment/immersiverse-auth"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivered]:
    with delivery(tmp_path_factory.mktemp("argo")) as running:
        yield running


@pytest.fixture(scope="module")
def whole(delivered: Delivered) -> Delivered:
    """With every wave in it; the time line is printed and kept however far it came."""
    names = {*delivered.waves}
    try:
        delivered.wait_for(
            lambda found: names <= {*found} and all(map(is_well, found.values())), "all of prod to be delivered"
        )
    finally:
        print(arrivals(delivered.timeline, delivered.waves))
        TIMELINE.parent.mkdir(exist_ok=True)
        write_whole(TIMELINE, "".join(f"{look}\n" for look in delivered.timeline))
    return delivered


def test_the_masters_own_script_brings_the_first_charts_in_their_order(delivered: Delivered) -> None:
    assert re.findall(r"==> install (\S+) \(chart", delivered.said) == BOOTSTRAPPED
    assert "==> point Argo CD at the rendered manifests" in delivered.said


def test_every_application_gets_in_step_and_healthy_wave_by_wave(
    whole: Delivered, record_property: Callable[[str, object], None]
) -> None:
    record_property(SHOWN, arrivals(whole.timeline, whole.waves))
    waves = {name: wave for name, wave in whole.waves.items() if name != PROJECT}
    assert {*BOOTSTRAPPED} < {*waves}
    found = whole.applications()
    made = sorted(waves, key=lambda name: (found[name]["metadata"]["creationTimestamp"], waves[name]))
    assert [waves[name] for name in made] == sorted(waves.values())


def test_nothing_came_before_the_kind_that_it_needs_nor_was_taken_away_on_the_way(whole: Delivered) -> None:
    """It is refused at first, and that Argo CD tries again later hides it; why, is in its controller's log alone.

    What else is tried again has to do with a busy machine: a health script has one second, a new schema is read late,
    also that of a kind which the Application brings itself.
    """
    said = whole.programs["argocd-application-controller"].text()
    assert {(name, kind) for name, kind in refused_kinds(said) if kind not in whole.kinds_of(name)} == set()
    found = whole.applications()
    results = {
        name: one["status"].get("operationState", {}).get("syncResult", {}).get("resources", ())
        for name, one in found.items()
    }
    gone = {f"{name}: {one['kind']} {one['name']}" for name, each in results.items() for one in each if _is_pruned(one)}
    assert gone == set()


NO_KIND = re.compile(r'no matches for kind "(\w+)')


def refused_kinds(log: str) -> set[tuple[str, str]]:
    """By the controller's log: which kinds were not there for an Application, which is empty where no line says whose it was."""
    lines = [line for line in log.splitlines() if "no matches for kind" in line]
    told = [json.loads(line) if line.startswith("{") else {} for line in lines]
    return {
        (str(one.get("application", "")).rpartition("/")[2], kind)
        for line, one in zip(lines, told, strict=True)
        for kind in NO_KIND.findall(line.replace("\\", ""))
    }


def _is_pruned(result: Manifest) -> bool:
    return result.get("status") in ("Pruned", "PruneSkipped")


def test_a_second_look_finds_nothing_to_do(whole: Delivered) -> None:
    """With the charts fetched and rendered anew."""
    before = {name: _deeds(one) for name, one in whole.applications().items()}
    whole.refresh(before, how="hard")
    after = whole.applications()
    assert {name: state(one) for name, one in after.items() if not is_well(one)} == {}
    assert {name: _deeds(one) for name, one in after.items()} == before


def _deeds(application: Manifest) -> tuple[Any, list[str]]:
    """When it last did something, and which objects are its own."""
    status = application["status"]
    own = sorted(
        f"{one.get('group', '')}/{one['kind']} {one.get('namespace', '')}/{one['name']}" for one in status["resources"]
    )
    return status.get("operationState", {}).get("startedAt"), own


def test_what_a_commit_lacks_goes_but_nothing_that_all_else_stands_on(whole: Delivered) -> None:
    """A policy and a tenant's monitor go; the Applications of the pods' network are kept, and said to be."""
    kept = {versions.CALICO_KINDS.release, versions.CALICO.release}
    network = [commits.without(f"argoproj.io_v1alpha1-application-argocd-{release}") for release in kept]
    less = commits.both(commits.without(POLICY), commits.without(MONITOR), *network)
    with whole.published(less, "some objects less") as commit:
        whole.wait_for(
            lambda found: {synced_to(found[name]) for name in (PROJECT, VERSE)} == {commit},
            "the commit with less to be there",
        )
        assert whole.live(POLICY_PATH) is None
        assert whole.live(MONITOR_PATH) is None
        found = whole.applications()
        assert kept <= {*found}
        assert all("deletionTimestamp" not in found[name]["metadata"] for name in kept)
        results = found[PROJECT]["status"]["operationState"]["syncResult"]["resources"]
        assert {one["name"] for one in results if one["status"] == "PruneSkipped"} == kept


def test_what_somebody_changed_is_put_back(whole: Delivered) -> None:
    asked = {"spec": {"podMetricsEndpoints": [{"port": "another", "path": "/elsewhere"}]}}
    mine = whole.live(MONITOR_PATH)
    assert mine
    assert whole.server.request("PATCH", MONITOR_PATH, asked).status == 200
    assert whole.server.request("DELETE", POLICY_PATH).status == 200
    whole.wait_for(
        lambda _: (whole.live(MONITOR_PATH) or {}).get("spec") == mine["spec"] and whole.live(POLICY_PATH) is not None,
        "both to be as they were",
    )
    whole.wait_for(lambda found: all(map(is_settled, found.values())), "all to be well again")


ADMIN = "rbac.authorization.k8s.io:ClusterRoleBinding"
EVERYTHING = (
    "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", None,
    {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}},
)  # fmt: skip
FORBIDDEN: dict[str, dict[str, tuple[str, str, str | None, Manifest]]] = {
    # By the tenants' project, and by the root's.
    "exchange": {
        ADMIN: EVERYTHING,
        "namespace argocd": ("v1", "ConfigMap", ARGO_NAMESPACE, {}),
        "namespace kube-system": ("v1", "ConfigMap", "kube-system", {}),
        ":Namespace": ("v1", "Namespace", None, {}),
        "networking.k8s.io:NetworkPolicy": (
            "networking.k8s.io/v1", "NetworkPolicy", "gateway", {"spec": {"podSelector": {}, "ingress": [{}]}}
        ),
    },
    "eco2": {
        ADMIN: EVERYTHING,
        "rbac.authorization.k8s.io:Role": ("rbac.authorization.k8s.io/v1", "Role", ARGO_NAMESPACE, {}),
        "namespace kube-system": ("v1", "ConfigMap", "kube-system", {}),
        ":Secret": ("v1", "Secret", ARGO_NAMESPACE, {}),
    },
}  # fmt: skip
"""What a signed commit may not bring by each system's project: how it is refused, and the object."""


def _forbidden(system: str) -> list[Manifest]:
    return [
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": f"from-{system}", **({"namespace": namespace} if namespace else {})},
            **body,
        }
        for version, kind, namespace, body in FORBIDDEN[system].values()
    ]


def test_what_a_project_may_not_have_is_refused_and_a_mended_commit_goes_in(whole: Delivered) -> None:
    more: Change = commits.both(*(commits.besides(system, *_forbidden(system)) for system in FORBIDDEN))
    with whole.published(more, "what a project may not have"):
        whole.wait_for(
            lambda found: all(
                all(words in told(found[system]) for words in refused) for system, refused in FORBIDDEN.items()
            ),
            "all of it to be refused",
        )
        made = [one for system in FORBIDDEN for one in _forbidden(system) if whole.exists(one)]
        assert made == []


@pytest.fixture(scope="module")
def stranger() -> Iterator[Key]:
    """Who has a key that no project knows; GnuPG's sockets have paths of a hundred characters at most."""
    with tempfile.TemporaryDirectory(prefix="argo-", ignore_cleanup_errors=True) as folder:
        yield commits.key(Path(folder))


def test_a_commit_that_is_not_signed_is_not_followed(whole: Delivered) -> None:
    past_the_workflow(whole, None, "unsigned")


def test_a_commit_that_another_signed_is_not_followed(whole: Delivered, stranger: Key) -> None:
    past_the_workflow(whole, stranger, stranger.id)


def past_the_workflow(whole: Delivered, signer: Key | None, said: str) -> None:
    """Every Application of the branch says why, and nothing of it is there; a signed commit on top of it is followed."""
    mark = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "past", "namespace": LAB}}
    try:
        commit = whole.push(commits.besides("gateway_lab", mark), signer)
        whole.wait_for(
            lambda found: all(commit in told(found[name]) and said in told(found[name]) for name in whole.of_git),
            f"{commit} to be refused",
        )
        assert not whole.exists(mark)
    finally:
        whole.restore()
    assert not whole.exists(mark)


def test_a_commit_that_is_refused_does_not_keep_the_next_one_out(whole: Delivered) -> None:
    """One sync goes on with the newest commit: else it would try the bad one ten times, for half an hour."""
    bad = commits.edited(SERVICE, lambda one: one["spec"].update(replicas=-1))
    with whole.published(bad, "an object that the API server does not take"):
        whole.wait_for(lambda found: "Invalid value: -1" in told(found[LAB]), "the object to be refused")
        began = whole.applications()[LAB]["status"]["operationState"]["startedAt"]
    assert whole.applications()[LAB]["status"]["operationState"]["startedAt"] == began


def test_a_commit_that_never_gets_healthy_is_seen_and_ends(whole: Delivered) -> None:
    """What comes after it waits for as long as is set, which is an hour; then a commit that mends it has its turn."""
    assert whole.configured["ARGOCD_APPLICATION_CONTROLLER_SYNC_TIMEOUT"] == str(SYNC_SECONDS)
    whole.restart_controller({"ARGOCD_APPLICATION_CONTROLLER_SYNC_TIMEOUT": "60"})
    never = commits.edited(
        AUTH, lambda one: one["spec"]["template"]["metadata"].setdefault("labels", {}).update({UNREADY: "true"})
    )
    try:
        with whole.published(never, "pods that do not get ready"):
            whole.wait_for(lambda found: AUTH_WAITS in told(found[VERSE]), "it to be waited for")
            whole.wait_for(lambda found: state(found[VERSE]).endswith("Failed"), "it to be given up")
            found = whole.applications()[VERSE]
            assert "controller sync timeout" in told(found)
            assert found["status"]["health"]["status"] == "Progressing"
    finally:
        whole.restart_controller({})
