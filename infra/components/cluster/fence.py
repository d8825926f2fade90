"""What the API server refuses in some namespaces, whoever brings it: objects that reach for what is another's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.admission_policy import deny
from infra.components.cluster.metadata import metadata
from infra.components.component import PlatformComponent

SERVICES = ".svc.cluster.local"
OF_SERVICES = "matches('(?i)[.]svc[.]cluster[.]local[.]?$')"
"""However it is spelled: what begins or ends differently is no service's name to Istio, and none that is let through here."""

CONTROLLERS = "system:serviceaccounts:kube-system"
"""The group of Kubernetes' own controllers, which write a Service's addresses from the pods that it selects."""

RESOURCES = {
    "": ["endpoints", "pods", "services"],
    "discovery.k8s.io": ["endpointslices"],
    "networking.istio.io": ["destinationrules", "gateways", "serviceentries", "virtualservices"],
    "external-secrets.io": ["externalsecrets", "secretstores"],
    "argoproj.io": ["analysisruns", "analysistemplates", "experiments", "rollouts"],
    "monitoring.coreos.com": [
        "alertmanagerconfigs", "podmonitors", "probes", "prometheusrules", "scrapeconfigs", "servicemonitors",
    ],
}  # fmt: skip

STEPS = ("analysis", "pause", "setCanaryScale", "setWeight")
"""What a Rollout's step may be."""

ASKED = ("address", "authentication", "query", "rangeQuery", "timeout")
"""What may be said of Prometheus: not whom else to ask. Of the ways to be somebody the controller writes each, empty."""


RECEIVERS = ("emailConfigs", "name", "slackConfigs")
"""What a receiver of alerts may be: SNS would be told with the cluster's own role, and a webhook could be anybody's address."""

MONITORED = ("interval", "path", "port")
"""What a PodMonitor says of an endpoint: labels are Prometheus' own, not the pod's to say, and no address is written over."""


@dataclass(frozen=True, kw_only=True)
class FenceArgs:
    """The namespaces of one tenant, its public hosts, and the ClusterSecretStore from which it fetches what is below `path`.

    Its alerts have the label `namespace: <home>`, and the names of series that it records begin with `recorded`. `reader` is the
    account whose role the store reads with: no pod's. Without a store it fetches nothing. `prometheus` is the one address that its
    releases are judged by; without one none is gradual.
    """

    name: str
    namespaces: Sequence[str]
    hosts: Sequence[str]
    home: str
    recorded: str
    store: str | None = None
    path: str = ""
    reader: str = ""
    prometheus: str | None = None
    wave: int = 0


def fence(args: FenceArgs) -> dict[str, Any]:
    """The ValidatingAdmissionPolicy's spec.

    Istio takes a VirtualService of any namespace for any host, with a route to any service: the gateway is trusted by all that it
    calls, and what a route sets on a request, such as a user's id, is believed.
    """
    if not args.namespaces:
        raise ValueError(f"fence {args.name}: it is around no namespace")
    if bool(args.store) != bool(args.reader):
        raise ValueError(f"fence {args.name}: a store and the account that it reads with are given together")
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "namespaceSelector": {
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "In", "values": sorted(args.namespaces)}
                ]
            },
            "resourceRules": [
                {"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": resources}
                for group, resources in RESOURCES.items()
            ],
        },
        "validations": [
            {"expression": expression, "message": message, "reason": "Forbidden"}
            for expression, message in (
                *_addresses(),
                *_routes(args),
                *_names(args),
                *_secrets(args),
                *_releases(args),
                *_alerts(args),
            )
        ],
    }


def _addresses() -> Sequence[tuple[str, str]]:
    """A Service of one's own that leads elsewhere is another's by a name that no route betrays: Istio follows an ExternalName."""
    internal = "object.spec.?type.orValue('ClusterIP') == 'ClusterIP' && has(object.spec.selector)"
    return (
        (
            f"object.kind != 'Service' || ({internal} && object.spec.?externalIPs.orValue([]).size() == 0)",
            "A Service is of type ClusterIP, selects pods of its namespace, and claims no address outside",
        ),
        (
            f"!(object.kind in ['Endpoints', 'EndpointSlice']) || '{CONTROLLERS}' in request.userInfo.groups",
            "Addresses of a Service are written by Kubernetes, from the pods that it selects",
        ),
    )


def _own(host: str, args: FenceArgs) -> str:
    """Whether a host is a service of its own: by its whole name, or by a name without a dot, which Istio looks for beside it."""
    ends = " || ".join(f"{host}.endsWith('.{namespace}{SERVICES}')" for namespace in sorted(args.namespaces))
    return f"(({ends} || !{host}.contains('.')) && !{host}.contains('*'))"


def _not_anothers(host: str, args: FenceArgs) -> str:
    return f"({_own(host, args)} || !({host}.{OF_SERVICES} || {host}.contains('*')))"


def _routes(args: FenceArgs) -> Sequence[tuple[str, str]]:
    hosts = json.dumps(sorted(args.hosts))
    to = _not_anothers("to.destination.host", args)
    routes = " && ".join(
        f"object.spec.?{kind}.orValue([]).all(rule, rule.?route.orValue([]).all(to, {to}))"
        for kind in ("http", "tcp", "tls")
    )
    mirrored = (
        "object.spec.?http.orValue([]).all(rule, !has(rule.delegate)"
        f" && (!has(rule.mirror) || {_not_anothers('rule.mirror.host', args)})"
        f" && rule.?mirrors.orValue([]).all(to, {to}))"
    )
    return (
        ("object.kind != 'Gateway'", "A way into the mesh is the cluster's to make"),
        (
            f"object.kind != 'VirtualService' || object.spec.?hosts.orValue([]).all(host, host in {hosts} || {_own('host', args)})",
            f"A route is for {', '.join(sorted(args.hosts)) or 'no public host'} and for services of the tenant's own namespaces",
        ),
        (
            f"object.kind != 'VirtualService' || ({routes} && {mirrored})",
            "A route leads to services of the tenant's own namespaces, or out of the cluster",
        ),
    )


def _names(args: FenceArgs) -> Sequence[tuple[str, str]]:
    alone = "object.spec.?exportTo.orValue([]) == ['.']"
    outside = f"!object.spec.host.{OF_SERVICES} && {alone}"
    return (
        (
            f"object.kind != 'DestinationRule' || {_own('object.spec.host', args)} || ({outside})",
            "A DestinationRule is for a service of the tenant's own; one for a host outside has exportTo: ['.']",
        ),
        (
            f"object.kind != 'ServiceEntry' || ({alone} && object.spec.hosts.all(host, !host.{OF_SERVICES}))",
            "A ServiceEntry is for hosts outside, and has exportTo: ['.']",
        ),
    )


def _secrets(args: FenceArgs) -> Sequence[tuple[str, str]]:
    if not args.store:
        return (("!(object.kind in ['ExternalSecret', 'SecretStore'])", "This tenant fetches no secrets"),)
    below = (
        "object.spec.?data.orValue([]).all(one, !has(one.sourceRef)"
        f" && one.remoteRef.key.startsWith('{args.path}/') && !one.remoteRef.key.contains('..'))"
    )
    ref = "object.spec.?secretStoreRef"
    store = f"{ref}.?name.orValue('') == '{args.store}' && {ref}.?kind.orValue('') == 'ClusterSecretStore'"
    reader = f"object.kind != 'Pod' || object.spec.?serviceAccountName.orValue('') != '{args.reader}'"
    return (
        (reader, f"The account {args.reader} reads every parameter of the tenant's: no pod runs as it"),
        ("object.kind != 'SecretStore'", f"Secrets are fetched by the ClusterSecretStore {args.store} alone"),
        (
            f"object.kind != 'ExternalSecret' || ({store} && !has(object.spec.dataFrom) && {below})",
            f"An ExternalSecret names parameters below {args.path}/, one by one, of the ClusterSecretStore {args.store}",
        ),
    )


def _releases(args: FenceArgs) -> Sequence[tuple[str, str]]:
    """Argo Rollouts acts in all of the cluster with its own account: what a tenant may tell it to is said here."""
    if not args.prometheus:
        kinds = "['AnalysisRun', 'AnalysisTemplate', 'Experiment', 'Rollout']"
        return ((f"!(object.kind in {kinds})", "This tenant's releases are not gradual"),)
    canary = "object.spec.?strategy.?canary"
    istio = f"{canary}.?trafficRouting.?istio"
    # `<name>.<namespace>` is a VirtualService of that namespace to the controller, whose rights the tenant has not.
    own = (
        f"!{istio}.?virtualService.?name.orValue('').contains('.')"
        f" && {istio}.?virtualServices.orValue([]).all(one, !one.name.contains('.'))"
    )
    plain = (
        f"{canary}.?steps.orValue([]).all(step, {_keys('step', STEPS)} && {_nearby('step.?analysis.?templates')})"
        f" && {_nearby(f'{canary}.?analysis.?templates')}"
    )
    meshed = _keys(f"{canary}.?trafficRouting.orValue({{}})", ("istio",))
    return (
        ("object.kind != 'Experiment'", "A release is tried by its Rollout's steps; experiments are nobody's"),
        (f"object.kind != 'Rollout' || ({own})", "A Rollout shifts routes of its own namespace, named without another"),
        (f"object.kind != 'Rollout' || ({meshed})", "A Rollout shifts traffic in the mesh alone"),
        (
            f"object.kind != 'Rollout' || ({plain})",
            f"A Rollout's steps are {', '.join(STEPS)}, and its templates of its own namespace",
        ),
        (
            f"!(object.kind in ['AnalysisRun', 'AnalysisTemplate']) || ({_judged(args.prometheus)})",
            f"A release is judged by Prometheus at {args.prometheus}, as nobody, and by no secret",
        ),
    )


def _judged(prometheus: str) -> str:
    asked = "one.provider.?prometheus.orValue({})"
    nobody = f"{asked}.?authentication.orValue({{}})"
    metrics = (
        f"object.spec.?metrics.orValue([]).all(one, {_keys('one.provider', ('prometheus',))}"
        f" && {asked}.?address.orValue('') == '{prometheus}' && {_keys(asked, ASKED)}"
        f" && {nobody}.all(way, size({nobody}[way]) == 0))"
    )
    secrets = "object.spec.?args.orValue([]).all(one, !one.?valueFrom.?secretKeyRef.hasValue())"
    return f"{metrics} && {secrets} && {_nearby('object.spec.?templates')}"


def _alerts(args: FenceArgs) -> Sequence[tuple[str, str]]:
    """Prometheus evaluates all rules as one, over all series: whose an alert is, and who hears it, its label `namespace` says.

    A recorded series could else be one that another's rules ask for, such as whether its pods are ready.
    """
    rules = "object.spec.?groups.orValue([]).all(group, group.?rules.orValue([]).all(rule,"
    own = f"{rules} !has(rule.alert) || rule.?labels[?'namespace'].orValue('') == '{args.home}'))"
    recorded = f"{rules} !has(rule.record) || rule.record.startsWith('{args.recorded}')))"
    monitored = (
        "object.spec.?namespaceSelector.?any.orValue(false) == false"
        f" && object.spec.?namespaceSelector.?matchNames.orValue([]).all(one, one in {json.dumps(sorted(args.namespaces))})"
        " && !has(object.spec.jobLabel) && !has(object.spec.podTargetLabels)"
        f" && object.spec.?podMetricsEndpoints.orValue([]).all(one, {_keys('one', MONITORED)})"
    )
    told = f"object.spec.?receivers.orValue([]).all(one, {_keys('one', RECEIVERS)})"
    others = "['Probe', 'ScrapeConfig', 'ServiceMonitor']"
    return (
        (
            f"object.kind != 'PrometheusRule' || ({own})",
            f"An alert has the label namespace: {args.home}, as a plain word: it says whose it is",
        ),
        (
            f"object.kind != 'PrometheusRule' || ({recorded})",
            f"The name of a series that is recorded begins with {args.recorded}",
        ),
        (
            f"object.kind != 'PodMonitor' || ({monitored})",
            f"A PodMonitor is for pods of the tenant's own namespaces, and says of them {', '.join(MONITORED)}",
        ),
        (f"!(object.kind in {others})", "Prometheus is told of pods by PodMonitors"),
        (f"object.kind != 'AlertmanagerConfig' || ({told})", "Alerts go to Slack or by mail"),
    )


def _keys(of: str, allowed: Sequence[str]) -> str:
    """That it has no others: what a later release adds is not let in by itself."""
    return f"{of}.all(key, key in {json.dumps(list(allowed))})"


def _nearby(templates: str) -> str:
    return f"{templates}.orValue([]).all(each, !each.?clusterScope.orValue(false))"


class Fence(PlatformComponent):
    """The tenant's namespaces hold nothing that is another's in the mesh or among the secrets.

    Resources: a ValidatingAdmissionPolicy and its ValidatingAdmissionPolicyBinding.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:Fence"

    def __init__(self, name: str, args: FenceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        deny(name, metadata(args.name, wave=args.wave), fence(args), self.child)
        self.register_outputs({})
