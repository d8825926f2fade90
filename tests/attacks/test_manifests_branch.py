"""Who forges what the cluster follows: by another branch, without the signature, or with manifests that reach for the cluster.

Argo CD's own decisions (v3.5: project permissions, sourceIntegrity) are written after its documentation; the signature is made by
publish.sh and looked at by Git and GnuPG (tests/workflows/test_scripts.py).
"""

from __future__ import annotations

from typing import Any

import pytest

from infra.systems.eco2 import first_charts, projects
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.systems.eco2_objects import context

KEY = "0123456789ABCDEF"
BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ0c=\n-----END PGP PUBLIC KEY BLOCK-----\n"
FORGED = (
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", None),
    ("rbac.authorization.k8s.io", "ClusterRole", None),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", None),
    ("apiextensions.k8s.io", "CustomResourceDefinition", None),
    ("apps", "DaemonSet", "kube-system"),
    ("apps", "Deployment", "kube-system"),
    ("", "ConfigMap", "kube-system"),
    ("rbac.authorization.k8s.io", "RoleBinding", "kube-system"),
    # The root's project reaches `argocd`, where Applications live: what would be Argo CD's own rights is no kind of its.
    ("rbac.authorization.k8s.io", "RoleBinding", "argocd"),
    ("rbac.authorization.k8s.io", "Role", "argocd"),
    ("", "Secret", "argocd"),
)


def permits(project: dict[str, Any], group: str, kind: str, namespace: str | None) -> bool:
    """Argo CD's decision over an object: its namespace is a destination and its kind is listed, where there is a list."""
    spec = project["spec"]
    if namespace is None:
        return {"group": group, "kind": kind} in spec["clusterResourceWhitelist"]
    kinds = spec.get("namespaceResourceWhitelist")
    return any(one["namespace"] == namespace for one in spec["destinations"]) and (
        not kinds or {"group": group, "kind": kind} in kinds
    )


@pytest.mark.parametrize(("group", "kind", "namespace"), FORGED)
def test_a_forged_manifest_gets_no_hold_of_the_cluster(group: str, kind: str, namespace: str | None) -> None:
    assert not permits(projects.root_project(context()), group, kind, namespace)
    # What a chart of the platform needs is its own project's, which reads no Git.
    assert permits(projects.charts_project(context()), group, kind, namespace)
    assert context().settings.gitops.repository not in projects.charts_project(context())["spec"]["sourceRepos"]


def test_each_stack_follows_a_branch_of_its_own() -> None:
    revision = projects.root_application(context())["spec"]["source"]["targetRevision"]
    assert revision == f"rendered/{context().names.stack}"


def test_with_a_key_nothing_is_taken_without_its_signature_and_argo_cd_knows_the_key() -> None:
    gitops = {**context().settings.gitops.model_dump(exclude_none=True), "signing_keys": {KEY: BLOCK}}
    signed = context(gitops=gitops)
    (policy,) = projects.root_project(signed)["spec"]["sourceIntegrity"]["git"]["policies"]
    assert policy["repos"] == [{"url": signed.settings.gitops.repository}]
    assert policy["gpg"] == {"mode": "head", "keys": [KEY]}
    (values,) = [values for chart, values in first_charts.bootstrap_charts(signed) if chart.chart == "argo-cd"]
    assert values["configs"]["gpg"]["keys"] == {KEY: BLOCK}


def test_what_each_system_renders_is_of_kinds_and_namespaces_that_its_project_has(prod: Recording) -> None:
    """Argo CD would refuse it, and with it the whole folder."""
    projects_ = {_name(one): one for _, one in _rendered(prod) if one["kind"] == "AppProject"}
    refused = {
        (system, *_kind(one), one["metadata"].get("namespace"))
        for system, one in _rendered(prod)
        if not permits(projects_[system.replace("_", "-")], *_kind(one), one["metadata"].get("namespace"))
    }
    assert refused == set()


def test_no_project_of_git_makes_rights_or_secrets(prod: Recording) -> None:
    for _, one in _rendered(prod):
        if one["kind"] == "AppProject" and _name(one) != projects.CHARTS_PROJECT:
            kinds = {each["kind"] for each in one["spec"]["namespaceResourceWhitelist"]}
            assert not kinds & {"Role", "RoleBinding", "Secret", "DaemonSet", "SecretStore"}, _name(one)


def test_no_project_of_git_reaches_what_runs_beside_the_api_server(prod: Recording) -> None:
    reached = {
        _name(one): {each["namespace"] for each in one["spec"]["destinations"]}
        for _, one in _rendered(prod)
        if one["kind"] == "AppProject" and _name(one) != projects.CHARTS_PROJECT
    }
    assert len(reached) > 1
    for name, namespaces in reached.items():
        assert not namespaces & {"*", "kube-system", "kube-public", "kube-node-lease", "calico-system"}, name
        # Where Applications and projects live, the root alone goes, with kinds that are no rights (FORGED).
        assert name == projects.PROJECT or "argocd" not in namespaces, name


def test_the_root_is_as_much_as_its_signer_for_it_says_what_the_charts_are() -> None:
    """What is left, and stays: an Application of the charts' project may set any value of a chart, and so run anything.

    Therefore its branch has a publisher, an approval and a signature of its own (docs/adr/0022); no tenant's project gets there.
    """
    assert permits(projects.root_project(context()), "argoproj.io", "Application", "argocd")
    assert permits(projects.charts_project(context()), "rbac.authorization.k8s.io", "ClusterRoleBinding", None)


def _rendered(recording: Recording) -> list[tuple[str, dict[str, Any]]]:
    """Each object with the system in whose folder it is."""
    return [
        (one.name.partition("-")[0], reveal(one.inputs))
        for one in recording
        if one.custom and one.type.startswith("kubernetes:")
    ]


def _kind(manifest: dict[str, Any]) -> tuple[str, str]:
    return manifest["apiVersion"].rpartition("/")[0], manifest["kind"]


def _name(manifest: dict[str, Any]) -> str:
    return str(manifest["metadata"]["name"])
