"""Somebody has a tenant's rights in its namespaces: played on a real kube-apiserver with the fences that are rendered.

Argo CD's project refuses some of it as well (tests/systems/test_tenants.py); here nobody but the API server decides.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.components.cluster.admission_policy import API
from infra.components.cluster.fence import FenceArgs, fence
from infra.systems.immersiverse.document import HOME as IMMERSIVERSE
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.cluster.api_server import ApiServer, api_server
from tests.mesh.manifests import Manifest

pytestmark = pytest.mark.verify

NETWORKING, SECRETS = "networking.istio.io/v1", "external-secrets.io/v1"
GUESTS = FenceArgs(
    name="tenant-guestbook",
    namespaces=["guestbook", "guestbook-jobs"],
    hosts=["guests.eco2.example"],
    home="guestbook",
    recorded="guestbook:",
    store="guestbook-parameters",
    path="/guestbook/prod",
    reader="parameters",
    prometheus="http://prometheus-prometheus.prometheus.svc:9090",
)
SERVICE = "guestbook-api.guestbook.svc.cluster.local"
VICTIM = "my-api.my.svc.cluster.local"


def made(api: str, kind: str, spec: Manifest, name: str = "x", namespace: str = "guestbook") -> Manifest:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def routed(host: str = "guests.eco2.example", to: str = SERVICE, **rule: Any) -> Manifest:
    route = {"route": [{"destination": {"host": to, "port": {"number": 8080}}}], **rule}
    return made(NETWORKING, "VirtualService", {"hosts": [host], "gateways": ["istio-system/x"], "http": [route]})


def fetched(key: str = "/guestbook/prod/greeting", store: str = "guestbook-parameters", **spec: Any) -> Manifest:
    one = {"secretKey": "a", "remoteRef": {"key": key}}
    ref = {"kind": "ClusterSecretStore", "name": store}
    return made(SECRETS, "ExternalSecret", {"secretStoreRef": ref, "data": [one], "target": {"name": "x"}, **spec})


def entry(host: str, **spec: Any) -> Manifest:
    ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
    return made(NETWORKING, "ServiceEntry", {"hosts": [host], "ports": ports, "resolution": "DNS", **spec})


def ruled(host: str, **spec: Any) -> Manifest:
    return made(NETWORKING, "DestinationRule", {"host": host, "trafficPolicy": {"tls": {"mode": "DISABLE"}}, **spec})


def served(**spec: Any) -> Manifest:
    ports = [{"name": "http", "port": 8080}]
    return made("v1", "Service", {"ports": ports, "selector": {"app.kubernetes.io/name": "guestbook-api"}, **spec})


def running(**spec: Any) -> Manifest:
    return made("v1", "Pod", {"containers": [{"name": "x", "image": "x"}], **spec})


ARGO = "argoproj.io/v1alpha1"


def released(steps: list[Manifest] | None = None, **routing: Any) -> Manifest:
    """A Rollout that shifts its routes in the VirtualService `x` of its own namespace, but for what is said otherwise."""
    labels = {"app.kubernetes.io/name": "guestbook-api"}
    istio = {
        "virtualService": {"name": "x", "routes": ["reads"]},
        "destinationRule": {"name": "x", "stableSubsetName": "stable", "canarySubsetName": "canary"},
    }
    canary = {"trafficRouting": {"istio": istio, **routing}, "steps": steps or [{"setWeight": 10}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "c"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template, "strategy": {"canary": canary}}
    return made(ARGO, "Rollout", spec)


def judged(kind: str = "AnalysisTemplate", args: list[Manifest] | None = None, **provider: Any) -> Manifest:
    """What a release is judged by: Prometheus, but for what is said otherwise."""
    asked = provider or {"prometheus": {"address": GUESTS.prometheus, "query": "vector(1)"}}
    metric = {"name": "m", "successCondition": "true", "provider": asked}
    return made(ARGO, kind, {"metrics": [metric], **({"args": args} if args else {})})


def prometheus(**more: Any) -> Manifest:
    return judged(prometheus={"address": GUESTS.prometheus, "query": "vector(1)", **more})


MONITORING = "monitoring.coreos.com/v1"


def alerted(labels: Manifest | None = None, **group: Any) -> Manifest:
    """A rule for an alert of its own, but for what is said otherwise."""
    rule = {"alert": "Down", "expr": "vector(1)", "labels": labels or {"severity": "critical"}}
    return made(MONITORING, "PrometheusRule", {"groups": [{"name": "x", "rules": [rule], **group}]})


def recorded(name: str) -> Manifest:
    rule = {"record": name, "expr": "vector(0)", "labels": {"namespace": "my"}}
    return made(MONITORING, "PrometheusRule", {"groups": [{"name": "x", "rules": [rule]}]})


def monitored(endpoint: Manifest | None = None, **spec: Any) -> Manifest:
    asked = {"port": "metrics", "path": "/metrics", "interval": "30s", **(endpoint or {})}
    selected = {"selector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {"matchNames": ["guestbook"]}}
    return made(MONITORING, "PodMonitor", {**selected, "podMetricsEndpoints": [asked], **spec})


def told(**receiver: Any) -> Manifest:
    """Who hears its alerts: a channel, but for what is said otherwise."""
    slack = {"slackConfigs": [{"apiURL": {"name": "alerts", "key": "slack-url"}, "channel": "#guests"}]}
    spec = {"route": {"receiver": "all"}, "receivers": [{"name": "all", **(receiver or slack)}]}
    return made(f"{MONITORING}alpha1", "AlertmanagerConfig", spec)


OWN = {"severity": "critical", "namespace": "guestbook"}

SLICE = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {"name": "x", "namespace": "guestbook", "labels": {"kubernetes.io/service-name": "guestbook-api"}},
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["10.244.1.7"]}],
    "ports": [{"name": "http", "port": 8000, "protocol": "TCP"}],
}

HONEST = {
    "a pod of its own account": running(serviceAccountName="guestbook-api"),
    "one without a word of an account": running(),
    "a service of its pods": served(),
    "one without an address of its own": served(clusterIP="None"),
    "a route for its host to its service": routed(),
    "a route between its own services, by a short name": routed(host="guestbook-api", to="guestbook-api"),
    "a route to another of its namespaces": routed(to="worker.guestbook-jobs.svc.cluster.local"),
    "a route to a host outside": routed(host=SERVICE, to="www.example.com"),
    "how its service is called": ruled(SERVICE),
    "how a host outside is called": ruled("www.example.com", exportTo=["."]),
    "a host outside, for itself": entry("www.example.com", exportTo=["."]),
    "a parameter of its own": fetched(),
    "a release by steps, in its own routes": released(),
    "steps with a verdict and a pause": released(
        [{"setWeight": 10}, {"analysis": {"templates": [{"templateName": "x"}]}}, {"pause": {"duration": "1m"}}]
    ),
    "a verdict of Prometheus": judged(),
    "an alert of its own": alerted(OWN),
    "a series of its own": recorded("guestbook:up"),
    "its pods' metrics": monitored(),
    "its own channel": told(),
    "what the controller makes of it": judged(
        "AnalysisRun",
        prometheus={"address": GUESTS.prometheus, "query": "vector(1)", "authentication": {"oauth2": {}, "sigv4": {}}},
    ),
}

OTHERS_SERVICE: dict[str, Any] = {
    "headers": {"request": {"set": {"x-user-id": "somebody"}}},
    "rewrite": {"uri": "/api/v1/my/profile"},
}
STOLEN = {
    "an alert that another's people hear": alerted({"severity": "critical", "namespace": "my"}),
    "an alert whose label is its expression's, and so another's": alerted(),
    "an alert whose label is written when it is up": alerted({**OWN, "namespace": "{{ $labels.destination }}"}),
    "an alert whose label is empty": alerted({**OWN, "namespace": ""}),
    "a series as another's rules ask for it": recorded("kube_pod_status_ready"),
    "a series of another tenant's": recorded("exchange:up"),
    "its pod says whose its metrics are": monitored({"honorLabels": True}),
    "its monitor says so": monitored({"relabelings": [{"targetLabel": "namespace", "replacement": "my"}]}),
    "the same, of each series": monitored({"metricRelabelings": [{"targetLabel": "namespace", "replacement": "my"}]}),
    "its metrics are those of another's job": monitored(jobLabel="app"),
    "Prometheus asks another's pods": monitored(namespaceSelector={"matchNames": ["guestbook", "my"]}),
    "Prometheus asks everybody's": monitored(namespaceSelector={"any": True}),
    "Prometheus asks by services": made(
        MONITORING, "ServiceMonitor", {"selector": {"matchLabels": {"a": "b"}}, "endpoints": [{"port": "http"}]}
    ),
    "Prometheus asks whatever address it likes": made(
        f"{MONITORING}alpha1", "ScrapeConfig", {"staticConfigs": [{"targets": ["my-api.my:8000"]}]}
    ),
    "Prometheus asks by way of a prober": made(
        MONITORING, "Probe", {"prober": {"url": "my-api.my:8000"}, "targets": {"staticConfig": {"static": ["x"]}}}
    ),
    "Alertmanager says that all is well, as itself": told(
        snsConfigs=[{"topicARN": "arn:aws:sns:ap-northeast-2:290008131187:eco2-prod-heartbeat", "sigv4": {}}]
    ),
    "Alertmanager calls whatever address it likes": told(webhookConfigs=[{"url": "http://my-api.my:8000/"}]),
    "its service is another name of another's": served(type="ExternalName", externalName=VICTIM, selector=None),
    "its service takes an address outside": served(externalIPs=["203.0.113.7"]),
    "its service selects nothing, for addresses by hand": served(selector=None),
    "an address of another's pod as its own": SLICE,
    "its host leads to another's service, as a user that it names": routed(to=VICTIM, **OTHERS_SERVICE),
    "the same, spelled otherwise": routed(to="My-Api.my.svc.Cluster.local"),
    "a copy of its requests goes to another's service": routed(mirror={"host": VICTIM}),
    "a copy of a part of them": routed(mirrors=[{"destination": {"host": VICTIM}}]),
    "a route that another namespace finishes": routed(delegate={"name": "x", "namespace": "my"}),
    "another's public host": routed(host="api.eco2.example"),
    "every public host": routed(host="*"),
    "every host below the domain": routed(host="*.eco2.example"),
    "another's service, for everybody who calls it": routed(host=VICTIM),
    "plain TCP to another's service": made(
        NETWORKING,
        "VirtualService",
        {"hosts": ["guestbook-api"], "tcp": [{"route": [{"destination": {"host": VICTIM, "port": {"number": 5432}}}]}]},
    ),
    "no TLS to another's service": ruled(VICTIM),
    "no TLS to a host outside, for everybody": ruled("www.example.com"),
    "another's service by a name of its own": entry(VICTIM, exportTo=["."]),
    "a host outside, for everybody": entry("kapi.kakao.com"),
    "a host outside, for one other namespace": entry("kapi.kakao.com", exportTo=["my"]),
    "a way in for another's host": made(
        NETWORKING,
        "Gateway",
        {
            "selector": {"istio": "ingress-gateway"},
            "servers": [{"port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "hosts": ["api.eco2.example"]}],
        },
    ),
    "a pod as who reads all of its parameters": running(serviceAccountName="parameters"),
    "the same, by the field's old name": running(serviceAccount="parameters"),
    "the cluster's own store": fetched("/eco2/prod/jwt/secret", "eco2-parameters"),
    "another tenant's store": fetched("/exchange/prod/key", "exchange-parameters"),
    "another's parameter by its own store": fetched("/eco2/prod/jwt/secret"),
    "another's parameter that begins like its own": fetched("/guestbook/prod-other/key"),
    "another's parameter by way of its own folder": fetched("/guestbook/prod/../../eco2/prod/jwt/secret"),
    "whatever is found": fetched(dataFrom=[{"find": {"path": "/", "name": {"regexp": ".*"}}}]),
    "the controller shifts another's routes": released(istio={"virtualService": {"name": "my-vs.my"}}),
    "the same, among its own": released(istio={"virtualServices": [{"name": "x"}, {"name": "my-vs.my"}]}),
    "traffic is shifted elsewhere": released(nginx={"stableIngress": "x"}),
    "by a program that the controller loads": released(plugins={"x/y": {}}),
    "a step is such a program": released([{"plugin": {"name": "x/y"}}]),
    "a step is an experiment": released([{"experiment": {"templates": [{"name": "x", "specRef": "stable"}]}}]),
    "a verdict by a template of all of the cluster": released(
        [{"analysis": {"templates": [{"templateName": "x", "clusterScope": True}]}}]
    ),
    "the controller calls whatever address it likes": judged(
        web={"url": "http://169.254.169.254/latest/meta-data/", "jsonPath": "{$}"}
    ),
    "the same, in a run of its own making": judged(
        "AnalysisRun", web={"url": "http://my-api.my:8000/", "jsonPath": "{$}"}
    ),
    "the controller makes a job": judged(
        job={
            "spec": {
                "template": {
                    "spec": {
                        "serviceAccountName": "parameters",
                        "restartPolicy": "Never",
                        "containers": [{"name": "c", "image": "c"}],
                    }
                }
            }
        }
    ),
    "a verdict of somebody else's Prometheus": prometheus(address="http://prometheus.evil.example:9090"),
    "of an address that comes later": prometheus(address="{{args.address}}"),
    "of Prometheus, as somebody": prometheus(headers=[{"key": "Authorization", "value": "Bearer x"}]),
    "of Prometheus, by way of another's token service": prometheus(
        authentication={"oauth2": {"tokenUrl": "http://my-api.my:8000/", "clientId": "a", "clientSecret": "b"}}
    ),
    "of Prometheus and of a program": judged(
        prometheus={"address": GUESTS.prometheus, "query": "vector(1)"}, plugin={"x/y": {}}
    ),
    "a secret in a query": judged(
        args=[{"name": "a", "valueFrom": {"secretKeyRef": {"name": "guestbook-api", "key": "password"}}}]
    ),
    "a release that no step bounds": made(
        ARGO,
        "Experiment",
        {
            "templates": [
                {
                    "name": "x",
                    "selector": {"matchLabels": {"a": "b"}},
                    "template": {
                        "metadata": {"labels": {"a": "b"}},
                        "spec": {"containers": [{"name": "c", "image": "c"}]},
                    },
                }
            ]
        },
    ),
    "a store of its own making": made(
        SECRETS, "SecretStore", {"provider": {"aws": {"service": "ParameterStore", "region": "ap-northeast-2"}}}
    ),
}


def objects_of(recording: Recording) -> list[tuple[str, Manifest]]:
    return [(one.name, reveal(one.inputs)) for one in recording if one.custom and one.type.startswith("kubernetes:")]


@pytest.fixture(scope="module")
def fences(prod: Recording) -> list[Manifest]:
    """Those of the tenants that prod has, with their bindings, and one of a made-up tenant that also fetches secrets."""
    about = {"name": GUESTS.name}
    spec = {"policyName": GUESTS.name, "validationActions": ["Deny"]}
    return [
        *(each for name, each in objects_of(prod) if "-fence-" in name),
        {"apiVersion": API, "kind": "ValidatingAdmissionPolicy", "metadata": about, "spec": fence(GUESTS)},
        {"apiVersion": API, "kind": "ValidatingAdmissionPolicyBinding", "metadata": about, "spec": spec},
    ]


@pytest.fixture(scope="module")
def tenants(prod: Recording, fences: list[Manifest]) -> list[Manifest]:
    """The real tenants' own objects that a fence looks at."""
    kinds = {
        "Service", "VirtualService", "DestinationRule", "ServiceEntry", "ExternalSecret", "Rollout", "AnalysisTemplate",
        "PrometheusRule", "PodMonitor", "AlertmanagerConfig",
    }  # fmt: skip
    around = {
        namespace
        for one in fences
        if one["kind"] == "ValidatingAdmissionPolicy"
        for namespace in one["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"][0]["values"]
    }
    return [one for _, one in objects_of(prod) if one["kind"] in kinds and one["metadata"]["namespace"] in around]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, fences: list[Manifest], tenants: list[Manifest]
) -> Iterator[ApiServer]:
    kinds = [*HONEST.values(), *STOLEN.values()]
    namespaces = {*GUESTS.namespaces, "my", IMMERSIVERSE, *(one["metadata"]["namespace"] for one in tenants)}
    with api_server(tmp_path_factory.mktemp("api-server"), kinds) as running:
        for name in sorted(namespaces):
            running.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for one in fences:
            verdict = running.create(one)
            assert verdict.status == 201, verdict.message
        deadline = time.monotonic() + 30
        while running.create(STOLEN["every public host"], dry_run=True).status == 201:
            assert time.monotonic() < deadline, "the fences never held"
            time.sleep(0.1)
        yield running


@pytest.mark.parametrize("what", HONEST)
def test_what_is_a_tenants_own_it_may(server: ApiServer, what: str) -> None:
    verdict = server.create(HONEST[what], dry_run=True)
    assert verdict.status == 201, verdict.message


@pytest.mark.parametrize("what", STOLEN)
def test_what_is_anothers_is_refused(server: ApiServer, what: str) -> None:
    verdict = server.create(STOLEN[what], dry_run=True)
    assert (verdict.status, "tenant-guestbook" in verdict.message) == (403, True), verdict.message


@pytest.mark.parametrize("what", STOLEN)
def test_the_same_is_a_good_object_where_no_fence_is(server: ApiServer, what: str) -> None:
    """So that it is the fence which refuses it, and not a field that no kind has."""
    elsewhere = copy.deepcopy(STOLEN[what])
    elsewhere["metadata"]["namespace"] = "my"
    verdict = server.create(elsewhere, dry_run=True)
    assert verdict.status == 201, verdict.message


def test_the_real_tenants_objects_are_within_their_fences(server: ApiServer, tenants: list[Manifest]) -> None:
    assert tenants
    refused = [verdict.message for one in tenants if (verdict := server.create(one, dry_run=True)).status != 201]
    assert refused == []


@pytest.mark.parametrize("what", ["a release by steps, in its own routes", "a verdict of Prometheus"])
def test_who_has_no_gradual_releases_makes_none_for_the_controller(server: ApiServer, what: str) -> None:
    """ImmersiVerse does not ask for them, and the controller is there for others."""
    there = copy.deepcopy(HONEST[what])
    there["metadata"]["namespace"] = IMMERSIVERSE
    verdict = server.create(there, dry_run=True)
    assert (verdict.status, "tenant-immersiverse" in verdict.message) == (403, True), verdict.message


def test_each_real_tenant_has_a_fence_around_all_its_namespaces(prod: Recording, fences: list[Manifest]) -> None:
    projects = {
        one["metadata"]["name"]: {each["namespace"] for each in one["spec"]["destinations"]}
        for _, one in objects_of(prod)
        if one["kind"] == "AppProject" and not one["metadata"]["name"].startswith("eco2")
    }
    around = {
        one["metadata"]["name"].removeprefix("tenant-"): {
            *one["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"][0]["values"]
        }
        for one in fences
        if one["kind"] == "ValidatingAdmissionPolicy"
    }
    assert projects
    assert {name: around.get(name) for name in projects} == projects
