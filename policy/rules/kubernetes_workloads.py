"""Workloads outlive a node, a roll-out and a mistake: budgets, spreading, volumes that stay, jobs that end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policy.kubernetes_objects import (
    APPLICATION,
    AUTOSCALER,
    CONFIG_MAP,
    CRON_JOB,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    JOB,
    NAMESPACE,
    ROLLOUT,
    STATEFUL_SET,
    annotation,
    at,
    chart_keys,
    chart_values,
    containers,
    each,
    job_spec,
    name_of,
    namespace_of,
    number,
    pod_labels,
    pod_spec,
    selects,
    spec_of,
)
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

VOLUME_DRIVER = "aws-ebs-csi-driver"

ALL = "100%"

DATABASE_IMAGE = re.compile(r"/postgres(ql)?[:@]")

AUTHENTICATED = frozenset({"scram-sha-256", "cert", "reject"})
"""PostgreSQL's methods that prove who is there, or let nobody in."""


def _fewest(stack: Stack, workload: Resource) -> Any:
    """How many pods there are at least: an autoscaler's least, or what the workload itself says."""
    for one in stack.of(AUTOSCALER):
        target = at(spec_of(one), "scaleTargetRef")
        if namespace_of(one) == namespace_of(workload) and at(target, "name") == name_of(workload):
            return at(spec_of(one), "minReplicas") or 1
    return at(spec_of(workload), "replicas") or 1


def _replicated(stack: Stack) -> Iterator[Resource]:
    """Workloads of more than one pod."""
    for one in stack.of(DEPLOYMENT, ROLLOUT, STATEFUL_SET):
        if _fewest(stack, one) > 1:
            yield one


def _without_a_budget(stack: Stack) -> Iterable[tuple[Resource, str]]:
    budgets = stack.of(DISRUPTION_BUDGET)
    for workload in _replicated(stack):
        if not any(
            namespace_of(one) == namespace_of(workload) and selects(at(spec_of(one), "selector"), pod_labels(workload))
            for one in budgets
        ):
            yield (
                workload,
                f"{number(_fewest(stack, workload))} replicas, and no PodDisruptionBudget selects them",
            )


def _budget_allows_all_or_nothing(resource: Resource) -> Iterable[str]:
    at_most, at_least = at(spec_of(resource), "maxUnavailable"), at(spec_of(resource), "minAvailable")
    if at_most in {0, "0", "0%"} or at_least == ALL:
        yield "it allows no eviction: the node cannot be drained"
    if at_most == ALL or at_least in {0, "0", "0%"} or (at_most is None and at_least is None):
        yield "it allows every pod to be evicted at once"


def _in_one_place(stack: Stack) -> Iterable[tuple[Resource, str]]:
    for workload in _replicated(stack):
        pod = pod_spec(workload)
        if not each(pod, "topologySpreadConstraints") and not at(pod, "affinity", "podAntiAffinity"):
            yield (
                workload,
                "its replicas may all run on one node: neither topologySpreadConstraints nor podAntiAffinity",
            )


def _claims(stack: Stack) -> Iterator[tuple[Resource, str, str]]:
    """Each claim of a volume: who makes it, what it is called there, and the class that it asks for."""
    for one in stack.of(STATEFUL_SET):
        for claim in each(spec_of(one), "volumeClaimTemplates"):
            yield one, f"claim {at(claim, 'metadata', 'name')}", at(claim, "spec", "storageClassName") or ""
    for one in stack.of(APPLICATION):
        for chart, path, key, value in chart_keys(one):
            if key == "storageClassName":
                yield one, f"chart {chart}, {path}", str(value)


def _classes(stack: Stack) -> dict[str, tuple[Resource, Mapping[str, Any]]]:
    """The storage classes that the volume driver's chart makes, by name."""
    return {
        at(one, "name"): (application, one)
        for application, values in chart_values(stack, VOLUME_DRIVER)
        for one in each(values, "storageClasses")
    }


def _plain_volumes(stack: Stack) -> Iterable[tuple[Resource, str]]:
    for name, (application, one) in _classes(stack).items():
        if str(at(one, "parameters", "encrypted")).lower() != "true":
            yield application, f"storage class {name}: parameters.encrypted is {at(one, 'parameters', 'encrypted')}"


def _unknown_classes(stack: Stack) -> Iterable[tuple[Resource, str]]:
    known = _classes(stack)
    for owner, claim, name in _claims(stack):
        if name not in known:
            yield owner, f"{claim}: the class {name or '(none)'} is none of {', '.join(known) or 'none'}"


def _volumes_that_go(stack: Stack) -> Iterable[tuple[Resource, str]]:
    for name, (application, one) in _classes(stack).items():
        if at(one, "reclaimPolicy") != "Retain":
            yield application, f"storage class {name}: reclaimPolicy is {at(one, 'reclaimPolicy')}, not Retain"
    for owner in stack.of(STATEFUL_SET):
        for when in ("whenDeleted", "whenScaled"):
            found = at(spec_of(owner), "persistentVolumeClaimRetentionPolicy", when)
            if found not in {None, "Retain"}:
                yield owner, f"persistentVolumeClaimRetentionPolicy.{when} is {found}, not Retain"


def _is_pruned(resource: Resource) -> Iterable[str]:
    if "Prune=false" not in annotation(resource, "argocd.argoproj.io/sync-options").split(","):
        yield f"Argo CD deletes {name_of(resource)} when it is missing from the branch: no sync option Prune=false"


def _is_not_backed_up(stack: Stack) -> Iterable[tuple[Resource, str]]:
    backed_up = {namespace_of(one) for one in stack.of(CRON_JOB)}
    for server in stack.of(STATEFUL_SET):
        images = [str(at(one, "image")) for one in containers(server)]
        if any(DATABASE_IMAGE.search(image) for image in images) and namespace_of(server) not in backed_up:
            yield server, f"no CronJob of {namespace_of(server)} backs the database up"


def _is_unprotected(resource: Resource) -> Iterable[str]:
    if not resource.protect:
        yield "Pulumi would delete or replace it without asking"


def _knows_no_password(resource: Resource) -> Iterable[str]:
    for line in _lines(resource, "pg_hba.conf"):
        words = line.split()
        if not {*words[3:]} & AUTHENTICATED:
            yield f"pg_hba.conf lets in without a password that SCRAM proves: {' '.join(words)}"
    redis = list(_lines(resource, "redis.conf"))
    if redis and "port 0" not in redis and not any(line.startswith("aclfile ") for line in redis):
        yield "redis.conf names no aclfile: whoever reaches the port is its administrator"
    if "protected-mode no" in redis:
        yield "redis.conf has protected-mode no"


def _lines(resource: Resource, file: str) -> Iterator[str]:
    """The lines of a ConfigMap's file that say something."""
    for line in str(at(resource.props, "data", file) or "").splitlines():
        if said := " ".join(line.partition("#")[0].split()):
            yield said


def _never_ends(resource: Resource) -> Iterable[str]:
    spec = job_spec(resource)
    for key in ("activeDeadlineSeconds", "backoffLimit"):
        if at(spec, key) is None:
            yield f"{key} is not set"


def _piles_up(resource: Resource) -> Iterable[str]:
    spec = spec_of(resource)
    if at(spec, "concurrencyPolicy") not in {"Forbid", "Replace"}:
        yield f"concurrencyPolicy is {at(spec, 'concurrencyPolicy')}: a run starts while the last one still runs"
    if at(spec, "startingDeadlineSeconds") is None:
        yield "startingDeadlineSeconds is not set: a hundred missed runs end the schedule for good"
    if at(spec, "suspend"):
        yield "it is suspended"


RULES: tuple[Rule, ...] = (
    StackRule(
        name="kubernetes-disruption-budget",
        title="Replicas have a PodDisruptionBudget",
        controls=("Kubernetes: Specifying a Disruption Budget for your Application",),
        severity=Severity.MEDIUM,
        remedy="Add a PodDisruptionBudget whose selector takes the pods' labels, in their namespace.",
        check=_without_a_budget,
    ),
    ResourceRule(
        name="kubernetes-disruption-budget-useful",
        title="A PodDisruptionBudget lets some pods be evicted, and never all",
        controls=("Kubernetes: Specifying a Disruption Budget for your Application",),
        severity=Severity.MEDIUM,
        remedy="Set maxUnavailable: 1.",
        types=frozenset({DISRUPTION_BUDGET}),
        check=_budget_allows_all_or_nothing,
    ),
    StackRule(
        name="kubernetes-replicas-spread",
        title="Replicas run on different nodes",
        controls=("Kubernetes: Pod Topology Spread Constraints",),
        severity=Severity.LOW,
        remedy="Add topologySpreadConstraints over kubernetes.io/hostname, or an anti-affinity.",
        mandatory=False,
        check=_in_one_place,
    ),
    StackRule(
        name="kubernetes-volume-encrypted",
        title="The cluster's volumes are encrypted",
        controls=("AWS FSBP EC2.3", "CIS AWS 3.0 2.2.1"),
        severity=Severity.HIGH,
        remedy='Set parameters.encrypted: "true" on the storage class, in the volume driver\'s values.',
        check=_plain_volumes,
    ),
    StackRule(
        name="kubernetes-volume-class-known",
        title="Volumes are of a storage class that this stack makes",
        controls=("AWS FSBP EC2.3",),
        severity=Severity.MEDIUM,
        remedy="Name one of the storage classes in the volume driver's values: another's encryption and policy are unknown.",
        check=_unknown_classes,
    ),
    StackRule(
        name="kubernetes-volume-retained",
        title="A volume outlives its claim, and the claim its server",
        controls=("Kubernetes: Persistent Volumes, Reclaiming",),
        severity=Severity.HIGH,
        remedy="Set reclaimPolicy: Retain on the storage class, and both persistentVolumeClaimRetentionPolicy to Retain.",
        check=_volumes_that_go,
    ),
    ResourceRule(
        name="kubernetes-stateful-not-pruned",
        title="What holds data is never deleted because a file is missing",
        controls=("Argo CD: Sync Options, No Prune Resources",),
        severity=Severity.HIGH,
        remedy="Annotate it with argocd.argoproj.io/sync-options: Prune=false.",
        types=frozenset({STATEFUL_SET, NAMESPACE}),
        check=_is_pruned,
    ),
    ResourceRule(
        name="kubernetes-stateful-protected",
        title="Pulumi does not delete a server that holds data",
        controls=("AWS Well-Architected SEC08-BP04 Enforce access control",),
        severity=Severity.HIGH,
        remedy="Set platform.protect to true in the stack's file.",
        types=frozenset({STATEFUL_SET}),
        check=_is_unprotected,
    ),
    StackRule(
        name="kubernetes-database-backed-up",
        title="A database in the cluster is backed up",
        controls=("AWS Well-Architected REL09-BP03 Perform data backup automatically",),
        severity=Severity.HIGH,
        remedy="Keep a CronJob in the database's namespace that dumps it into a bucket.",
        check=_is_not_backed_up,
    ),
    ResourceRule(
        name="kubernetes-database-authenticates",
        title="PostgreSQL and Redis let nobody in without a password",
        controls=("CIS PostgreSQL 17 5.3, 5.4", "Redis: Security, Authentication"),
        severity=Severity.CRITICAL,
        remedy="Set scram-sha-256 on every line of pg_hba.conf, and an aclfile in redis.conf.",
        types=frozenset({CONFIG_MAP}),
        check=_knows_no_password,
    ),
    ResourceRule(
        name="kubernetes-job-ends",
        title="A job ends, whether it succeeds or not",
        controls=("Kubernetes: Jobs, Job termination and cleanup",),
        severity=Severity.LOW,
        remedy="Set activeDeadlineSeconds and backoffLimit.",
        types=frozenset({JOB, CRON_JOB}),
        check=_never_ends,
    ),
    ResourceRule(
        name="kubernetes-cronjob-runs-once",
        title="A scheduled job runs, and never twice at a time",
        controls=("Kubernetes: CronJob, Concurrency policy", "Kubescape C-0026"),
        severity=Severity.MEDIUM,
        remedy="Set concurrencyPolicy: Forbid and startingDeadlineSeconds, and no suspend: this is the database's backup.",
        types=frozenset({CRON_JOB}),
        check=_piles_up,
    ),
)
