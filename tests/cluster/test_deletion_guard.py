"""Deleting what the pods' network stands on, on a real API server with the guard that is rendered."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from infra.systems.eco2 import platform
from tests.cluster.api_server import ApiServer, api_server
from tests.mesh.manifests import Manifest
from tests.systems.eco2_objects import context, manifests, of_kind

pytestmark = pytest.mark.verify

APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
NAMESPACES = "/api/v1/namespaces"
PERMIT = {"metadata": {"annotations": {"eco2.internal/may-be-deleted": "true"}}}


@pytest.fixture(scope="module")
def rendered() -> list[Manifest]:
    return manifests(platform.build_platform, context())


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, rendered: list[Manifest]) -> Iterator[ApiServer]:
    """With the Applications, Calico's namespaces and the guard, which is asked about once it is known everywhere."""
    kinds = ("Namespace", "Application", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    objects = [one for one in rendered if one["kind"] in kinds]
    with api_server(tmp_path_factory.mktemp("api-server"), objects) as running:
        for one in sorted(objects, key=lambda one: kinds.index(one["kind"])):
            assert running.create(one).status == 201
        deadline = time.monotonic() + 30
        while running.request("DELETE", f"{NAMESPACES}/tigera-operator?dryRun=All").status != 403:
            assert time.monotonic() < deadline, "the guard never held"
            time.sleep(0.1)
        yield running


@pytest.mark.parametrize(
    "path",
    [
        f"{APPLICATIONS}/calico",
        f"{APPLICATIONS}/calico-crds",
        f"{APPLICATIONS}/eco2",
        f"{NAMESPACES}/tigera-operator",
    ],
)
def test_what_the_network_stands_on_is_not_deleted(guarded: ApiServer, path: str) -> None:
    refused = guarded.request("DELETE", f"{path}?dryRun=All")
    assert refused.status == 403
    assert "eco2.internal/may-be-deleted=true" in refused.message


def test_nor_is_it_with_all_others_at_once(guarded: ApiServer) -> None:
    refused = guarded.request("DELETE", f"{APPLICATIONS}?dryRun=All")
    assert refused.status == 403
    assert "eco2-pod-network" in refused.message


def test_anything_else_goes(guarded: ApiServer) -> None:
    assert guarded.request("DELETE", f"{APPLICATIONS}/external-dns?dryRun=All").status == 200
    assert guarded.request("DELETE", f"{NAMESPACES}/external-dns?dryRun=All").status == 200


def test_who_says_so_first_may(guarded: ApiServer) -> None:
    annotated = guarded.request("PATCH", f"{APPLICATIONS}/calico", PERMIT)
    assert annotated.status == 200, annotated.message
    assert guarded.request("DELETE", f"{APPLICATIONS}/calico?dryRun=All").status == 200


def test_without_the_binding_it_would_go(guarded: ApiServer, rendered: list[Manifest]) -> None:
    assert "eco2-pod-network" in of_kind(rendered, "ValidatingAdmissionPolicyBinding")
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/eco2-pod-network"
    assert guarded.request("DELETE", path).status == 200
    deadline = time.monotonic() + 30
    while guarded.request("DELETE", f"{APPLICATIONS}/calico-crds?dryRun=All").status != 200:
        assert time.monotonic() < deadline, "something else refuses"
        time.sleep(0.1)
