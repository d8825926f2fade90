"""eco2.md's platform control plane and observability: which charts, where, in which turn, with which rights."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.components.cluster.gitops import (
    APPLICATION_HEALTH_KEY,
    DEFINITIONS_DIFFERENCES_KEY,
    application_health,
)
from infra.systems.eco2 import first_charts, observability, platform, projects, versions
from infra.systems.eco2.document import ARROWS, DEDICATED, HOMES, NAMESPACES, NODES, PROXY_METRICS_PORT
from infra.systems.eco2.mesh import build_mesh
from infra.systems.eco2.namespaces import build_namespaces
from infra.systems.eco2.secrets import build_secrets
from tests.stacks import ACCOUNT
from tests.systems.eco2_objects import Manifest, context, manifests, of_kind, wave

TENANTS = {"tenant_workers": {"instance_type": "t3.large", "minimum": 1, "maximum": 3}}
MASTER = {"node-role.kubernetes.io/control-plane": ""}
EXPECTED = {
    "calico-crds", "calico", "aws-cloud-controller-manager", "argo-cd", "cert-manager", "amazon-eks-pod-identity-webhook",
    "aws-ebs-csi-driver", "external-secrets", "aws-load-balancer-controller", "external-dns", "istio-base", "istio-cni", "istiod",
    "ingress-gateway", "prometheus", "grafana",
}  # fmt: skip


@pytest.fixture(scope="module")
def built() -> list[Manifest]:
    return manifests(platform.build_platform, context())


@pytest.fixture(scope="module")
def shown() -> list[Manifest]:
    return manifests(observability.build_observability, context())


def applications(found: list[Manifest]) -> dict[str, Manifest]:
    return {
        name.removeprefix("argocd/"): one
        for name, one in of_kind(found, "Application").items()
        if name != "argocd/eco2"
    }


def values(found: list[Manifest], release: str) -> dict[str, Any]:
    helm: dict[str, Any] = applications(found)[release]["spec"]["source"]["helm"]["valuesObject"]
    return helm


def nested(tree: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a tree."""
    if isinstance(tree, dict):
        yield tree
    for one in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nested(one)


class TestApplications:
    """eco2.md, Control Plane Layer: Argo CD syncs the cluster."""

    def test_the_root_brings_this_stacks_folder_of_the_rendered_branch(self) -> None:
        root = projects.root_application(context())
        assert root["spec"]["source"] == {
            "repoURL": "https://github.com/OrangesCloud/edge-platform.git",
            "targetRevision": "rendered/prod",
            "path": "eco2",
            "directory": {"recurse": True},
        }
        assert (root["metadata"]["name"], root["spec"]["project"]) == ("eco2", "eco2")

    def test_the_root_and_its_project_are_in_what_they_bring(self, built: list[Manifest]) -> None:
        assert projects.root_application(context()) == of_kind(built, "Application")["argocd/eco2"]
        assert projects.root_project(context()) == of_kind(built, "AppProject")["argocd/eco2"]
        assert projects.charts_project(context()) == of_kind(built, "AppProject")["argocd/eco2-charts"]

    def test_these_charts_are_the_platform(self, built: list[Manifest]) -> None:
        assert set(applications(built)) == EXPECTED

    def test_the_autoscaler_is_there_for_the_tenants_workers_alone(self) -> None:
        found = manifests(platform.build_platform, context(**TENANTS))
        assert set(applications(found)) == EXPECTED | {"cluster-autoscaler"}
        assert values(found, "cluster-autoscaler")["autoDiscovery"] == {"clusterName": "eco2-prod"}

    def test_argo_cd_adopts_what_the_bootstrap_installed(self, built: list[Manifest]) -> None:
        charts = first_charts.bootstrap_charts(context())
        assert [chart.release for chart, _ in charts] == [
            "calico-crds",
            "calico",
            "aws-cloud-controller-manager",
            "argo-cd",
        ]
        for chart, given in charts:
            spec = applications(built)[chart.release]["spec"]
            assert spec["source"]["helm"] == {"releaseName": chart.release, "valuesObject": given}
            assert (spec["source"]["targetRevision"], spec["destination"]["namespace"]) == (
                chart.version,
                chart.namespace,
            )

    def test_calicos_kinds_are_of_its_own_version(self) -> None:
        assert versions.CALICO_KINDS.version == versions.CALICO.version
        assert versions.CALICO_KINDS.repository == versions.CALICO.repository

    def test_the_pods_network_goes_neither_with_a_commit_nor_with_the_root(self, built: list[Manifest]) -> None:
        kept = {
            name
            for name, one in applications(built).items()
            if one["metadata"]["annotations"].get("argocd.argoproj.io/sync-options") == "Prune=false,Delete=false"
        }
        assert kept == {"calico-crds", "calico"}

    def test_the_bootstraps_manifests_are_plain_data(self) -> None:
        plain = [
            projects.root_project(context()),
            projects.charts_project(context()),
            projects.root_application(context()),
        ]
        assert json.loads(json.dumps([*plain, *(given for _, given in first_charts.bootstrap_charts(context()))]))

    def test_the_room_keeps_to_its_share_of_objects(self, built: list[Manifest], shown: list[Manifest]) -> None:
        assert len(built) + len(shown) + len(manifests(build_mesh, context())) <= 110


class TestWaves:
    """What needs a kind, a webhook or a namespace comes after what brings it."""

    @pytest.mark.parametrize(
        ("earlier", "later"),
        [
            ("calico-crds", "calico"),
            ("calico", "cert-manager"),
            ("aws-cloud-controller-manager", "cert-manager"),
            ("cert-manager", "amazon-eks-pod-identity-webhook"),
            ("amazon-eks-pod-identity-webhook", "aws-ebs-csi-driver"),
            ("amazon-eks-pod-identity-webhook", "external-secrets"),
            ("amazon-eks-pod-identity-webhook", "aws-load-balancer-controller"),
            ("amazon-eks-pod-identity-webhook", "external-dns"),
            ("aws-ebs-csi-driver", "prometheus"),
            ("istio-base", "istio-cni"),
            ("istio-cni", "istiod"),
            ("istiod", "ingress-gateway"),
            ("prometheus", "grafana"),
        ],
    )
    def test_a_chart_waits_for_what_it_needs(self, built: list[Manifest], earlier: str, later: str) -> None:
        found = applications(built)
        assert wave(found[earlier]) < wave(found[later])

    def test_argo_cd_can_tell_that_a_wave_is_healthy(self, built: list[Manifest]) -> None:
        assert values(built, "argo-cd")["configs"]["cm"][APPLICATION_HEALTH_KEY] == application_health("eco2")

    def test_definitions_are_in_step_though_a_field_of_theirs_is_not_kept(self, built: list[Manifest]) -> None:
        """Calico's: projectcalico/calico issue 12994. Out of step for ever, they would hold up every wave."""
        settings = values(built, "argo-cd")["configs"]["cm"]
        assert "/spec/preserveUnknownFields" in settings[DEFINITIONS_DIFFERENCES_KEY]

    def test_a_wave_that_never_gets_healthy_ends(self, built: list[Manifest]) -> None:
        """Without an end, the commit that mends it is never looked at (Argo CD's own default)."""
        ends = values(built, "argo-cd")["configs"]["params"]["controller.sync.timeout.seconds"]
        assert 1800 <= ends <= 7200

    def test_namespaces_come_before_every_application(self, built: list[Manifest]) -> None:
        spaces = [*of_kind(built, "Namespace").values(), *manifests(build_namespaces, context())]
        assert max(wave(one) for one in spaces) < min(wave(one) for one in applications(built).values())

    @pytest.mark.parametrize("release", sorted(EXPECTED))
    def test_each_chart_has_a_namespace_that_somebody_makes(self, built: list[Manifest], release: str) -> None:
        spaces = [*of_kind(built, "Namespace").values(), *manifests(build_namespaces, context())]
        namespace = applications(built)[release]["spec"]["destination"]["namespace"]
        assert namespace in {*(one["metadata"]["name"] for one in spaces), "kube-system"}

    def test_no_namespace_is_made_twice(self, built: list[Manifest]) -> None:
        spaces = [*of_kind(built, "Namespace").values(), *manifests(build_namespaces, context())]
        names = [one["metadata"]["name"] for one in spaces]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize(
        ("room", "release"),
        [
            (build_mesh, "istiod"),
            (build_secrets, "external-secrets"),
            (observability.build_observability, "prometheus"),
        ],
        ids=["the mesh's objects and istiod", "secrets and their operator", "monitors and the operator"],
    )
    def test_objects_come_after_the_chart_with_their_kinds(
        self, built: list[Manifest], room: Callable[..., None], release: str
    ) -> None:
        assert min(wave(one) for one in manifests(room, context())) > wave(applications(built)[release])

    def test_the_gateway_runs_once_its_protections_are_there_and_before_it_is_routed_to(
        self, built: list[Manifest]
    ) -> None:
        objects = manifests(build_mesh, context())
        rules = max(wave(one) for one in objects if one["kind"] in ("AuthorizationPolicy", "EnvoyFilter"))
        assert (
            rules
            < wave(applications(built)["ingress-gateway"])
            < min(wave(one) for one in of_kind(objects, "Gateway").values())
        )


class TestProject:
    """The project is narrow."""

    def test_the_root_reads_the_repository_and_the_charts_their_own_repositories_alone(
        self, built: list[Manifest]
    ) -> None:
        projects, found = of_kind(built, "AppProject"), of_kind(built, "Application").values()
        for name in ("eco2", "eco2-charts"):
            of_project = [one["spec"]["source"] for one in found if one["spec"]["project"] == name]
            assert set(projects[f"argocd/{name}"]["spec"]["sourceRepos"]) == {one["repoURL"] for one in of_project}
            # A chart's project takes nothing from Git: its commits would be nobody's.
            assert all(("chart" in source) == (name == "eco2-charts") for source in of_project)

    def test_the_root_writes_to_this_cluster_and_the_systems_namespaces_alone(self, built: list[Manifest]) -> None:
        destinations = of_kind(built, "AppProject")["argocd/eco2"]["spec"]["destinations"]
        assert {one["server"] for one in destinations} == {"https://kubernetes.default.svc"}
        assert {one["namespace"] for one in destinations} == {
            *NAMESPACES, "worker", "argocd", "cert-manager", "external-dns", "external-secrets", "tigera-operator",
        }  # fmt: skip

    def test_the_root_makes_the_kinds_without_a_namespace_that_this_system_renders_and_no_other(
        self, built: list[Manifest]
    ) -> None:
        spec = of_kind(built, "AppProject")["argocd/eco2"]["spec"]
        allowed = {(one["group"], one["kind"]) for one in spec["clusterResourceWhitelist"]}
        objects = [*built, *manifests(build_namespaces, context()), *manifests(build_secrets, context())]
        assert allowed == {
            (one["apiVersion"].rpartition("/")[0], one["kind"]) for one in objects if "namespace" not in one["metadata"]
        }


class TestPlacement:
    """eco2.md, nodes: what the document gives no node is on k8s-master."""

    def test_each_pod_that_a_chart_places_is_placed_on_the_master_or_on_a_documented_node(
        self, built: list[Manifest]
    ) -> None:
        dedicated = {node.dedicated for node in NODES}
        for release in applications(built):
            for one in nested(values(built, release)):
                if selector := one.get("nodeSelector"):
                    assert selector in (MASTER, "all()") or selector[DEDICATED] in dedicated, release

    @pytest.mark.parametrize(
        ("release", "paths"),
        [
            ("argo-cd", ["global"]),
            ("cert-manager", ["", "webhook", "cainjector", "startupapicheck"]),
            ("amazon-eks-pod-identity-webhook", [""]),
            ("aws-ebs-csi-driver", ["controller"]),
            ("external-secrets", ["", "webhook", "certController"]),
            ("aws-load-balancer-controller", [""]),
            ("external-dns", [""]),
            ("istiod", [""]),
            ("prometheus", ["prometheusOperator", "kube-state-metrics"]),
        ],
    )
    def test_controllers_run_on_the_master(self, built: list[Manifest], release: str, paths: list[str]) -> None:
        for path in paths:
            part = values(built, release)[path] if path else values(built, release)
            assert part["nodeSelector"] == MASTER
            assert {
                "key": "node-role.kubernetes.io/control-plane",
                "operator": "Exists",
                "effect": "NoSchedule",
            } in part["tolerations"]

    @pytest.mark.parametrize(
        ("release", "dedicated"), [("ingress-gateway", "ingress-gateway"), ("grafana", "monitoring")]
    )
    def test_a_program_with_a_node_of_its_own_runs_there(
        self, built: list[Manifest], release: str, dedicated: str
    ) -> None:
        placed = values(built, release)
        assert placed["nodeSelector"] == {DEDICATED: dedicated}
        assert placed["tolerations"] == [
            {"key": DEDICATED, "operator": "Equal", "value": dedicated, "effect": "NoSchedule"}
        ]

    def test_istiod_meets_the_restricted_standard_of_its_namespace(self, built: list[Manifest]) -> None:
        assert values(built, "istiod")["seccompProfile"] == {"type": "RuntimeDefault"}

    def test_no_service_waits_for_the_load_balancer_controller(self, built: list[Manifest]) -> None:
        assert values(built, "aws-load-balancer-controller")["enableServiceMutatorWebhook"] is False

    @pytest.mark.parametrize(
        ("chosen", "hub"),
        [
            ("docker.io", "docker.io/istio"),
            ("registry", f"{ACCOUNT}.dkr.ecr.ap-northeast-2.amazonaws.com/eco2-prod-istio"),
        ],
    )
    def test_istios_images_come_from_where_they_are_published_or_copied_to(self, chosen: str, hub: str) -> None:
        built = manifests(platform.build_platform, context(mesh_images=chosen, **TENANTS))
        assert [values(built, "istiod")["global"]["hub"], values(built, "istio-cni")["hub"]] == [hub] * 2

    def test_the_autoscaler_is_of_kubernetes_own_minor_version(self) -> None:
        tag = values(manifests(platform.build_platform, context(**TENANTS)), "cluster-autoscaler")["image"]["tag"]
        assert tag.removeprefix("v").rpartition(".")[0] == versions.KUBERNETES.rpartition(".")[0]

    def test_the_credential_provider_is_of_kubernetes_own_minor_version(self) -> None:
        minors = {
            one.rpartition(".")[0].removeprefix("v")
            for one in (versions.ECR_CREDENTIAL_PROVIDER, versions.CLOUD_CONTROLLER_IMAGE, versions.KUBERNETES)
        }
        assert len(minors) == 1

    def test_no_limit_of_cpu_throttles_the_gateway(self, built: list[Manifest]) -> None:
        # What is empty is left out by the chart; without the key it would be the chart's own 2000m.
        assert values(built, "ingress-gateway")["resources"]["limits"]["cpu"] == ""

    def test_no_value_is_null_for_an_application_would_lose_it(self, built: list[Manifest]) -> None:
        for release in applications(built):
            for one in nested(values(built, release)):
                assert None not in one.values(), release

    def test_the_load_balancer_controller_touches_no_firewall(self, built: list[Manifest]) -> None:
        chosen = values(built, "aws-load-balancer-controller")
        assert (chosen["enableShield"], chosen["enableWaf"], chosen["enableWafv2"]) == (False, False, False)

    def test_prometheus_runs_twice_once_on_the_master_and_once_on_monitoring(self, built: list[Manifest]) -> None:
        spec = values(built, "prometheus")["prometheus"]["prometheusSpec"]
        (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
            "nodeSelectorTerms"
        ]
        places = {node.dedicated for node in NODES if "Prometheus" in node.runs}
        assert term["matchExpressions"] == [{"key": DEDICATED, "operator": "In", "values": sorted(places)}]
        assert (spec["replicas"], spec["podAntiAffinity"]) == (2, "hard")
        assert {one["key"] for one in spec["tolerations"]} == {"node-role.kubernetes.io/control-plane", DEDICATED}

    @pytest.mark.parametrize(
        ("release", "path"), [("istio-cni", ""), ("prometheus", "prometheus-node-exporter"), ("calico", "")]
    )
    def test_what_every_node_needs_is_kept_off_none(self, built: list[Manifest], release: str, path: str) -> None:
        part = values(built, release)[path] if path else values(built, release)
        assert part["tolerations"] == [{"operator": "Exists"}]

    def test_the_drivers_node_part_is_kept_off_none(self, built: list[Manifest]) -> None:
        assert values(built, "aws-ebs-csi-driver")["node"]["tolerateAllTaints"] is True

    def test_every_container_of_a_chart_that_says_its_resources_has_a_memory_limit(self, built: list[Manifest]) -> None:
        parts = [one.get("resources", {}) for name in applications(built) for one in nested(values(built, name))]
        # A list of them is of a role's rule.
        found = [one for one in parts if isinstance(one, dict) and "cpu" in one.get("requests", {})]
        assert len(found) >= 25
        assert all(one["requests"]["memory"] and one["limits"]["memory"] for one in found)


class TestEdgeService:
    """How the load balancer reaches the gateway."""

    def test_its_node_ports_are_the_load_balancers_target_and_health_check(self, built: list[Manifest]) -> None:
        service = values(built, "ingress-gateway")["service"]
        assert {one["targetPort"]: one["nodePort"] for one in service["ports"]} == {8080: 30080, 15021: 30021}
        assert (service["type"], service["externalTrafficPolicy"]) == ("NodePort", "Local")

    def test_istiod_has_the_meshs_configuration_and_leaves_redirection_to_the_node(self, built: list[Manifest]) -> None:
        istiod = values(built, "istiod")
        assert istiod["meshConfig"]["extensionProviders"][0]["name"] == "ext-authz"
        assert istiod["cni"] == {"enabled": True}


ROLES = {
    "aws-load-balancer-controller": ("aws-load-balancer-controller", "aws-load-balancer-controller", "kube-system"),
    "external-dns": ("external-dns", "external-dns", "external-dns"),
    "external-secrets": ("external-secrets", "external-secrets", "external-secrets"),
    "aws-ebs-csi-driver": ("ebs-csi", "ebs-csi-controller-sa", "kube-system"),
    "cluster-autoscaler": ("cluster-autoscaler", "cluster-autoscaler", "kube-system"),
    "prometheus": ("alertmanager", "eco2-alertmanager", "prometheus"),
}
"""The release, and its role's label, account and namespace, as the roles' trust has them."""


@pytest.mark.parametrize("release", ROLES)
def test_a_controller_has_its_own_role_by_its_account(release: str) -> None:
    label, account, namespace = ROLES[release]
    found = manifests(platform.build_platform, context(**TENANTS))
    accounts = [
        one for one in nested(values(found, release)) if "eks.amazonaws.com/role-arn" in one.get("annotations", {})
    ]
    assert accounts == [
        {
            "create": True,
            "name": account,
            "annotations": {"eks.amazonaws.com/role-arn": f"arn:aws:iam::290008131187:role/eco2-prod-{label}"},
        }
    ]
    assert applications(found)[release]["spec"]["destination"]["namespace"] == namespace


def test_no_other_account_has_a_role(built: list[Manifest]) -> None:
    text = json.dumps([values(built, name) for name in applications(built) if name not in ROLES])
    assert "role-arn" not in text


class TestObservability:
    """eco2.md: Prometheus scrapes the services and ext-authz; Grafana asks Prometheus."""

    @pytest.mark.parametrize(
        "arrow",
        [one for one in ARROWS if one.port == PROXY_METRICS_PORT],
        ids=lambda one: f"Prometheus scrapes {one.target}",
    )
    def test_an_arrow_of_prometheus_is_scraped(self, shown: list[Manifest], arrow: Any) -> None:
        spec = of_kind(shown, "PodMonitor")["prometheus/mesh-workloads"]["spec"]
        (expression,) = spec["selector"]["matchExpressions"]
        assert expression["key"] == "app.kubernetes.io/name"
        assert arrow.target in expression["values"]
        assert HOMES[arrow.target] in spec["namespaceSelector"]["matchNames"]

    def test_no_other_workload_is_scraped_by_its_proxy(self, shown: list[Manifest]) -> None:
        (expression,) = of_kind(shown, "PodMonitor")["prometheus/mesh-workloads"]["spec"]["selector"][
            "matchExpressions"
        ]
        assert set(expression["values"]) == {one.target for one in ARROWS if one.port == PROXY_METRICS_PORT}

    def test_a_pod_is_asked_once_on_the_agents_port(self, shown: list[Manifest]) -> None:
        (endpoint,) = of_kind(shown, "PodMonitor")["prometheus/mesh-workloads"]["spec"]["podMetricsEndpoints"]
        assert (endpoint["port"], endpoint["path"]) == ("http-envoy-prom", "/stats/prometheus")
        assert endpoint["relabelings"] == [
            {
                "sourceLabels": ["__meta_kubernetes_pod_ip"],
                "targetLabel": "__address__",
                "replacement": "$1:15020",
                # The API server fills it in: without it the object is out of step for ever.
                "action": "replace",
            },
            {
                "sourceLabels": ["__meta_kubernetes_pod_label_app_kubernetes_io_name"],
                "targetLabel": "workload",
                "action": "replace",
            },
        ]

    def test_grafana_asks_prometheus_by_the_name_that_its_chart_gives_it(self, built: list[Manifest]) -> None:
        (source,) = values(built, "grafana")["datasources"]["datasources.yaml"]["datasources"]
        name, port = (
            values(built, "prometheus")["fullnameOverride"],
            values(built, "prometheus")["prometheus"]["service"]["port"],
        )
        assert (
            source["url"]
            == f"http://{name}-prometheus.prometheus.svc:{port}"
            == "http://eco2-prometheus.prometheus.svc:9090"
        )

    def test_grafanas_password_comes_from_the_external_secret(self, built: list[Manifest]) -> None:
        grafana = values(built, "grafana")
        assert grafana["admin"] == {
            "existingSecret": "grafana-admin",
            "userKey": "admin-user",
            "passwordKey": "admin-password",
        }
        assert "adminPassword" not in grafana
        secret = of_kind(manifests(build_secrets, context()), "ExternalSecret")["grafana/grafana-admin"]
        assert {"admin-user", "admin-password"} <= set(re.findall(r"admin-\w+", json.dumps(secret)))

    def test_grafana_shows_the_dashboards_that_are_rendered(self, built: list[Manifest], shown: list[Manifest]) -> None:
        (board,) = values(built, "grafana")["dashboardsConfigMaps"].values()
        assert set(of_kind(shown, "ConfigMap")[f"grafana/{board}"]["data"]) == {"edge.json"}

    def test_each_prometheus_keeps_its_history_on_an_encrypted_volume(self, built: list[Manifest]) -> None:
        claim = values(built, "prometheus")["prometheus"]["prometheusSpec"]["storageSpec"]["volumeClaimTemplate"][
            "spec"
        ]
        assert (claim["storageClassName"], claim["resources"]) == ("gp3-encrypted", {"requests": {"storage": "50Gi"}})

    def test_the_settings_say_how_old_a_snapshot_may_be(self) -> None:
        (rule,) = observability.alert_groups(context(kubernetes={"snapshot_minutes": 30}))[0]["rules"]
        assert rule == {"record": "eco2:etcd_snapshot:max_age_seconds", "expr": "vector(4500)"}


def _of(release: str, *path: str) -> Callable[[list[Manifest]], Any]:
    def read(found: list[Manifest]) -> Any:
        value: Any = values(found, release)
        for part in path:
            value = value[part]
        return value

    return read


def _is(release: str, *path: str, value: Any) -> Callable[[list[Manifest]], bool]:
    return lambda found: bool(_of(release, *path)(found) == value)


def _change(release: str, *path: str, value: Any) -> Callable[[list[Manifest]], None]:
    def change(found: list[Manifest]) -> None:
        _of(release, *path[:-1])(found)[path[-1]] = value

    return change


def _pinned(found: list[Manifest]) -> bool:
    versions = [one["spec"]["source"]["targetRevision"] for one in applications(found).values()]
    return all(re.fullmatch(r"v?\d+\.\d+\.\d+", one) for one in versions)


def _range(found: list[Manifest]) -> None:
    applications(found)["istiod"]["spec"]["source"]["targetRevision"] = "1.31.x"


CLASS = ("aws-ebs-csi-driver", "storageClasses")
CM = ("argo-cd", "configs", "cm")

PROTECTIONS: dict[str, tuple[Callable[[list[Manifest]], bool], Callable[[list[Manifest]], None]]] = {
    "every chart is pinned to one version": (_pinned, _range),
    "Argo CD has no password to log in with": (_is(*CM, "admin.enabled", value=False), _change(*CM, "admin.enabled", value=True)),
    "Argo CD shows nothing to who has not logged in": (
        _is(*CM, "users.anonymous.enabled", value=False), _change(*CM, "users.anonymous.enabled", value=True),
    ),
    "Argo CD answers over TLS": (
        _is("argo-cd", "configs", "params", "server.insecure", value=False),
        _change("argo-cd", "configs", "params", "server.insecure", value=True),
    ),
    "a login without a role may only read": (
        _is("argo-cd", "configs", "rbac", "policy.default", value="role:readonly"),
        _change("argo-cd", "configs", "rbac", "policy.default", value="role:admin"),
    ),
    "Argo CD's pods are reached by each other alone": (
        _is("argo-cd", "global", "networkPolicy", value={"create": True, "defaultDenyIngress": True}),
        _change("argo-cd", "global", "networkPolicy", value={"create": False}),
    ),
    "Argo CD is not shown to the public": (
        lambda found: _of("argo-cd", "server", "service", "type")(found) == "ClusterIP"
        and _of("argo-cd", "server", "ingress", "enabled")(found) is False,
        _change("argo-cd", "server", "service", value={"type": "NodePort"}),
    ),
    "pods' packets are encrypted between nodes": (
        _is("calico", "defaultFelixConfiguration", value={"enabled": True, "wireguardEnabled": True}),
        _change("calico", "defaultFelixConfiguration", "wireguardEnabled", value=False),
    ),
    "volumes are encrypted": (
        lambda found: _of(*CLASS)(found)[0]["parameters"]["encrypted"] == "true",
        lambda found: _of(*CLASS)(found)[0]["parameters"].update(encrypted="false"),
    ),
    "a volume outlives its claim": (
        lambda found: _of(*CLASS)(found)[0]["reclaimPolicy"] == "Retain",
        lambda found: _of(*CLASS)(found)[0].update(reclaimPolicy="Delete"),
    ),
    "a volume is made in its pod's zone": (
        lambda found: _of(*CLASS)(found)[0]["volumeBindingMode"] == "WaitForFirstConsumer",
        lambda found: _of(*CLASS)(found)[0].update(volumeBindingMode="Immediate"),
    ),
    "the identity webhook cannot keep the cluster from starting": (
        _is("amazon-eks-pod-identity-webhook", "mutatingWebhook", "failurePolicy", value="Ignore"),
        _change("amazon-eks-pod-identity-webhook", "mutatingWebhook", "failurePolicy", value="Fail"),
    ),
    "ExternalDNS touches the records below its own label alone, and those of its own making": (
        lambda found: _of("external-dns", "domainFilters")(found) == ["apps.eco2.example"]
        and "--aws-zone-match-parent" in _of("external-dns", "extraArgs")(found)
        and _of("external-dns", "registry")(found) == "txt"
        and _of("external-dns", "txtOwnerId")(found) == "eco2-prod",
        _change("external-dns", "domainFilters", value=[]),
    ),
    "Prometheus takes no orders over HTTP": (
        _is("prometheus", "prometheus", "prometheusSpec", "enableAdminAPI", value=False),
        _change("prometheus", "prometheus", "prometheusSpec", "enableAdminAPI", value=True),
    ),
    "Prometheus' token goes to kubelets that the cluster vouches for": (
        _is("prometheus", "kubelet", "serviceMonitor", "insecureSkipVerify", value=False),
        _change("prometheus", "kubelet", "serviceMonitor", "insecureSkipVerify", value=True),
    ),
    "Grafana shows nothing to who has not logged in": (
        _is("grafana", "grafana.ini", "auth.anonymous", value={"enabled": False}),
        _change("grafana", "grafana.ini", "auth.anonymous", value={"enabled": True}),
    ),
    "the gateway's container has no privilege": (
        _is("ingress-gateway", "containerSecurityContext", "capabilities", value={"drop": ["ALL"]}),
        _change("ingress-gateway", "containerSecurityContext", "capabilities", value={}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_the_platform_keeps(built: list[Manifest], protection: str) -> None:
    holds, _ = PROTECTIONS[protection]
    assert holds(built)


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_its_removal_is_noticed(built: list[Manifest], protection: str) -> None:
    holds, break_it = PROTECTIONS[protection]
    broken = copy.deepcopy(built)
    break_it(broken)
    assert not holds(broken)


def test_no_value_looks_like_a_secret(built: list[Manifest], shown: list[Manifest]) -> None:
    text = json.dumps([*built, *shown])
    assert not re.search(r"AKIA[0-9A-Z]{16}|-----BEGIN|\$2[aby]\$", text)
    assert "adminPassword" not in text
