"""Kubernetes objects as the rules read them: pods wherever they are written, labels and selectors, a chart's values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from policy.remembered import once_per_resource
from policy.rules.model import Resource, Stack

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
STATEFUL_SET = "kubernetes:apps/v1:StatefulSet"
DAEMON_SET = "kubernetes:apps/v1:DaemonSet"
REPLICA_SET = "kubernetes:apps/v1:ReplicaSet"
JOB = "kubernetes:batch/v1:Job"
CRON_JOB = "kubernetes:batch/v1:CronJob"
ROLLOUT = "kubernetes:argoproj.io/v1alpha1:Rollout"
ANALYSIS_TEMPLATE = "kubernetes:argoproj.io/v1alpha1:AnalysisTemplate"
POD = "kubernetes:core/v1:Pod"
NAMESPACE = "kubernetes:core/v1:Namespace"
SERVICE = "kubernetes:core/v1:Service"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SECRET = "kubernetes:core/v1:Secret"  # noqa: S105  a type token
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
DISRUPTION_BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"
APP_PROJECT = "kubernetes:argoproj.io/v1alpha1:AppProject"
CLUSTER_SECRET_STORE = "kubernetes:external-secrets.io/v1:ClusterSecretStore"  # noqa: S105
EXTERNAL_SECRET = "kubernetes:external-secrets.io/v1:ExternalSecret"  # noqa: S105

SERVERS = frozenset({DEPLOYMENT, ROLLOUT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, POD})
"""What runs until it is stopped."""

PODS = SERVERS | {JOB, CRON_JOB}
"""Everything that a pod is written in."""

DEFAULT_NAMESPACE = "default"


def at(value: Any, *keys: str) -> Any:
    """What stands at a path of nested mappings; None for what is not there."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def each(value: Any, *keys: str) -> Sequence[Any]:
    """The list at a path; empty when there is none."""
    found = at(value, *keys)
    return found if isinstance(found, Sequence) and not isinstance(found, str) else ()


@once_per_resource
def name_of(resource: Resource) -> str:
    """The object's own name, which is not its logical one."""
    return str(at(resource.props, "metadata", "name") or "")


@once_per_resource
def namespace_of(resource: Resource) -> str:
    return str(at(resource.props, "metadata", "namespace") or DEFAULT_NAMESPACE)


@once_per_resource
def spec_of(resource: Resource) -> Mapping[str, Any]:
    return at(resource.props, "spec") or {}


def number(value: Any) -> str:
    """A number as people write it: the engine's are all floats."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def annotation(resource: Resource, name: str) -> str:
    return str(at(resource.props, "metadata", "annotations", name) or "")


def pod_template(resource: Resource) -> Mapping[str, Any]:
    """The pod as its owner writes it: `metadata` and `spec`."""
    if resource.type == POD:
        return resource.props
    if resource.type == CRON_JOB:
        return at(spec_of(resource), "jobTemplate", "spec", "template") or {}
    return at(spec_of(resource), "template") or {}


def pod_spec(resource: Resource) -> Mapping[str, Any]:
    return at(pod_template(resource), "spec") or {}


def pod_labels(resource: Resource) -> Mapping[str, str]:
    return at(pod_template(resource), "metadata", "labels") or {}


def job_spec(resource: Resource) -> Mapping[str, Any]:
    """What a Job, or each Job of a CronJob, is told."""
    return (at(spec_of(resource), "jobTemplate", "spec") if resource.type == CRON_JOB else spec_of(resource)) or {}


def containers(resource: Resource) -> Iterator[Mapping[str, Any]]:
    """Every container of the pod: those that run, those that run first, and those that are added to look into it."""
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        yield from each(pod_spec(resource), kind)


def in_each_container(
    wrong: Callable[[Mapping[str, Any], Mapping[str, Any]], Iterable[str]],
) -> Callable[[Resource], Iterable[str]]:
    """A check of each container beside its pod, as a check of the pod: what it finds begins with the container's name."""

    def check(resource: Resource) -> Iterable[str]:
        pod = pod_spec(resource)
        for container in containers(resource):
            for found in wrong(container, pod):
                yield f"container {at(container, 'name')}: {found}"

    return check


def selects(selector: Any, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes these labels; an empty one takes all, none takes nothing."""
    if selector is None:
        return False
    wanted = at(selector, "matchLabels") or {}
    return all(labels.get(key) == wanted[key] for key in wanted) and all(
        _expression_holds(one, labels) for one in each(selector, "matchExpressions")
    )


def _expression_holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), list(each(expression, "values"))
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[expression["operator"]]


def sources(application: Resource) -> list[Mapping[str, Any]]:
    """What an Argo CD Application installs: its one source, or its several."""
    one = at(spec_of(application), "source")
    return [*([one] if one else []), *each(spec_of(application), "sources")]


def charts(application: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each chart of an Argo CD Application, by name, with its values."""
    for source in sources(application):
        if chart := at(source, "chart"):
            yield chart, at(source, "helm", "valuesObject") or {}


@once_per_resource
def chart_keys(application: Resource) -> tuple[tuple[str, str, str, Any], ...]:
    """Every key of every chart's values: the chart, the dotted path, the key and what it holds."""
    return tuple((chart, *found) for chart, values in charts(application) for found in everywhere(values))


def chart_values(stack: Stack, chart: str) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Each Application that installs this chart, with the chart's values."""
    for application in stack.of(APPLICATION):
        for name, values in charts(application):
            if name == chart:
                yield application, values


def everywhere(value: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Every key below a value, at whatever depth: the dotted path, the key and what it holds."""
    if isinstance(value, Mapping):
        for key in value:
            here = f"{path}.{key}" if path else str(key)
            yield here, str(key), value[key]
            yield from everywhere(value[key], here)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            yield from everywhere(item, f"{path}.{index}" if path else str(index))
