"""Argo CD: what it may touch (AppProject), and what it keeps in step (Application)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.metadata import SYNC_WAVE
from infra.components.cluster.objects import KubernetesObject
from infra.components.component import PlatformComponent

Manifest = dict[str, Any]

SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
ARGO_API = "argoproj.io/v1alpha1"
ARGO_NAMESPACE = "argocd"
IN_CLUSTER = "https://kubernetes.default.svc"
SHA256 = re.compile(r"[0-9a-f]{64}")
EXACT_VERSION = re.compile(r"v?\d+\.\d+\.\d+")

APPLICATION_HEALTH_KEY = "resource.customizations.health.argoproj.io_Application"

DEFINITIONS_DIFFERENCES_KEY = "resource.customizations.ignoreDifferences.apiextensions.k8s.io_CustomResourceDefinition"
DEFINITIONS_DIFFERENCES = """\
jsonPointers:
- /spec/preserveUnknownFields
- /spec/versions/0/schema/openAPIV3Schema/properties/status/properties/clusterSecurity/properties
"""
"""What the API server does not keep of definitions: an old field of Calico's, set to what it is anyway; Strimzi's empty map."""

RETRY: Manifest = {
    "limit": 10,
    "backoff": {"duration": "10s", "factor": 2, "maxDuration": "5m"},
    # With the newest commit: else the one that mends a bad one waits half an hour, until that has been tried ten times.
    "refresh": True,
}
AUTOMATED: Manifest = {"prune": True, "selfHeal": True}


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A Helm chart, pinned: `release` is its name in the cluster.

    `sha256` is the archive's, as the repository's index has it; without one nothing but the repository says what the version is.
    `definitions` is for a chart of nothing but kinds: it is applied server-side, since Helm keeps a release in a Secret of 1 MiB.
    """

    release: str
    namespace: str
    repository: str
    chart: str
    version: str
    sha256: str | None = None
    definitions: bool = False

    def __post_init__(self) -> None:
        if not EXACT_VERSION.fullmatch(self.version):
            raise ValueError(
                f"chart {self.release}: '{self.version}' is no exact version; a range is another chart tomorrow"
            )
        if not self.repository.startswith("https://"):
            raise ValueError(f"chart {self.release}: '{self.repository}' is no HTTPS repository")
        if self.sha256 is not None and not SHA256.fullmatch(self.sha256):
            raise ValueError(f"chart {self.release}: '{self.sha256}' is no SHA-256 of 64 hexadecimal digits")


def waved(wave: int) -> dict[str, str]:
    """The annotations of an object in a wave: all of a lower one is healthy before the next begins; without it the wave is 0."""
    return {SYNC_WAVE: str(wave)}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Fields that another controller writes, and that Argo CD therefore neither reports nor puts back."""

    group: str
    kind: str
    paths: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ChartApplicationArgs:
    """A Helm chart with its values. `wave` is its turn among the root Application's objects.

    `kept` is for what nothing works without: neither a commit that lacks it nor the root's deletion takes it away.
    """

    chart: Chart
    values: Mapping[str, Any]
    wave: int
    project: str
    differences: Sequence[Difference] = ()
    kept: bool = False


@dataclass(frozen=True, kw_only=True)
class RootApplicationArgs:
    """Every manifest below `path` of a Git repository, at whatever depth: the application of applications.

    `namespace` is where goes what names none; `wave` its turn where another Application brings it. With `only_what_differs` a
    delivery writes no other objects, and those whole, `differences` too: their writer puts its fields back at once. Else it
    keeps `differences` as they are, which it cannot in lists of what is not Kubernetes' own: it would keep all of the list.
    """

    name: str
    project: str
    repository: str
    revision: str
    path: str
    namespace: str = ARGO_NAMESPACE
    wave: int | None = None
    differences: Sequence[Difference] = ()
    only_what_differs: bool = False


@dataclass(frozen=True, kw_only=True)
class ProjectArgs:
    """What the Applications of a project may read, where they may write, and which kinds they may make.

    Kinds are `<group>/<kind>`; the core group is empty: `/Namespace`. `cluster_kinds` have no namespace: without one, it makes
    nothing of that sort. `kinds` have one: None is all of them. What a listed kind makes itself (Pods) is shown only if listed too.
    With `signing_keys`, ids of GnuPG keys, a commit of its Git sources is taken only if one of them signed it. `wave` is its turn.
    """

    name: str
    description: str
    sources: Sequence[str]
    namespaces: Sequence[str]
    cluster_kinds: Sequence[str]
    kinds: Sequence[str] | None = None
    signing_keys: Sequence[str] = ()
    wave: int | None = None


def application_health(root: str) -> str:
    """A script by which Argo CD tells an Application's health; its own idea is none, and a wave would not wait for a chart.

    Since 3.4 what is missing is no part of it: half a chart is Healthy. So an Application is waited for until it is in step, but
    for `root`, which brings itself and is in step last of all. A sync that was given up is Degraded, which ends the wave.
    """
    return _HEALTH.replace("@ROOT@", root)


_HEALTH = """\
local status = obj.status
if status == nil or status.health == nil or status.sync == nil then
  return {status = "Progressing", message = "not looked at yet"}
end
local health = {status = status.health.status, message = status.health.message or ""}
if obj.metadata.name == "@ROOT@" or status.sync.status ~= "OutOfSync" then
  return health
end
local operation = status.operationState or {}
if operation.phase == "Failed" or operation.phase == "Error" then
  return {status = "Degraded", message = operation.message or ""}
end
if health.status == "Healthy" then
  return {status = "Progressing", message = "not all of it is there yet"}
end
return health
"""


def chart_application(args: ChartApplicationArgs) -> Manifest:
    """The manifest. It has no finalizer: an Application that goes leaves what it made, as with data it must.

    Unless its chart has a Helm hook `pre-delete`: Argo CD takes it for its own PreDelete, adds a finalizer, and runs it.
    """
    chart = args.chart
    spec: Manifest = {
        "project": args.project,
        "source": {
            "repoURL": chart.repository,
            "chart": chart.chart,
            "targetRevision": chart.version,
            "helm": {"releaseName": chart.release, "valuesObject": dict(args.values)},
        },
        "destination": {"server": IN_CLUSTER, "namespace": chart.namespace},
        **_synced(args.differences),
    }
    manifest = _manifest("Application", chart.release, args.wave, spec)
    if args.kept:
        manifest["metadata"]["annotations"][SYNC_OPTIONS] = "Prune=false,Delete=false"
    return manifest


def root_application(args: RootApplicationArgs) -> Manifest:
    """The manifest; a path that leaves the repository, or is all of it, is refused."""
    if not args.path or args.path.startswith("/") or ".." in args.path.split("/"):
        raise ValueError(f"application {args.name}: '{args.path}' is not a folder inside the repository")
    spec: Manifest = {
        "project": args.project,
        "source": {
            "repoURL": args.repository,
            "targetRevision": args.revision,
            "path": args.path,
            "directory": {"recurse": True},
        },
        "destination": {"server": IN_CLUSTER, "namespace": args.namespace},
        **_synced(args.differences, "ApplyOutOfSyncOnly=true" if args.only_what_differs else RESPECTED),
    }
    return _manifest("Application", args.name, args.wave, spec)


def project(args: ProjectArgs) -> Manifest:
    """The manifest; a wildcard in any list would make the project a name without a meaning."""
    kinds = [*args.cluster_kinds, *(args.kinds or ())]
    for what, values in (("source", args.sources), ("namespace", args.namespaces), ("kind", kinds)):
        if (not values and what != "kind") or any("*" in one for one in values):
            raise ValueError(f"project {args.name}: every {what} is named; * is none")
    spec: Manifest = {
        "description": args.description,
        "sourceRepos": list(args.sources),
        "destinations": [{"server": IN_CLUSTER, "namespace": one} for one in args.namespaces],
        "clusterResourceWhitelist": _kinds(args.cluster_kinds),
    }
    if args.kinds is not None:
        spec["namespaceResourceWhitelist"] = _kinds(args.kinds)
    if args.signing_keys:
        policy = {
            "repos": [{"url": url} for url in args.sources],
            "gpg": {"mode": "head", "keys": list(args.signing_keys)},
        }
        spec["sourceIntegrity"] = {"git": {"policies": [policy]}}
    return _manifest("AppProject", args.name, args.wave, spec)


RESPECTED = "RespectIgnoreDifferences=true"


def _synced(differences: Sequence[Difference], option: str = RESPECTED) -> Manifest:
    if not differences:
        return {"syncPolicy": _sync_policy()}
    ignored = [{"group": one.group, "kind": one.kind, "jqPathExpressions": list(one.paths)} for one in differences]
    return {"syncPolicy": _sync_policy(option), "ignoreDifferences": ignored}


def _kinds(names: Sequence[str]) -> list[Manifest]:
    return [{"group": group, "kind": kind} for group, _, kind in (one.rpartition("/") for one in names)]


def _sync_policy(*more: str) -> Manifest:
    return {
        "automated": dict(AUTOMATED),
        # Server-side: client-side apply keeps a copy of the object in an annotation, and large CRDs do not fit.
        "syncOptions": ["ServerSideApply=true", "SkipDryRunOnMissingResource=true", "CreateNamespace=false", *more],
        "retry": {**RETRY, "backoff": dict(RETRY["backoff"])},
    }


def _manifest(kind: str, name: str, wave: int | None, spec: Manifest) -> Manifest:
    metadata: Manifest = {"name": name, "namespace": ARGO_NAMESPACE}
    if wave is not None:
        metadata["annotations"] = waved(wave)
    return {"apiVersion": ARGO_API, "kind": kind, "metadata": metadata, "spec": spec}


class ArgoObject(PlatformComponent):
    """One object of Argo CD's (eco2.md, Platform CP: ArgoCD), from the manifest that one of this module's builders returned.

    Resources: an Application or an AppProject.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:ArgoObject"

    def __init__(self, name: str, manifest: Manifest, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        kind = str(manifest["kind"])
        KubernetesObject(
            f"{name}-{kind.lower()}",
            f"{manifest['apiVersion']}/{kind}",
            metadata=manifest["metadata"],
            body={"spec": manifest["spec"]},
            opts=self.child,
        )
        self.register_outputs({})
