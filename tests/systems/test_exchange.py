"""svc-gateway.md's facts, read off what the prod stack registers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.systems.exchange.document import (
    EDGE_HEALTH,
    GATEWAY_WAVE,
    HEALTH,
    LIVENESS,
    NAMESPACE,
    PORT,
    READINESS,
    SERVICES,
    SERVICES_WAVE,
    Service,
)
from rehearsal.recording import Recording, Registered
from rehearsal.values import reveal
from tests.stacks import ACCOUNT, REGION, stack_file
from tests.systems.eco2_objects import Manifest, wave

HOST = "exchange.eco2.example.com"
GATEWAY = "cluster.local/ns/istio-system/sa/ingress-gateway"
BY_SERVICE = pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.name)


def manifests(stack: Recording) -> list[Manifest]:
    """Its own Kubernetes objects, which its own Application brings."""
    return [reveal(one.inputs) for one in stack.part("exchange") if one.custom and one.type.startswith("kubernetes:")]


def the(stack: Recording, kind: str, name: str, namespace: str = NAMESPACE) -> Any:
    """An object of its namespace, or the cluster's object there."""
    (found,) = [
        reveal(one.inputs)
        for one in stack
        if one.type.startswith("kubernetes:")
        and one.type.endswith(f":{kind}")
        and (one["metadata"]["name"], one["metadata"].get("namespace")) == (name, namespace)
    ]
    return found


def pod(stack: Recording, service: Service) -> Any:
    return the(stack, "Rollout", service.name)["spec"]["template"]["spec"]


def policy_of(stack: Recording, role: str) -> list[dict[str, Any]]:
    document = json.loads(reveal(stack.one("Policy", f"exchange-role-{role}-{role}")["policy"]))
    return list(document["Statement"])


class TestRouting:
    def test_the_three_prefixes_of_the_document(self) -> None:
        assert {one.prefix: one.name for one in SERVICES} == {
            "/api/v1/trade": "svc-trading-api",
            "/api/v1/wallet": "svc-wallet",
            "/api/v1/risk": "svc-risk-control",
        }

    @BY_SERVICE
    def test_a_prefix_leads_to_its_service(self, prod: Recording, service: Service) -> None:
        spec = the(prod, "VirtualService", "exchange-vs")["spec"]
        routes = [one for one in spec["http"] if one["match"][0]["uri"] == {"exact": service.prefix}]
        assert [one["name"] for one in routes] == [f"{service.name}-reads", service.name]
        for one in routes:
            assert one["match"][1]["uri"] == {"prefix": f"{service.prefix}/"}
            to = {"host": service.host, "port": {"number": PORT}}
            assert one["route"] == [
                {"destination": {**to, "subset": "stable"}, "weight": 100},
                {"destination": {**to, "subset": "canary"}, "weight": 0},
            ]
        assert spec["hosts"] == [HOST]
        assert spec["gateways"] == ["istio-system/exchange-gateway"]

    def test_nothing_else_of_the_host_is_open_at_the_gateway(self, prod: Recording) -> None:
        spec = the(prod, "AuthorizationPolicy", "exchange-edge", "istio-system")["spec"]
        opened = [rule["to"][0]["operation"] for rule in spec["rules"]]
        for_check = [one for one in opened if one["paths"] == [EDGE_HEALTH]]
        assert [one["hosts"][0] for one in for_check] == ["exchange-edge.eco2.example.com"]
        routed = [one for one in opened if one not in for_check]
        assert all(one["hosts"] == [HOST, f"{HOST}:*"] for one in routed)
        assert {path for one in routed for path in one["paths"]} == {path for one in SERVICES for path in one.paths}

    def test_its_host_has_a_name_and_a_certificate_at_the_load_balancer(self, prod: Recording) -> None:
        names = {one["name"] for one in prod.of("Record") if one["type"] == "A"}
        assert HOST in names
        assert HOST in {one["domainName"] for one in prod.of("aws:acm/certificate:Certificate")}


class TestZeroTrust:
    def test_its_namespace_takes_mutual_tls_alone(self, prod: Recording) -> None:
        assert the(prod, "PeerAuthentication", "default")["spec"] == {"mtls": {"mode": "STRICT"}}

    @BY_SERVICE
    def test_the_gateway_alone_calls_a_service_and_its_own_paths(self, prod: Recording, service: Service) -> None:
        spec = the(prod, "AuthorizationPolicy", service.name)["spec"]
        assert spec["selector"]["matchLabels"] == {"app.kubernetes.io/name": service.name}
        (rule,) = spec["rules"]
        assert rule["from"] == [{"source": {"principals": [GATEWAY]}}]
        assert rule["to"] == [{"operation": {"ports": [str(PORT)], "paths": list(service.paths)}}]

    @BY_SERVICE
    def test_packets_reach_it_from_the_gateway_and_prometheus_alone(self, prod: Recording, service: Service) -> None:
        spec = the(prod, "NetworkPolicy", service.name)["spec"]
        callers = {
            (rule["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], port["port"])
            for rule in spec["ingress"]
            for port in rule["ports"]
        }
        assert callers == {("istio-system", PORT), ("prometheus", 15020)}

    def test_services_call_nothing_outside_but_aws_by_name(self, prod: Recording) -> None:
        spec = the(prod, "ServiceEntry", "external-hosts")["spec"]
        assert spec["hosts"] == [f"exchange-example-audit.s3.{REGION}.amazonaws.com", f"sts.{REGION}.amazonaws.com"]
        assert spec["exportTo"] == ["."]


class TestHardening:
    @BY_SERVICE
    def test_health_liveness_and_readiness_are_probed(self, prod: Recording, service: Service) -> None:
        (container,) = pod(prod, service)["containers"]
        probed = {kind: container[kind]["httpGet"]["path"] for kind in container if kind.endswith("Probe")}
        assert probed == {"startupProbe": HEALTH, "livenessProbe": LIVENESS, "readinessProbe": READINESS}

    @BY_SERVICE
    def test_no_probe_is_reached_from_outside(self, prod: Recording, service: Service) -> None:
        assert not [probe for probe in (HEALTH, LIVENESS, READINESS) if probe.startswith(service.prefix)]

    @BY_SERVICE
    def test_non_root_read_only_without_capabilities(self, prod: Recording, service: Service) -> None:
        found = pod(prod, service)
        assert found["securityContext"]["runAsNonRoot"] is True
        assert found["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert found["automountServiceAccountToken"] is False
        (container,) = found["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }

    @BY_SERVICE
    def test_an_image_is_named_by_its_content_in_the_accounts_registry(self, prod: Recording, service: Service) -> None:
        (container,) = pod(prod, service)["containers"]
        registry = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/exchange-prod-{service.name}:1.0.0@sha256:"
        assert container["image"].startswith(registry)
        assert f"exchange-prod-{service.name}" in {one["name"] for one in prod.of("Repository")}

    @BY_SERVICE
    def test_it_outlives_a_node(self, prod: Recording, service: Service) -> None:
        scaled = the(prod, "HorizontalPodAutoscaler", service.name)["spec"]
        assert scaled["minReplicas"] == 2
        assert scaled["scaleTargetRef"] == {
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": service.name,
        }  # fmt: skip
        assert the(prod, "PodDisruptionBudget", service.name)["spec"]["maxUnavailable"] == 1
        spread = pod(prod, service)["topologySpreadConstraints"]
        assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        assert [one["matchLabelKeys"] for one in spread] == [["rollouts-pod-template-hash"]] * 2

    def test_somebody_says_how_much_its_pods_use(self, prod: Recording) -> None:
        """Without, an autoscaler by CPU acts on nothing, and Argo CD calls it Degraded."""
        chart = the(prod, "Application", "metrics-server", "argocd")
        assert wave(chart) < wave(the(prod, "HorizontalPodAutoscaler", SERVICES[0].name))

    def test_the_quota_has_room_for_every_service_at_its_largest(self, prod: Recording) -> None:
        """Twice: until a new release has proved itself, the old one's pods are all there."""
        hard = the(prod, "ResourceQuota", "quota")["spec"]["hard"]
        assert hard["pods"] == str(len(SERVICES) * 6 * 2)

    def test_it_runs_on_the_tenants_nodes(self, prod: Recording) -> None:
        for service in SERVICES:
            assert pod(prod, service)["nodeSelector"] == {"node-restriction.kubernetes.io/role": "tenant"}


class TestIrsa:
    @BY_SERVICE
    def test_a_service_has_a_role_of_its_own(self, prod: Recording, service: Service) -> None:
        account = the(prod, "ServiceAccount", service.name)
        role = prod.one("aws:iam/role:Role", f"exchange-role-{service.name}")
        arn = account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
        assert arn == f"arn:aws:iam::{ACCOUNT}:role/{role['name']}"
        (trust,) = json.loads(reveal(role["assumeRolePolicy"]))["Statement"]
        assert trust["Condition"]["StringEquals"] == {
            "oidc.eco2.example.com:aud": "sts.amazonaws.com",
            "oidc.eco2.example.com:sub": f"system:serviceaccount:{NAMESPACE}:{service.name}",
        }

    @BY_SERVICE
    def test_it_writes_its_own_audit_records_and_reads_none(self, prod: Recording, service: Service) -> None:
        (statement,) = policy_of(prod, service.name)
        assert statement["Action"] == ["s3:PutObject", "s3:PutObjectRetention"]
        assert statement["Resource"] == f"arn:aws:s3:::exchange-example-audit/{service.name}/*"

    def test_a_record_is_written_once_and_locked(self, prod: Recording) -> None:
        bucket = prod.one("aws:s3/bucket:Bucket", "exchange-audit")
        assert bucket["objectLockEnabled"] is True
        assert bucket.protect
        statements = json.loads(reveal(prod.one("BucketPolicy", "exchange-audit-policy")["policy"]))["Statement"]
        denied = {one["Sid"]: one["Condition"] for one in statements if one["Effect"] == "Deny"}
        assert denied["OnlyOnce"] == {"Null": {"s3:if-none-match": "true"}}
        assert denied["OnlyLocked"] == {"StringNotEquals": {"s3:object-lock-mode": "GOVERNANCE"}}


class TestDelivery:
    def test_the_gateway_is_in_wave_10_and_every_service_after_it(self, prod: Recording) -> None:
        """Argo CD begins a wave when all of the one before is healthy."""
        assert GATEWAY_WAVE == 10 < SERVICES_WAVE
        turns = {one["kind"]: wave(one) for one in manifests(prod)}
        assert turns["VirtualService"] == turns["DestinationRule"] == GATEWAY_WAVE
        services = {wave(one) for one in manifests(prod) if one["kind"] in ("Rollout", "ServiceAccount")}
        assert services == {SERVICES_WAVE}
        # What a Rollout is not valid without goes before it.
        assert GATEWAY_WAVE < turns["AnalysisTemplate"] < SERVICES_WAVE

    def test_what_protects_comes_before_both(self, prod: Recording) -> None:
        rules = [one for one in manifests(prod) if one["kind"] in ("AuthorizationPolicy", "PeerAuthentication")]
        assert len(rules) == 4
        assert max(wave(one) for one in rules) < GATEWAY_WAVE

    def test_its_objects_are_in_the_namespace_gateway(self, prod: Recording) -> None:
        assert {one["metadata"]["namespace"] for one in manifests(prod)} == {"gateway"}

    def test_its_application_is_in_step_by_itself(self, prod: Recording) -> None:
        spec = the(prod, "Application", "exchange", "argocd")["spec"]
        assert spec["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}
        assert spec["source"]["path"] == "exchange"
        assert spec["project"] == "exchange"


class TestReleases:
    """실패 시 Rollback: step by step, by weight, judged by the SLO table (docs/adr/0037)."""

    @BY_SERVICE
    def test_a_new_release_is_judged_by_the_budgets_of_the_table(self, prod: Recording, service: Service) -> None:
        steps = the(prod, "Rollout", service.name)["spec"]["strategy"]["canary"]["steps"]
        assert [step.get("setWeight") for step in steps] == [10, None, 30, None, 60, None]
        metrics = {one["name"]: one for one in the(prod, "AnalysisTemplate", service.name)["spec"]["metrics"]}
        assert metrics["errors"]["failureCondition"].endswith("> 0.02")
        assert metrics["gateway"]["failureCondition"].endswith("> 0.02")
        assert metrics["latency"]["failureCondition"].endswith("> 0.05")
        assert 'le=~"500([.]0)?"' in metrics["latency"]["provider"]["prometheus"]["query"]

    @BY_SERVICE
    def test_every_route_to_a_service_is_shifted(self, prod: Recording, service: Service) -> None:
        routing = the(prod, "Rollout", service.name)["spec"]["strategy"]["canary"]["trafficRouting"]["istio"]
        routes = the(prod, "VirtualService", "exchange-vs")["spec"]["http"]
        led = {one["name"] for one in routes if one["route"][0]["destination"]["host"] == service.host}
        assert {*routing["virtualService"]["routes"]} == led
        subsets = {one["name"] for one in the(prod, "DestinationRule", service.name)["spec"]["subsets"]}
        rule = routing["destinationRule"]
        assert {rule["stableSubsetName"], rule["canarySubsetName"]} == subsets

    @BY_SERVICE
    def test_one_that_never_gets_ready_is_given_up_whatever_was_before(self, prod: Recording, service: Service) -> None:
        spec = the(prod, "Rollout", service.name)["spec"]
        assert (spec["progressDeadlineAbort"], spec["revisionHistoryLimit"]) == (True, 0)

    def test_the_cluster_brings_the_controller(self, prod: Recording) -> None:
        assert the(prod, "Application", "argo-rollouts", "argocd")["spec"]["source"]["chart"] == "argo-rollouts"
        kinds = the(prod, "AppProject", "exchange", "argocd")["spec"]["namespaceResourceWhitelist"]
        assert {"AnalysisTemplate", "Rollout"} <= {one["kind"] for one in kinds}
        assert not {"AnalysisRun", "Experiment"} & {one["kind"] for one in kinds}


class TestPolicyAsCode:
    """Kyverno, before what it judges (docs/adr/0036)."""

    def test_every_rule_is_a_policy_of_the_namespace(self, prod: Recording) -> None:
        made = [one for one in manifests(prod) if one["kind"] == "NamespacedValidatingPolicy"]
        names = {one["metadata"]["name"] for one in made}
        assert {"mesh-mtls-no-exception", "mesh-own-tokens-read-safely", "kubernetes-no-privileged-container"} <= names
        for one in made:
            assert one["metadata"]["namespace"] == NAMESPACE
            assert (one["spec"]["failurePolicy"], one["spec"]["validationActions"]) == ("Fail", ["Deny"])
            assert wave(one) < GATEWAY_WAVE

    def test_kyverno_is_asked_about_its_namespace_alone(self, prod: Recording) -> None:
        source = the(prod, "Application", "kyverno", "argocd")["spec"]["source"]
        (selected,) = source["helm"]["valuesObject"]["config"]["webhooks"]["namespaceSelector"]["matchExpressions"]
        assert selected == {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [NAMESPACE]}

    def test_its_project_may_bring_them(self, prod: Recording) -> None:
        kinds = the(prod, "AppProject", "exchange", "argocd")["spec"]["namespaceResourceWhitelist"]
        for kind in ("NamespacedValidatingPolicy", "NamespacedImageValidatingPolicy"):
            assert {"group": "policies.kyverno.io", "kind": kind} in kinds

    def test_no_pod_has_an_image_that_the_pipelines_did_not_sign(self, prod: Recording) -> None:
        """What it lets in and what not is Kyverno's to show: tests/policy/test_signatures.py."""
        made = the(prod, "NamespacedImageValidatingPolicy", "kubernetes-image-signed", NAMESPACE)
        spec = made["spec"]
        assert (spec["failurePolicy"], spec["validationActions"]) == ("Fail", ["Deny"])
        assert wave(made) < GATEWAY_WAVE
        keys = json.loads(stack_file("prod").config["edge-platform:exchange"])["image_signers"]
        assert {one["name"]: one["cosign"]["key"]["data"] for one in spec["attestors"]} == keys
        registry = "290008131187.dkr.ecr.ap-northeast-2.amazonaws.com/exchange-prod"
        assert {one["glob"] for one in spec["matchImageReferences"]} == {
            f"{registry}-{service.name}{end}*" for service in SERVICES for end in (":", "@")
        }


def roles(stack: Recording) -> list[Registered]:
    return [one for one in stack.part("exchange") if one.type == "aws:iam/role:Role"]


def test_nobody_else_of_the_exchange_has_a_role(prod: Recording) -> None:
    assert {one["name"] for one in roles(prod)} == {f"exchange-prod-{one.name}" for one in SERVICES}
