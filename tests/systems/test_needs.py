"""What the platform runs because a tenant needs it (infra/systems/eco2/needs): once, in its turn, and with its doors counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import pytest

from infra.contract import Tenant, TenantWorkload
from infra.needs import Dashboards, Kafka, Need
from infra.settings import Settings
from infra.systems.eco2 import charts, needs, network_policies, platform, projects
from infra.systems.eco2.namespaces import build_namespaces
from infra.systems.eco2.parts import Wave
from infra.systems.eco2.tenants import build_tenants, check_tenants
from rehearsal.judging import judged, seen_by_rules
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.other_stacks import GUESTBOOK, build_with
from tests.systems import guestbook
from tests.systems.eco2_objects import Manifest, context, manifests, of_kind, wave
from tests.systems.needy import HOME, NEEDY, PLAIN, ends, policies_of, values_of
from tests.systems.tenancy import WORKERS

NEW = {part.chart.release for answer in needs.answers(context(NEEDY)) for part in answer.parts}


@pytest.fixture(scope="module")
def policies() -> dict[str, Manifest]:
    return policies_of(NEEDY)


def test_a_tenant_that_needs_nothing_changes_no_chart() -> None:
    assert charts.parts(context(PLAIN)) == charts.parts(context())
    assert projects.charts_project(context(PLAIN)) == projects.charts_project(context())


def test_the_made_up_tenant_needs_all_that_there_is() -> None:
    assert {type(need) for need in NEEDY.needs} == {*get_args(Need)}


def test_each_need_stands_once_however_many_ask() -> None:
    wanted = [one for one in NEEDY.needs if not isinstance(one, Dashboards)]
    other = replace(PLAIN, system="other", namespaces={"other": NEEDY.namespaces[HOME]}, workloads=(), arrows=())
    other = replace(other, needs=wanted)
    once = [part.chart.release for part in charts.parts(context(NEEDY))]
    assert [part.chart.release for part in charts.parts(context(NEEDY, other))] == once
    assert len(set(once)) == len(once)


def test_a_need_is_said_once() -> None:
    with pytest.raises(ValueError, match="each need is said once"):
        replace(NEEDY, needs=[Kafka(), Kafka()])


def test_their_kinds_are_there_before_any_tenants_objects() -> None:
    made = of_kind(manifests(build_tenants, context(NEEDY)), "Application")
    turns = [part.wave for part in charts.parts(context(NEEDY)) if part.chart.release in NEW]
    assert max(turns) < wave(made["argocd/needy"])
    assert min(turns) > Wave.NAMESPACES


def test_each_is_in_a_restricted_namespace_but_for_what_is_a_nodes() -> None:
    found = of_kind(manifests(platform.build_platform, context(NEEDY)), "Namespace")
    homes = {part.chart.release: part.chart.namespace for part in charts.parts(context(NEEDY))}
    assert {release for release in NEW if homes[release] == "kube-system"} == {"log-shipper"}
    for release in NEW - {"log-shipper"}:
        standard = found[homes[release]]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        assert standard == ("privileged" if release == "chaos-mesh" else "restricted")


def test_their_namespaces_are_closed_until_opened(policies: Mapping[str, Manifest]) -> None:
    for namespace in projects.platform_namespaces(context(NEEDY)):
        assert policies[f"{namespace}/default-deny"]["spec"]["podSelector"] == {}


def test_nobody_takes_the_name_of_what_a_need_runs() -> None:
    claimed = replace(NEEDY, workloads=[*NEEDY.workloads, TenantWorkload(name="argo-rollouts", namespace=HOME)])
    with pytest.raises(ValueError, match="the workload 'argo-rollouts' is the cluster's own or another tenant's"):
        check_tenants(context(claimed))


def test_the_charts_project_lets_them_make_what_they_make_where_they_make_it() -> None:
    spec = projects.charts_project(context(NEEDY))["spec"]
    for part in charts.parts(context(NEEDY)):
        assert part.chart.repository in spec["sourceRepos"]
        assert part.chart.namespace in {one["namespace"] for one in spec["destinations"]}
    without = {one["namespace"] for one in projects.charts_project(context(PLAIN))["spec"]["destinations"]}
    assert HOME in {one["namespace"] for one in spec["destinations"]} - without


def test_no_value_of_theirs_is_null() -> None:
    text = json.dumps([part.values for part in charts.parts(context(NEEDY))])
    assert "null" not in text


class TestScaling:
    """Who asks kubelets may read what every pod uses, and no more."""

    def test_the_api_server_alone_reaches_it(self, policies: Mapping[str, Manifest]) -> None:
        nodes = {(str(block), 10250) for block in network_policies.peers(context())["nodes"].blocks}  # type: ignore[union-attr]
        assert ends(policies["metrics-server/metrics-server"], "ingress") == nodes

    def test_it_asks_kubelets_and_the_api_alone(self, policies: Mapping[str, Manifest]) -> None:
        blocks = network_policies.peers(context())["nodes"].blocks  # type: ignore[union-attr]
        wanted = {(str(block), port) for block in blocks for port in (6443, 10250)}
        assert ends(policies["metrics-server/metrics-server"], "egress") == {("kube-system", 53), *wanted}

    def test_it_runs_where_kubelets_can_be_reached_from(self) -> None:
        assert values_of("metrics-server")["nodeSelector"] == {"node-role.kubernetes.io/control-plane": ""}

    def test_its_token_goes_to_kubelets_that_the_cluster_vouches_for(self) -> None:
        authority = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
        assert values_of("metrics-server")["args"] == [f"--kubelet-certificate-authority={authority}"]

    def test_its_api_is_a_kind_that_the_charts_may_make(self) -> None:
        kinds = projects.charts_project(context(NEEDY))["spec"]["clusterResourceWhitelist"]
        assert {"group": "apiregistration.k8s.io", "kind": "APIService"} in kinds


class TestRollouts:
    """Its controller may change workloads in every namespace: what it may be made to call is counted."""

    def test_an_analysis_that_names_another_address_reaches_nothing(self, policies: Mapping[str, Manifest]) -> None:
        nodes = {(str(block), 6443) for block in network_policies.peers(context())["nodes"].blocks}  # type: ignore[union-attr]
        assert ends(policies["argo-rollouts/argo-rollouts"], "egress") == {
            ("prometheus", 9090), ("kube-system", 53), *nodes,
        }  # fmt: skip

    def test_prometheus_alone_calls_it(self, policies: Mapping[str, Manifest]) -> None:
        assert ends(policies["argo-rollouts/argo-rollouts"], "ingress") == {("prometheus", 8090)}

    def test_prometheus_lets_it_in(self, policies: Mapping[str, Manifest]) -> None:
        assert ("argo-rollouts", 9090) in ends(policies["prometheus/prometheus"], "ingress")

    def test_it_runs_on_the_master_for_a_workers_kubelet_could_take_its_token(self) -> None:
        (values,) = [part.values for part in charts.parts(context(NEEDY)) if part.chart.release == "argo-rollouts"]
        assert values["controller"]["nodeSelector"] == {"node-role.kubernetes.io/control-plane": ""}

    def test_argo_cd_does_not_put_a_steps_weights_back(self) -> None:
        """With RespectIgnoreDifferences it would keep all of `http` as it is, and so never bring a route (docs/adr/0037)."""
        made = of_kind(manifests(build_tenants, context(NEEDY)), "Application")["argocd/needy"]["spec"]
        ignored = {one["kind"]: one["jqPathExpressions"] for one in made["ignoreDifferences"]}
        assert ignored["VirtualService"] == [".spec.http[]?.route[]?.weight"]
        assert "ApplyOutOfSyncOnly=true" in made["syncPolicy"]["syncOptions"]
        assert "RespectIgnoreDifferences=true" not in made["syncPolicy"]["syncOptions"]

    def test_without_it_argo_cd_puts_everything_back(self) -> None:
        made = of_kind(manifests(build_tenants, context(PLAIN)), "Application")["argocd/needy"]["spec"]
        assert "ignoreDifferences" not in made


class TestKafka:
    """Strimzi's operator."""

    def test_it_acts_in_the_namespaces_of_those_who_need_it_alone(self) -> None:
        other = replace(PLAIN, system="other", namespaces={"other": NEEDY.namespaces[HOME]}, workloads=(), arrows=())
        (values,) = [
            part.values
            for part in charts.parts(context(NEEDY, other))
            if part.chart.release == "strimzi-kafka-operator"
        ]
        assert (values["watchNamespaces"], values["watchAnyNamespace"]) == ([HOME], False)

    def test_it_opens_no_listener_by_policies_of_its_own(self) -> None:
        (values,) = [
            part.values for part in charts.parts(context(NEEDY)) if part.chart.release == "strimzi-kafka-operator"
        ]
        assert values["generateNetworkPolicy"] is False

    def test_a_broker_is_reached_by_who_is_declared_and_by_the_operator(self, policies: Mapping[str, Manifest]) -> None:
        assert ends(policies[f"{HOME}/kafka"], "ingress") == {
            (HOME, 9093), ("kafka-operator", 9091), ("kafka-operator", 8443),
        }  # fmt: skip

    def test_a_pod_without_a_proxy_asks_istiod_nothing(self, policies: Mapping[str, Manifest]) -> None:
        assert ends(policies[f"{HOME}/kafka"], "egress") == {("kube-system", 53)}

    def test_what_has_no_proxy_has_no_agent_to_scrape(self) -> None:
        with pytest.raises(ValueError, match="allowed: scraped=False"):
            TenantWorkload(name="kafka", namespace=HOME, proxied=False)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The whole stack, with a guest that needs all of it."""

    def declare(settings: Settings) -> Tenant:
        return replace(guestbook.declare(settings), needs=NEEDY.needs)

    return build_with(
        tmp_path_factory.mktemp("needs"), WORKERS, "eco2", guestbook.SYSTEM, guest=replace(GUESTBOOK, declare=declare)
    )


class TestPolicies:
    """Kyverno."""

    def test_it_is_asked_about_the_namespaces_of_who_needs_it_alone(self) -> None:
        """So that its absence stops no pod of another's, and no controller's."""
        selector = values_of("kyverno")["config"]["webhooks"]["namespaceSelector"]
        assert selector["matchExpressions"] == [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [HOME]}
        ]

    def test_the_api_server_and_prometheus_alone_reach_it(self, policies: Mapping[str, Manifest]) -> None:
        nodes = {(str(block), 9443) for block in network_policies.peers(context())["nodes"].blocks}  # type: ignore[union-attr]
        assert ends(policies["kyverno/kyverno"], "ingress") == {("prometheus", 8000), *nodes}

    def test_its_role_reads_images_alone(self, standing: Recording) -> None:
        policy = json.loads(reveal(standing.one("Policy", "eco2-role-kyverno-kyverno")["policy"]))
        actions = {action for one in policy["Statement"] for action in listed(one["Action"])}
        assert actions == {
            "ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage",
        }  # fmt: skip

    def test_a_tenant_makes_policies_for_its_own_namespaces_alone(self) -> None:
        made = of_kind(manifests(build_tenants, context(NEEDY)), "AppProject")["argocd/needy"]["spec"]
        kinds = {one["kind"] for one in made["namespaceResourceWhitelist"] if "kyverno" in one["group"]}
        assert kinds == {"Policy", "NamespacedValidatingPolicy", "NamespacedImageValidatingPolicy"}
        assert made["clusterResourceWhitelist"] == []


class TestChaos:
    """Chaos Mesh: an experiment may name any namespace, and acts where the cluster lets it."""

    def test_it_acts_in_marked_namespaces_alone(self) -> None:
        assert values_of("chaos-mesh")["controllerManager"]["enableFilterNamespace"] is True
        marked = {
            name
            for room in (build_tenants, platform.build_platform, build_namespaces)
            for name, one in of_kind(manifests(room, context(NEEDY)), "Namespace").items()
            if one["metadata"]["annotations"].get("chaos-mesh.org/inject") == "enabled"
        }
        assert marked == {HOME}

    def test_a_tenant_that_does_not_ask_is_not_disturbed(self) -> None:
        made = of_kind(manifests(build_tenants, context(PLAIN)), "Namespace")[HOME]
        assert "chaos-mesh.org/inject" not in made["metadata"]["annotations"]

    def test_its_daemon_is_on_the_tenants_workers_alone(self) -> None:
        assert values_of("chaos-mesh")["chaosDaemon"]["nodeSelector"] == {
            "node-restriction.kubernetes.io/role": "tenant"
        }
        assert "tolerations" not in values_of("chaos-mesh")["chaosDaemon"]

    def test_the_controller_alone_tells_it_what_to_do(self, policies: Mapping[str, Manifest]) -> None:
        (rule,) = policies["chaos-mesh/chaos-daemon"]["spec"]["ingress"]
        assert rule["from"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/component": "controller-manager"}

    def test_it_has_no_page_of_its_own(self) -> None:
        assert values_of("chaos-mesh")["dashboard"] == {"create": False}


CHAOS = "kubernetes-namespace-restricted: prod/eco2-platform-chaos-mesh-namespace"


class TestStack:
    """What AWS keeps, and what the policies say of it."""

    @pytest.mark.parametrize(("part", "program"), [("traces", "tempo"), ("logs", "loki")])
    def test_a_program_has_its_bucket_and_no_other(self, standing: Recording, part: str, program: str) -> None:
        policy = json.loads(reveal(standing.one("Policy", f"eco2-role-{part}-{part}")["policy"]))
        bucket = f"arn:aws:s3:::eco2-example-{part}"
        assert {resource for one in policy["Statement"] for resource in listed(one["Resource"])} == {
            bucket, f"{bucket}/*",
        }  # fmt: skip
        assert {action for one in policy["Statement"] for action in listed(one["Action"])} == {
            "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload",
        }  # fmt: skip
        trust = json.loads(reveal(standing.one("Role", f"eco2-role-{part}")["assumeRolePolicy"]))
        assert f"system:serviceaccount:{program}:{program}" in json.dumps(trust)
        assert standing.one("Bucket", f"eco2-{part}")["bucket"] == f"eco2-example-{part}"

    def test_a_policy_stops_chaos_until_it_is_exempted_and_nothing_else(self, standing: Recording) -> None:
        stopping = {f"{one.rule.name}: {one.where}: {one.message}" for one in judged(seen_by_rules(standing)).stopping}
        new = ("traces", "logs", *NEW, *projects.platform_namespaces(context(NEEDY)))
        assert {one for one in stopping if any(name in one for name in new)} == {
            f"{CHAOS}: chaos-mesh: pod-security.kubernetes.io/enforce is privileged, not restricted"
        }, "who wants chaos in a stack says so in an exemption"

    def test_prometheus_asks_each_program(self, standing: Recording) -> None:
        asked = {reveal(one.inputs)["metadata"]["name"] for one in standing if one.type.endswith(":PodMonitor")}
        assert {"tempo", "otel-collector", "loki", "log-shipper"} <= asked


def listed(one: str | list[str]) -> list[str]:
    return [one] if isinstance(one, str) else one
