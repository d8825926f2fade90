"""What Argo CD may install and from where, and how the platform's charts are set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from policy.kubernetes_objects import (
    APP_PROJECT,
    APPLICATION,
    at,
    charts,
    each,
    everywhere,
    name_of,
    sources,
    spec_of,
)
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

IN_CLUSTER = "https://kubernetes.default.svc"
EXACT_VERSION = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
MOVING = frozenset({"", "HEAD", "main", "master"})
"""Revisions of a repository that every merge moves."""

RANGE = re.compile(r"[*<>=~^]")
"""What makes a revision stand for the newest of several tags."""

SIGNED = frozenset({"head", "strict"})
"""Argo CD's modes that look at a signature."""

GRANTS_ALL = re.compile(r"^\s*p\s*,[^,]*,\s*\*\s*,\s*\*\s*,.*allow", re.MULTILINE)

PASSWORD = re.compile(r"://[^/@]*:[^/@]*@")

SHARED_NAMESPACE = "kube-system"
"""Where what needs the host runs: the cluster's own agents."""

UNPROTECTED = {
    "privileged": True,
    "allowPrivilegeEscalation": True,
    "runAsNonRoot": False,
    "readOnlyRootFilesystem": False,
    "runAsUser": 0,
}
HOST_KEYS = frozenset({"hostNetwork", "hostNetworking", "hostPID", "hostIPC"})

Setting = tuple[str, tuple[Any, ...]]
"""A value of a chart by its path, `|` between keys, and what it may be."""

FALSE, TRUE = (False, "false"), (True, "true")

ARGO_CD: tuple[Setting, ...] = (
    ("configs|cm|admin.enabled", FALSE),
    ("configs|cm|users.anonymous.enabled", FALSE),
    ("configs|cm|exec.enabled", FALSE),
    ("configs|params|server.disable.auth", FALSE),
    ("configs|params|server.insecure", FALSE),
    ("configs|rbac|policy.default", ("", "role:readonly")),
    ("global|networkPolicy|create", TRUE),
    ("global|networkPolicy|defaultDenyIngress", TRUE),
)
GRAFANA: tuple[Setting, ...] = (
    ("grafana.ini|auth.anonymous|enabled", FALSE),
    ("grafana.ini|users|allow_sign_up", FALSE),
    ("grafana.ini|security|cookie_samesite", ("strict",)),
    ("rbac|create", FALSE),
    ("automountServiceAccountToken", FALSE),
)
PROMETHEUS: tuple[Setting, ...] = (
    ("prometheus|prometheusSpec|enableAdminAPI", FALSE),
    ("grafana|enabled", FALSE),
)
CALICO: tuple[Setting, ...] = (
    ("defaultFelixConfiguration|enabled", TRUE),
    ("defaultFelixConfiguration|wireguardEnabled", TRUE),
)


def _is_wild(value: Any) -> bool:
    return value is None or "*" in str(value)


def _reaches_everywhere(resource: Resource) -> Iterable[str]:
    destinations = each(spec_of(resource), "destinations")
    if not destinations:
        yield "it names no destination"
    for one in destinations:
        if at(one, "server") != IN_CLUSTER:
            yield f"a destination is {at(one, 'server') or at(one, 'name')}, not {IN_CLUSTER}"
        if _is_wild(at(one, "namespace")):
            yield f"a destination is the namespace {at(one, 'namespace')}"


def _installs_from_everywhere(resource: Resource) -> Iterable[str]:
    for url in each(spec_of(resource), "sourceRepos"):
        if PASSWORD.search(url):
            yield "a source's address holds a password"
        elif "*" in url or not url.startswith(("https://", "ssh://", "git@")):
            yield f"a source is {url}"


def _installs_everything(resource: Resource) -> Iterable[str]:
    for key in ("clusterResourceWhitelist", "namespaceResourceWhitelist"):
        for one in each(spec_of(resource), key):
            if _is_wild(at(one, "group")) or _is_wild(at(one, "kind")):
                yield f"{key} has {at(one, 'kind')} of {at(one, 'group') or 'the core'}"
    if "clusterResourceWhitelist" not in spec_of(resource):
        yield "clusterResourceWhitelist is not set"


def _outside_its_project(stack: Stack) -> Iterable[tuple[Resource, str]]:
    projects = {name_of(one): spec_of(one) for one in stack.of(APP_PROJECT)}
    for application in stack.of(APPLICATION):
        name = at(spec_of(application), "project")
        if name not in projects:
            yield application, f"its project {name} is none of this stack's; default may install everything everywhere"
            continue
        target = at(spec_of(application), "destination") or {}
        if not any(
            at(one, "namespace") == at(target, "namespace") and at(one, "server") == at(target, "server")
            for one in each(projects[name], "destinations")
        ):
            yield application, f"its destination {at(target, 'namespace')} is none of the project {name}'s"
        for source in sources(application):
            if at(source, "repoURL") not in list(each(projects[name], "sourceRepos")):
                yield application, f"its source {at(source, 'repoURL')} is none of the project {name}'s"


def _takes_any_commit(stack: Stack) -> Iterable[tuple[Resource, str]]:
    """What Argo CD takes from Git without asking whose it is."""
    projects = {name_of(one): one for one in stack.of(APP_PROJECT)}
    for application in stack.of(APPLICATION):
        project = projects.get(at(spec_of(application), "project"))
        for source in sources(application):
            if project and not at(source, "chart") and not _asks_for_signature(project, str(at(source, "repoURL"))):
                yield project, f"{name_of(application)} takes whoever's commit from {at(source, 'repoURL')}"


def _asks_for_signature(project: Resource, repository: str) -> bool:
    return any(
        each(policy, "gpg", "keys")
        and at(policy, "gpg", "mode") in SIGNED
        and repository in [at(one, "url") for one in each(policy, "repos")]
        for policy in each(spec_of(project), "sourceIntegrity", "git", "policies")
    )


def _version_moves(resource: Resource) -> Iterable[str]:
    for source in sources(resource):
        revision = str(at(source, "targetRevision") or "")
        if at(source, "chart") and not EXACT_VERSION.fullmatch(revision):
            yield f"chart {source['chart']}: targetRevision is {revision or 'not set'}, not one version"
        elif not at(source, "chart") and (revision in MOVING or RANGE.search(revision)):
            yield f"targetRevision is {revision or 'not set'}: what is not rendered and reviewed would be installed"


def _drifts(resource: Resource) -> Iterable[str]:
    for key in ("prune", "selfHeal"):
        if at(spec_of(resource), "syncPolicy", "automated", key) is not True:
            yield f"syncPolicy.automated.{key} is not true: what is changed or left by hand stays"
    for option in each(spec_of(resource), "syncPolicy", "syncOptions"):
        if option in {"Validate=false", "Replace=true", "Force=true", "CreateNamespace=true"}:
            yield f"the sync option {option} goes round a check"


def _weakens_pods(resource: Resource) -> Iterable[str]:
    shared = at(spec_of(resource), "destination", "namespace") == SHARED_NAMESPACE
    for chart, values in charts(resource):
        for path, key, value in everywhere(values):
            if key in UNPROTECTED and value == UNPROTECTED[key] and isinstance(value, bool | int | float):
                yield f"chart {chart}: {path} is {value}"
            if key in HOST_KEYS and value is True and not shared:
                yield f"chart {chart}: {path} is true, outside {SHARED_NAMESPACE}"
            if path.endswith("capabilities.add") and value:
                yield f"chart {chart}: {path} is {', '.join(value)}"
            if key == "seccompProfile" and at(value, "type") == "Unconfined":
                yield f"chart {chart}: {path}.type is Unconfined"


def _image_moves(resource: Resource) -> Iterable[str]:
    for chart, values in charts(resource):
        for path, key, value in everywhere(values):
            if key == "tag" and str(value) in {"", "latest"}:
                yield f"chart {chart}: {path} is {value or 'empty'}"


def _set_as(chart: str, settings: tuple[Setting, ...]) -> Callable[[Resource], Iterable[str]]:
    """A check that a chart's values are as listed; one that is not set is not as listed."""

    def check(resource: Resource) -> Iterable[str]:
        for name, values in charts(resource):
            if name != chart:
                continue
            for path, allowed in settings:
                if (found := at(values, *path.split("|"))) not in allowed:
                    yield f"chart {chart}: {path.replace('|', '.')} is {found}, not {allowed[-1] or 'empty'}"

    return check


def _argo_cd_is_open(resource: Resource) -> Iterable[str]:
    yield from _set_as("argo-cd", ARGO_CD)(resource)
    for chart, values in charts(resource):
        if chart == "argo-cd" and GRANTS_ALL.search(str(at(values, "configs", "rbac", "policy.csv") or "")):
            yield "chart argo-cd: configs.rbac.policy.csv allows a role everything"


def _writes_any_name(resource: Resource) -> Iterable[str]:
    for chart, values in charts(resource):
        if chart == "external-dns" and not each(values, "domainFilters"):
            yield "chart external-dns: domainFilters is empty: it may write every name of every zone that it reaches"


def _grafana_is_open(resource: Resource) -> Iterable[str]:
    yield from _set_as("grafana", GRAFANA)(resource)
    for chart, values in charts(resource):
        if chart == "grafana" and (at(values, "adminPassword") or not at(values, "admin", "existingSecret")):
            yield "chart grafana: the administrator's password is not taken from admin.existingSecret"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="argocd-project-destinations",
        title="A project installs into namespaces that it names, of this cluster",
        controls=("Argo CD: Projects", "Argo CD: Security"),
        severity=Severity.HIGH,
        remedy=f"List each namespace with server: {IN_CLUSTER}.",
        types=frozenset({APP_PROJECT}),
        check=_reaches_everywhere,
    ),
    ResourceRule(
        name="argocd-project-sources",
        title="A project installs from repositories that it names",
        controls=("Argo CD: Projects", "NSA/CISA Kubernetes Hardening Guide 1.2: Building secure container images"),
        severity=Severity.HIGH,
        remedy="List each repository's https:// address in sourceRepos.",
        types=frozenset({APP_PROJECT}),
        check=_installs_from_everywhere,
    ),
    ResourceRule(
        name="argocd-project-kinds",
        title="A project installs kinds of the cluster's scope that it names",
        controls=("Argo CD: Projects", "CIS Kubernetes 1.12 5.1.3"),
        severity=Severity.HIGH,
        remedy="List each group and kind in clusterResourceWhitelist.",
        types=frozenset({APP_PROJECT}),
        check=_installs_everything,
    ),
    StackRule(
        name="argocd-application-within-project",
        title="An Application keeps to a project of this stack",
        controls=("Argo CD: Projects",),
        severity=Severity.HIGH,
        remedy="Name the system's project, and a destination and source of it.",
        check=_outside_its_project,
    ),
    StackRule(
        name="argocd-commits-signed",
        title="Argo CD takes a commit only if a key that the project names signed it",
        controls=("Argo CD: Source Integrity Verification", "SLSA 1.0 threats: (B) Compromise source repo"),
        severity=Severity.HIGH,
        remedy="Put the publisher's public key into eco2.gitops.signing_keys; the page Delivery, 3, has the commands.",
        check=_takes_any_commit,
    ),
    ResourceRule(
        name="argocd-revision-pinned",
        title="A chart is installed in one version, and rendered manifests from their own branch",
        controls=(
            "Argo CD: Best Practices, Ensuring Manifests At Git Revisions Are Truly Immutable",
            "SLSA 1.0 threats: (G) Compromise package repo",
        ),
        severity=Severity.HIGH,
        remedy="Set targetRevision to the chart's whole version (1.2.3), or to the rendered branch.",
        types=frozenset({APPLICATION}),
        check=_version_moves,
    ),
    ResourceRule(
        name="argocd-self-heal",
        title="What is changed by hand is put back",
        controls=("Argo CD: Automated Sync Policy",),
        severity=Severity.MEDIUM,
        remedy="Set syncPolicy.automated.prune and selfHeal to true, and no option that skips a check.",
        types=frozenset({APPLICATION}),
        check=_drifts,
    ),
    ResourceRule(
        name="kubernetes-chart-restricted",
        title="No chart's values weaken the security of its pods",
        controls=("PSS restricted: enforced by the namespace", "CIS Kubernetes 1.12 5.6.3"),
        severity=Severity.HIGH,
        remedy="Set the value as the restricted standard asks, or remove it when the chart's own default does.",
        types=frozenset({APPLICATION}),
        check=_weakens_pods,
    ),
    ResourceRule(
        name="kubernetes-chart-image-pinned",
        title="No chart's image is set to a moving tag",
        controls=("CIS Kubernetes 1.12 5.5.1", "Kubescape C-0075"),
        severity=Severity.HIGH,
        remedy="Name the release, or leave the tag to the pinned chart.",
        types=frozenset({APPLICATION}),
        check=_image_moves,
    ),
    ResourceRule(
        name="argocd-closed",
        title="Argo CD has no anonymous user, no administrator, no shell, and speaks TLS",
        controls=("Argo CD: Security", "Argo CD: RBAC Configuration"),
        severity=Severity.CRITICAL,
        remedy="Set the value as the finding says, in the chart's values.",
        types=frozenset({APPLICATION}),
        check=_argo_cd_is_open,
    ),
    ResourceRule(
        name="grafana-closed",
        title="Grafana knows nobody who has not logged in, and its password is a fetched secret",
        controls=("Grafana: Configure security", "CIS Kubernetes 1.12 5.4.2"),
        severity=Severity.HIGH,
        remedy="Set the value as the finding says, in the chart's values.",
        types=frozenset({APPLICATION}),
        check=_grafana_is_open,
    ),
    ResourceRule(
        name="prometheus-closed",
        title="Prometheus' history cannot be deleted over HTTP, and its chart brings no Grafana with a known password",
        controls=("Prometheus: Security model",),
        severity=Severity.MEDIUM,
        remedy="Set the value as the finding says, in the chart's values.",
        types=frozenset({APPLICATION}),
        check=_set_as("kube-prometheus-stack", PROMETHEUS),
    ),
    ResourceRule(
        name="calico-encrypted",
        title="Pods' packets are encrypted between nodes",
        controls=("NSA/CISA Kubernetes Hardening Guide 1.2: Network separation and hardening",),
        severity=Severity.HIGH,
        remedy="Set the value as the finding says, in the chart's values.",
        types=frozenset({APPLICATION}),
        check=_set_as("tigera-operator", CALICO),
    ),
    ResourceRule(
        name="external-dns-own-names",
        title="ExternalDNS writes names below the stack's own domain alone",
        controls=("AWS Well-Architected SEC03-BP02 Grant least privilege access",),
        severity=Severity.MEDIUM,
        remedy="List the system's domain in the chart's domainFilters.",
        types=frozenset({APPLICATION}),
        check=_writes_any_name,
    ),
)
