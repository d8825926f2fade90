"""Argo CD's objects: what the builders say, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from infra.components.cluster.gitops import (
    Chart,
    ChartApplicationArgs,
    Difference,
    ProjectArgs,
    RootApplicationArgs,
    application_health,
    chart_application,
    project,
    root_application,
)

CHART = Chart(
    release="istiod",
    namespace="istio-system",
    repository="https://charts.example/istio",
    chart="istiod",
    version="1.31.1",
)
ARGS = ChartApplicationArgs(chart=CHART, values={"replicaCount": 1}, wave=-26, project="eco2")
ROOT = RootApplicationArgs(
    name="eco2", project="eco2", repository="https://git.example/platform.git", revision="rendered", path="prod/eco2"
)
PROJECT = ProjectArgs(
    name="eco2",
    description="x",
    sources=["https://git.example/platform.git"],
    namespaces=["auth"],
    cluster_kinds=["/Namespace", "rbac.authorization.k8s.io/ClusterRole"],
)


def test_a_chart_is_pinned_and_brings_its_values_as_data() -> None:
    assert chart_application(ARGS)["spec"]["source"] == {
        "repoURL": "https://charts.example/istio",
        "chart": "istiod",
        "targetRevision": "1.31.1",
        "helm": {"releaseName": "istiod", "valuesObject": {"replicaCount": 1}},
    }


def test_an_application_heals_itself_and_tries_again() -> None:
    policy = chart_application(ARGS)["spec"]["syncPolicy"]
    assert policy["automated"] == {"prune": True, "selfHeal": True}
    assert policy["retry"] == {
        "limit": 10,
        "backoff": {"duration": "10s", "factor": 2, "maxDuration": "5m"},
        "refresh": True,
    }
    assert policy["syncOptions"] == [
        "ServerSideApply=true",
        "SkipDryRunOnMissingResource=true",
        "CreateNamespace=false",
    ]


def test_an_application_has_its_wave_and_no_finalizer() -> None:
    assert chart_application(ARGS)["metadata"] == {
        "name": "istiod",
        "namespace": "argocd",
        "annotations": {"argocd.argoproj.io/sync-wave": "-26"},
    }


def test_fields_of_others_are_neither_reported_nor_put_back() -> None:
    difference = Difference(group="x.io", kind="Hook", paths=[".webhooks[]?.failurePolicy"])
    spec = chart_application(replace(ARGS, differences=[difference]))["spec"]
    assert spec["ignoreDifferences"] == [
        {"group": "x.io", "kind": "Hook", "jqPathExpressions": [".webhooks[]?.failurePolicy"]}
    ]
    assert "RespectIgnoreDifferences=true" in spec["syncPolicy"]["syncOptions"]


def test_the_root_brings_a_folder_of_the_repository_with_all_below() -> None:
    spec = root_application(ROOT)["spec"]
    assert spec["source"] == {
        "repoURL": "https://git.example/platform.git",
        "targetRevision": "rendered",
        "path": "prod/eco2",
        "directory": {"recurse": True},
    }
    assert spec["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}


def test_a_project_is_as_narrow_as_its_lists() -> None:
    assert project(PROJECT)["spec"] == {
        "description": "x",
        "sourceRepos": ["https://git.example/platform.git"],
        "destinations": [{"server": "https://kubernetes.default.svc", "namespace": "auth"}],
        "clusterResourceWhitelist": [
            {"group": "", "kind": "Namespace"},
            {"group": "rbac.authorization.k8s.io", "kind": "ClusterRole"},
        ],
    }


def test_a_project_takes_only_commits_that_one_of_its_keys_signed() -> None:
    made = project(replace(PROJECT, signing_keys=["0123456789ABCDEF"], wave=-50))
    assert made["spec"]["sourceIntegrity"]["git"]["policies"] == [
        {
            "repos": [{"url": "https://git.example/platform.git"}],
            "gpg": {"mode": "head", "keys": ["0123456789ABCDEF"]},
        }
    ]
    assert made["metadata"]["annotations"] == {"argocd.argoproj.io/sync-wave": "-50"}


ARGO_LUA = "string, io, debug, coroutine, math, bit, jit, ffi = nil"
"""What Argo CD's scripts do not have, unless they are let (util/lua/lua.go)."""


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ({}, "Progressing"),
        ({"health": {"status": "Healthy"}}, "Progressing"),
        ({"health": {"status": "Healthy"}, "sync": {"status": "Synced"}}, "Healthy"),
        ({"health": {"status": "Degraded"}, "sync": {"status": "Synced"}}, "Degraded"),
        # Half a chart: since 3.4 what is missing counts for nothing.
        ({"health": {"status": "Healthy"}, "sync": {"status": "OutOfSync"}}, "Progressing"),
        ({"health": {"status": "Missing"}, "sync": {"status": "OutOfSync"}}, "Missing"),
        (
            {
                "health": {"status": "Healthy"},
                "sync": {"status": "OutOfSync"},
                "operationState": {"phase": "Running", "message": "retrying"},
            },
            "Progressing",
        ),
        # Nobody tries again.
        (
            {
                "health": {"status": "Healthy"},
                "sync": {"status": "OutOfSync"},
                "operationState": {"phase": "Failed", "message": "no such kind"},
            },
            "Degraded",
        ),
        # A chart's repository that is down stops nobody else's delivery.
        ({"health": {"status": "Healthy"}, "sync": {"status": "Unknown"}}, "Healthy"),
    ],
)
def test_an_application_is_healthy_when_all_of_it_is_there(status: dict[str, Any], health: str) -> None:
    assert _health("istiod", status)["status"] == health


def test_the_application_that_brings_itself_is_not_waited_for_until_all_is_there() -> None:
    half = {"health": {"status": "Healthy"}, "sync": {"status": "OutOfSync"}}
    assert _health("platform", half)["status"] == "Healthy"


def test_a_sync_that_was_given_up_says_why() -> None:
    failed = {"phase": "Failed", "message": "no such kind"}
    status = {"health": {"status": "Healthy"}, "sync": {"status": "OutOfSync"}, "operationState": failed}
    assert _health("istiod", status)["message"] == "no such kind"


def _health(name: str, status: dict[str, Any]) -> Any:
    runtime: Any = import_module("lupa.luajit21").LuaRuntime()
    runtime.execute(ARGO_LUA)
    script = runtime.eval(f"function(obj) {application_health('platform')} end")
    return script(runtime.table_from({"metadata": {"name": name}, "status": status}, recursive=True))


def test_what_is_kept_goes_neither_with_a_commit_nor_with_the_root() -> None:
    annotations = chart_application(replace(ARGS, kept=True))["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"


REFUSED: dict[str, Callable[[], object]] = {
    "a range of versions": lambda: replace(CHART, version="1.31.*"),
    "a minor version": lambda: replace(CHART, version="1.31"),
    "the newest version": lambda: replace(CHART, version="latest"),
    "a constraint": lambda: replace(CHART, version=">=1.31.0"),
    "a checksum that is none": lambda: replace(CHART, sha256="5254a977"),
    "a repository over HTTP": lambda: replace(CHART, repository="http://charts.example"),
    "a folder outside the repository": lambda: root_application(replace(ROOT, path="../other")),
    "an absolute folder": lambda: root_application(replace(ROOT, path="/prod")),
    "the whole repository": lambda: root_application(replace(ROOT, path="")),
    "any source": lambda: project(replace(PROJECT, sources=["*"])),
    "any namespace": lambda: project(replace(PROJECT, namespaces=["auth", "*"])),
    "any kind": lambda: project(replace(PROJECT, cluster_kinds=["*/*"])),
    "no namespace": lambda: project(replace(PROJECT, namespaces=[])),
}


@pytest.mark.parametrize("build", REFUSED.values(), ids=REFUSED.keys())
def test_what_would_open_more_than_it_says_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        build()
