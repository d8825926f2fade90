"""Argo Rollouts' controller is taken over: what its account may do, by prod's rendered rights, asked of a real kube-apiserver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.recording import Recording
from tests.cluster.api_server import ApiServer, api_server
from tests.cluster.release_rights import rights

pytestmark = pytest.mark.verify

USER = "system:serviceaccount:argo-rollouts:argo-rollouts"
TENANTS, OTHERS = ("gateway", "gateway-lab"), ("argocd", "auth", "istio-system", "kube-system", "postgres")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, prod: Recording) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("api-server"), []) as running:
        for name in ("argo-rollouts", *TENANTS, *OTHERS):
            running.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for one in rights(prod):
            verdict = running.create(one)
            assert verdict.status == 201, verdict.message
        yield running


def may(server: ApiServer, verb: str, what: str, namespace: str | None = None, name: str | None = None) -> bool:
    """What the server's authorizer says; `what` is `<group>/<resource>`, with a subresource or without."""
    group, _, resource = what.partition("/")
    resource, _, sub = resource.partition("/")
    asked = {
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": sub,
        "namespace": namespace,
        "name": name,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {},
        "spec": {"user": USER, "groups": ["system:serviceaccounts", "system:authenticated"],
                 "resourceAttributes": {key: value for key, value in asked.items() if value}},
    }  # fmt: skip
    verdict = server.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert verdict.status == 201, verdict.message
    return bool(verdict.body["status"]["allowed"])


@pytest.mark.parametrize("verb", ["get", "list", "watch"])
@pytest.mark.parametrize("namespace", [None, "argo-rollouts", *TENANTS, *OTHERS])
def test_it_reads_no_secret(server: ApiServer, namespace: str | None, verb: str) -> None:
    assert not may(server, verb, "/secrets", namespace)
    assert not may(server, verb, "/secrets", namespace, "sh.helm.release.v1.argo-rollouts.v1")


def test_of_its_own_namespace_it_watches_the_one_by_which_it_would_notify(server: ApiServer) -> None:
    assert may(server, "watch", "/secrets", "argo-rollouts", "argo-rollouts-notification-secret")
    assert not may(server, "watch", "/secrets", "gateway", "argo-rollouts-notification-secret")


CHANGES = (
    ("create", "apps/replicasets"),
    ("patch", "networking.istio.io/virtualservices"),
    ("patch", "networking.istio.io/destinationrules"),
    ("patch", "/services"),
    ("create", "argoproj.io/analysisruns"),
    ("patch", "argoproj.io/rollouts/status"),
)


@pytest.mark.parametrize(("verb", "what"), CHANGES)
def test_it_changes_what_is_in_the_namespaces_of_who_releases_so_and_nowhere_else(
    server: ApiServer, verb: str, what: str
) -> None:
    allowed = {one for one in ("argo-rollouts", *TENANTS, *OTHERS) if may(server, verb, what, one)}
    assert allowed == {*TENANTS}
    assert not may(server, verb, what)


NOTHING = (
    ("create", "/pods"),
    ("create", "/pods/exec"),
    ("create", "/pods/eviction"),
    ("update", "/pods"),
    ("create", "/serviceaccounts/token"),
    ("create", "batch/jobs"),
    ("create", "argoproj.io/experiments"),
    ("create", "/services"),
    ("delete", "/services"),
    ("update", "apps/deployments"),
    ("patch", "networking.k8s.io/ingresses"),
    ("create", "rbac.authorization.k8s.io/rolebindings"),
    ("escalate", "rbac.authorization.k8s.io/roles"),
    ("impersonate", "/users"),
)


@pytest.mark.parametrize(("verb", "what"), NOTHING)
def test_what_no_step_needs_it_may_nowhere(server: ApiServer, verb: str, what: str) -> None:
    assert {one for one in (None, "argo-rollouts", *TENANTS, *OTHERS) if may(server, verb, what, one)} == set()
