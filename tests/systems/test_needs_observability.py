"""What tenants see of themselves: traces, logs, alerts, dashboards (infra/systems/eco2/needs)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from infra.needs import Alerts, Dashboards, Traces
from infra.systems.eco2 import charts, needs, projects, tracing
from infra.systems.eco2.mesh import build_mesh, mesh_configuration
from infra.systems.eco2.tenants import build_tenants
from tests.systems.eco2_objects import Manifest, context, manifests, of_kind
from tests.systems.needy import HOME, NEEDY, PLAIN, ends, policies_of, values_of


@pytest.fixture(scope="module")
def policies() -> dict[str, Manifest]:
    return policies_of(NEEDY)


class TestTraces:
    """The collector, and Tempo behind it."""

    def test_spans_come_from_the_gateway_and_from_the_pods_of_who_needs_them_alone(
        self, policies: Mapping[str, Manifest]
    ) -> None:
        assert ends(policies["tracing/otel-collector"], "ingress") == {
            ("istio-system", 4317), (HOME, 4317), ("prometheus", 8888),
        }  # fmt: skip
        callers = [rule["from"][0]["podSelector"] for rule in policies["tracing/otel-collector"]["spec"]["ingress"]]
        assert {"matchLabels": {"app.kubernetes.io/name": "kafka"}} not in callers

    def test_the_collector_reaches_tempo_and_nothing_else(self, policies: Mapping[str, Manifest]) -> None:
        assert ends(policies["tracing/otel-collector"], "egress") == {("tempo", 4317), ("kube-system", 53)}

    def test_the_proxies_may_send_them(self, policies: Mapping[str, Manifest]) -> None:
        assert ("tracing", 4317) in ends(policies["istio-system/ingress-gateway"], "egress")
        assert ("tracing", 4317) in ends(policies[f"{HOME}/needy-api"], "egress")

    def test_the_gateway_samples_the_most_that_anybody_asks_for(self) -> None:
        more = replace(PLAIN, system="more", namespaces={}, workloads=(), arrows=(), needs=[Traces(percent=25)])
        (made,) = of_kind(manifests(needs.build_needs, context(NEEDY, more)), "Telemetry").values()
        assert made["metadata"]["namespace"] == "istio-system"
        assert made["spec"] == {
            "selector": {"matchLabels": {"istio": "ingress-gateway"}},
            "tracing": [{"providers": [{"name": "otel"}], "randomSamplingPercentage": 25}],
        }

    def test_it_is_no_second_telemetry_for_all_of_the_mesh(self) -> None:
        """Istio takes one without a selector in its root namespace, and ignores the other without a word."""
        found = [*manifests(build_mesh, context(NEEDY)), *manifests(needs.build_needs, context(NEEDY))]
        everywhere = [one for one in of_kind(found, "Telemetry").values() if "selector" not in one["spec"]]
        assert [one["metadata"]["name"] for one in everywhere] == ["mesh-default"]

    def test_the_mesh_knows_the_collector_by_the_name_of_its_service(self) -> None:
        (values,) = [part.values for part in charts.parts(context(NEEDY)) if part.chart.release == "istiod"]
        (provider,) = [one for one in values["meshConfig"]["extensionProviders"] if "opentelemetry" in one]
        assert provider == {
            "name": "otel",
            "opentelemetry": {"service": "otel-collector.tracing.svc.cluster.local", "port": 4317},
        }

    def test_a_line_of_the_access_log_names_its_trace_once_there_are_traces(self) -> None:
        assert '"trace_id": "%TRACE_ID%"' in mesh_configuration([NEEDY])["accessLogFormat"]
        assert "trace_id" not in mesh_configuration([PLAIN])["accessLogFormat"]

    def test_no_query_of_a_request_is_kept(self) -> None:
        pipeline = values_of("otel-collector")["alternateConfig"]["service"]["pipelines"]["traces"]
        assert pipeline["processors"] == ["memory_limiter", "transform/queries", "batch"]

    def test_neither_program_gets_a_token_of_kubernetes(self) -> None:
        accounts = [values_of(release)["serviceAccount"] for release in ("otel-collector", "tempo")]
        assert [one["automountServiceAccountToken"] for one in accounts] == [False, False]

    def test_the_contract_says_where_spans_go_to_who_asked_alone(self) -> None:
        assert tracing.spans(PLAIN) is None
        found = tracing.spans(NEEDY)
        assert found is not None
        assert (found.provider, found.host, found.port) == ("otel", "otel-collector.tracing.svc.cluster.local", 4317)
        assert found.visible == "tracing/otel-collector.tracing.svc.cluster.local"


class TestLogs:
    """The shipper on the nodes, and Loki."""

    def test_it_reads_the_pods_of_who_needs_it_and_the_gateways_alone(self) -> None:
        files = values_of("log-shipper")["alternateConfig"]["receivers"]["file_log"]["include"]
        assert files == [
            f"/var/log/pods/{HOME}_*/*/*.log",
            "/var/log/pods/istio-system_ingress-gateway-*/*/*.log",
        ]

    def test_it_is_nobody_in_roots_group_and_cannot_write_what_it_reads(self) -> None:
        values = values_of("log-shipper")
        security = values["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"], security["runAsNonRoot"]) == (10001, 0, True)
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert values["serviceAccount"]["automountServiceAccountToken"] is False
        (node,) = [one["name"] for one in values["extraVolumes"] if "hostPath" in one]
        (mount,) = [one for one in values["extraVolumeMounts"] if one["name"] == node]
        assert mount == {"name": node, "mountPath": "/var/log/pods", "readOnly": True}

    def test_it_runs_where_tenants_and_the_gateway_do(self) -> None:
        required = values_of("log-shipper")["affinity"]["nodeAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]
        found = {
            (one["key"], *one["values"]) for term in required["nodeSelectorTerms"] for one in term["matchExpressions"]
        }
        assert found == {
            ("node-restriction.kubernetes.io/role", "tenant"),
            ("node-restriction.kubernetes.io/dedicated", "ingress-gateway"),
        }

    def test_nobody_but_the_shipper_writes_to_loki(self, policies: Mapping[str, Manifest]) -> None:
        assert ends(policies["loki/loki"], "ingress") == {
            ("kube-system", 3100), ("grafana", 3100), ("prometheus", 3100), ("loki", 9095), ("loki", 7946),
        }  # fmt: skip


class TestSources:
    """Grafana's."""

    def test_from_a_line_to_its_trace_and_back(self) -> None:
        sources = {one["uid"]: one for one in values_of("grafana")["datasources"]["datasources.yaml"]["datasources"]}
        assert set(sources) == {"prometheus", "tempo", "loki"}
        (link,) = sources["loki"]["jsonData"]["derivedFields"]
        assert (link["matcherType"], link["matcherRegex"], link["datasourceUid"]) == ("label", "trace_id", "tempo")
        back = sources["tempo"]["jsonData"]["tracesToLogsV2"]
        assert back["datasourceUid"] == "loki"
        assert 'trace_id="$${__trace.traceId}"' in back["query"]

    def test_each_is_at_its_service_and_open_to_grafana(self, policies: Mapping[str, Manifest]) -> None:
        sources = {one["uid"]: one for one in values_of("grafana")["datasources"]["datasources.yaml"]["datasources"]}
        assert sources["tempo"]["url"] == "http://tempo.tempo.svc:3200"
        assert sources["loki"]["url"] == "http://loki.loki.svc:3100"
        assert {("tempo", 3200), ("loki", 3100)} <= ends(policies["grafana/grafana"], "egress")

    def test_without_a_need_it_has_prometheus_alone(self) -> None:
        (values,) = [part.values for part in charts.parts(context(PLAIN)) if part.chart.release == "grafana"]
        assert [one["uid"] for one in values["datasources"]["datasources.yaml"]["datasources"]] == ["prometheus"]


class TestAlerts:
    """Alertmanager's routes are the cluster's, and end at their tenant's namespace."""

    def test_its_alerts_go_to_its_channel_and_by_mail(self) -> None:
        made = of_kind(manifests(needs.build_needs, context(NEEDY)), "AlertmanagerConfig")[f"{HOME}/alerts"]["spec"]
        (receiver,) = made["receivers"]
        (slack,), (mail,) = receiver["slackConfigs"], receiver["emailConfigs"]
        assert (slack["channel"], slack["apiURL"]) == ("#needy", {"name": "alerts", "key": "slack-url"})
        assert (mail["to"], mail["smarthost"]) == (
            "oncall@needy.example",
            "email-smtp.ap-northeast-2.amazonaws.com:587",
        )
        assert (mail["requireTLS"], mail["authPassword"]) == (True, {"name": "alerts", "key": "mail-password"})
        assert {route["receiver"] for route in (made["route"], *made["route"]["routes"])} == {receiver["name"]}

    def test_its_secrets_come_from_its_own_parameters(self) -> None:
        made = of_kind(manifests(needs.build_needs, context(NEEDY)), "ExternalSecret")[f"{HOME}/alerts"]["spec"]
        assert made["secretStoreRef"]["name"] == "needy-parameters"
        assert {one["secretKey"]: one["remoteRef"]["key"] for one in made["data"]} == {
            "slack-url": "/needy/prod/alerts/slack-url",
            "mail-password": "/needy/prod/alerts/mail-password",
        }

    def test_without_mail_no_password_is_asked_for(self) -> None:
        slack = replace(PLAIN, needs=[Alerts(slack_channel="#needy")])
        made = of_kind(manifests(needs.build_needs, context(slack)), "ExternalSecret")[f"{HOME}/alerts"]["spec"]
        assert [one["secretKey"] for one in made["data"]] == ["slack-url"]

    def test_alertmanager_is_let_out_to_the_relays_beside_its_own_way_out(
        self, policies: Mapping[str, Manifest]
    ) -> None:
        out = {(where, port) for where, port in ends(policies["prometheus/alertmanager"], "egress") if "/" in where}
        assert out == {("0.0.0.0/0", 443), ("0.0.0.0/0", 587)}
        without = policies_of(PLAIN)
        out = {(where, port) for where, port in ends(without["prometheus/alertmanager"], "egress") if "/" in where}
        assert out == {("0.0.0.0/0", 443)}

    def test_a_tenant_makes_no_route_for_anothers_alerts(self) -> None:
        """The kind is in the cluster's project and in no tenant's; the operator adds the namespace to what a route matches."""
        assert "AlertmanagerConfig" in kinds(projects.root_project(context(NEEDY)))
        made = of_kind(manifests(build_tenants, context(NEEDY)), "AppProject")["argocd/needy"]
        assert "AlertmanagerConfig" not in kinds(made)
        assert "alertmanagerConfigMatcherStrategy" not in json.dumps(values_of("prometheus"))

    def test_without_the_need_nobody_makes_one(self) -> None:
        assert "AlertmanagerConfig" not in kinds(projects.root_project(context(PLAIN)))

    def test_alerts_that_go_nowhere_are_refused(self) -> None:
        with pytest.raises(ValueError, match="allowed: slack_channel, mail or both"):
            Alerts()


def kinds(project: Manifest) -> set[str]:
    return {one["kind"] for one in project["spec"]["namespaceResourceWhitelist"]}


class TestDashboards:
    """Grafana mounts them: it reads no ConfigMap by itself."""

    def test_a_tenants_are_in_a_folder_of_its_own(self) -> None:
        grafana = values_of("grafana")
        assert grafana["dashboardsConfigMaps"] == {"eco2": "grafana-dashboards", "needy": "dashboards-needy"}
        folders = {one["name"]: one for one in grafana["dashboardProviders"]["dashboardproviders.yaml"]["providers"]}
        assert folders["needy"]["options"] == {"path": "/var/lib/grafana/dashboards/needy"}
        assert (folders["needy"]["folder"], folders["needy"]["allowUiUpdates"]) == ("needy", False)

    def test_they_are_where_grafana_is(self) -> None:
        made = of_kind(manifests(needs.build_needs, context(NEEDY)), "ConfigMap")["grafana/dashboards-needy"]
        assert set(made["data"]) == {"needy.json"}

    def test_grafana_still_has_no_right_in_the_cluster(self) -> None:
        grafana = values_of("grafana")
        assert (grafana["rbac"]["create"], grafana["automountServiceAccountToken"]) == (False, False)

    def test_two_dashboards_with_one_uid_are_refused(self) -> None:
        other = replace(PLAIN, system="other", namespaces={"other": NEEDY.namespaces[HOME]}, workloads=(), arrows=())
        other = replace(other, needs=[one for one in NEEDY.needs if isinstance(one, Dashboards)])
        with pytest.raises(ValueError, match="more than one dashboard has the uid needy"):
            charts.parts(context(NEEDY, other))
