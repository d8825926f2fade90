"""api-gateway-lab.md as sentences: what the document says, read off what the stack registers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from infra.components.aws.cloudfront_policies import CACHING_OPTIMIZED
from infra.components.mesh.filters.rate_limits import ByAddress, ByClaim
from infra.settings.gateway_lab import Limits
from infra.systems.gateway_lab import edge
from infra.systems.gateway_lab.document import (
    ADMIN,
    CANARY,
    CHALLENGES,
    CHECKPOINTS,
    CLAIMS,
    CORS_HEADERS,
    CORS_METHODS,
    DATA_PORTS,
    HOME,
    LOGIN,
    PER_HOUR,
    PER_MINUTE,
    PRODUCT,
    SERVICES,
    SYSTEM,
    USER,
    VERIFY,
)
from infra.systems.gateway_lab.mesh import RELEASE_HEADER, STAY_COOKIE
from infra.systems.gateway_lab.secrets import NEEDED, digest
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.judging import judged, seen_by_rules
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.mesh.certificates import Authority
from tests.stacks import ACCOUNT, REGION, changed_stack, program
from tests.systems.eco2_objects import wave

HOST = "lab.eco2.example.com"
SERVICE_NAMES = [one.name for one in SERVICES]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The certificate of who signs clients' certificates."""
    return Authority(tmp_path_factory.mktemp("authority"), "clients").roots.read_text()


@pytest.fixture(scope="module")
def with_options(authority: str, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The lab with what prod leaves off: its clients show a certificate, and keep the release that they got."""
    folder = tmp_path_factory.mktemp("options")
    changes = {
        "platform.systems": ["eco2", SYSTEM],
        "gateway_lab.weights": {"v1": 80, "v2": 20, "stay_seconds": 600},
        "gateway_lab.client_certificates": {"authorities": authority},
    }
    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder) as cloud:
        return run(program, changed_stack(folder, "prod", changes), cloud)


def one(recording: Recording, kind: str, name: str) -> Any:
    """The lab's object of that kind and name."""
    (found,) = [
        reveal(each.inputs)
        for each in recording
        if each.type.endswith(f":{kind}")
        and each.name.startswith(f"{SYSTEM}-")
        and each.inputs.get("metadata", {}).get("name") == name
    ]
    return found


def container_of(recording: Recording, kind: str, name: str) -> Any:
    (found,) = one(recording, kind, name)["spec"]["template"]["spec"]["containers"]
    return found


def kind_of(name: str) -> str:
    """The user service's releases come step by step."""
    return "Rollout" if name == USER else "Deployment"


def environment(recording: Recording, name: str) -> dict[str, str]:
    return {item["name"]: item["value"] for item in container_of(recording, kind_of(name), name)["env"]}


def routes(recording: Recording) -> dict[str, Any]:
    return {route["name"]: route for route in one(recording, "VirtualService", "gateway-lab-vs")["spec"]["http"]}


def policy(recording: Recording, name: str) -> Any:
    return one(recording, "DestinationRule", name)["spec"]["trafficPolicy"]


class TestServices:
    """The service mesh and the data layer of the diagram."""

    @pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
    def test_every_service_of_the_diagram_stands_on_its_port(self, prod: Recording, service: Any) -> None:
        container = container_of(prod, kind_of(service.name), service.name)
        assert [port["containerPort"] for port in container["ports"]] == [service.port]
        assert one(prod, "Service", service.name)["spec"]["ports"][0]["port"] == service.port

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_two_pods_of_each_so_that_one_may_fail(self, prod: Recording, service: str) -> None:
        spec = one(prod, kind_of(service), service)["spec"]
        assert spec["replicas"] == 2
        assert spec["template"]["spec"]["topologySpreadConstraints"]
        assert one(prod, "PodDisruptionBudget", service)["spec"]["maxUnavailable"] == 1

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_the_kubelet_asks_each_whether_it_is_alive_and_ready(self, prod: Recording, service: str) -> None:
        container = container_of(prod, kind_of(service), service)
        assert container["livenessProbe"]["httpGet"]["path"] == "/health"
        assert container["readinessProbe"]["httpGet"]["path"] == "/ready"

    def test_the_canary_is_another_release_of_the_user_service(self, prod: Recording) -> None:
        image = container_of(prod, "Deployment", CANARY)["image"]
        assert image.startswith(f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/gateway_lab-prod-{USER}:2.0.0@sha256:")
        assert environment(prod, CANARY)["SERVICE_VERSION"] == "v2"
        assert environment(prod, USER)["SERVICE_VERSION"] == "v1"

    @pytest.mark.parametrize("server", DATA_PORTS)
    def test_the_data_layer_stands_with_a_volume_each(self, prod: Recording, server: str) -> None:
        found = one(prod, "StatefulSet", server)["spec"]
        (claim,) = found["volumeClaimTemplates"]
        assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
        (port,) = container_of(prod, "StatefulSet", server)["ports"]
        assert port["containerPort"] == DATA_PORTS[server]

    @pytest.mark.parametrize("service", [one for one in SERVICES if one.data], ids=lambda service: service.name)
    def test_each_service_is_told_of_the_server_that_the_diagram_gives_it(self, prod: Recording, service: Any) -> None:
        told = environment(prod, service.name)
        assert f"{service.data}.{HOME}.svc.cluster.local" in told.values()
        assert str(DATA_PORTS[service.data]) in told.values()

    def test_connections_to_databases_are_pooled(self, prod: Recording) -> None:
        """The server has room for every pod's pool, jobs and administrators; the proxy bounds them too."""
        pods = {USER: 2 * 2, CANARY: 2}  # of the user service, the old release and the new one
        pools = [int(environment(prod, name)["DATABASE_POOL_SIZE"]) * number for name, number in pods.items()]
        (line,) = [
            line
            for line in one(prod, "ConfigMap", "postgresql-lab")["data"]["postgresql.conf"].splitlines()
            if line.startswith("max_connections")
        ]
        assert sum(pools) < int(line.split("=")[1])
        assert policy(prod, "postgresql-lab")["connectionPool"]["tcp"]["maxConnections"] == 100

    def test_databases_are_dumped_each_night_to_a_bucket_that_their_role_can_only_write(self, prod: Recording) -> None:
        spec = one(prod, "CronJob", "data-backup")["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        dumped = [item["name"] for item in spec["jobTemplate"]["spec"]["template"]["spec"]["initContainers"]]
        assert dumped == ["postgres", "mongo"]
        (statement,) = json.loads(reveal(prod.one("Policy", "gateway_lab-role-backup-backup")["policy"]))["Statement"]
        assert {*statement["Action"]} == {"s3:AbortMultipartUpload", "s3:PutObject"}
        assert statement["Resource"] == "arn:aws:s3:::gateway-lab-example-backups/*"


class TestSecrets:
    """Nothing secret stands in a manifest, and nobody reads another's."""

    @pytest.mark.parametrize("workload", NEEDED)
    def test_each_workload_fetches_its_own_by_the_tenants_store(self, prod: Recording, workload: str) -> None:
        spec = one(prod, "ExternalSecret", workload)["spec"]
        assert spec["secretStoreRef"]["name"] == "gateway-lab-parameters"
        assert {item["secretKey"] for item in spec["data"]} == set(NEEDED[workload])
        assert all(item["remoteRef"]["key"].startswith("/gateway_lab/prod/") for item in spec["data"])

    def test_the_signing_key_is_the_auth_services_alone(self, prod: Recording) -> None:
        holders = {
            each.inputs["metadata"]["name"]
            for each in prod.of("ExternalSecret")
            if any(
                item["remoteRef"]["key"] == "/gateway_lab/prod/auth/signing-key" for item in each.inputs["spec"]["data"]
            )
        }
        assert holders == {"auth-service"}

    def test_every_parameter_is_encrypted(self, prod: Recording) -> None:
        found = [each for each in prod.of("Parameter") if each.inputs["name"].startswith("/gateway_lab/")]
        assert len(found) == 12
        assert {each.inputs["type"] for each in found} == {"SecureString"}

    def test_the_gateway_knows_of_an_api_key_its_digest_alone(self, prod: Recording) -> None:
        """ "API 키 관리": the key is a parameter, encrypted; neither it nor its name's parameter stands in any object."""
        (drawn,) = [each for each in prod.of("RandomPassword") if "api-key" in each.name]
        (kept,) = [each for each in prod.of("Parameter") if "/api-keys/" in each.inputs["name"]]
        key = reveal(kept.inputs["value"])
        assert (kept.inputs["name"], len(key)) == (
            "/gateway_lab/prod/api-keys/warehouse/2026-11",
            drawn.inputs["length"],
        )
        (known,) = [
            patch["patch"]["value"]["typed_per_filter_config"]["envoy.filters.http.api_keys"]["filter_context"]["keys"]
            for each in prod.of("EnvoyFilter")
            if each.inputs["metadata"]["name"] == "gateway-lab-api-keys"
            for patch in reveal(each.inputs)["spec"]["configPatches"]
            if patch["applyTo"] == "VIRTUAL_HOST"
        ]
        assert known == [{"consumer": "warehouse", "sha256": hashlib.sha256(key.encode()).hexdigest()}]
        objects = [str(reveal(each.inputs)) for each in prod if each.type.startswith("kubernetes:")]
        assert [text for text in objects if key in text] == []

    @pytest.mark.parametrize("key", [None, ""])
    def test_a_key_that_an_update_leaves_out_opens_nothing(self, key: str | None) -> None:
        """Not even to who sends an empty one."""
        assert digest(key) == "0" * 64 != hashlib.sha256(b"").hexdigest()

    def test_redis_users_have_their_own_keys_alone(self, prod: Recording) -> None:
        lines = one(prod, "ConfigMap", "redis-lab")["data"]["users"].splitlines()
        rules = {line.split()[0]: line.split()[1:] for line in lines if not line.startswith("#")}
        for user in ("product-service", "notification-service"):
            assert [rule for rule in rules[user] if rule.startswith("~")] == [f"~{user}:*"]
        assert rules["probe"] == ["+ping"]


class TestEdge:
    """Step 1-2 and the first challenges: what stands at the gateway before the services."""

    @staticmethod
    def rules(recording: Recording) -> list[Any]:
        (found,) = [
            reveal(each.inputs)["spec"]["rules"]
            for each in recording.of("AuthorizationPolicy")
            if each.inputs["metadata"]["name"] == "gateway-lab-edge"
        ]
        return list(found)

    def test_tokens_are_of_the_auth_services_keys_for_the_lab(self, prod: Recording) -> None:
        (found,) = [
            reveal(each.inputs)
            for each in prod.of("RequestAuthentication")
            if each.inputs["metadata"]["name"] == "gateway-lab-tokens"
        ]
        (rule,) = found["spec"]["jwtRules"]
        assert (rule["issuer"], rule["audiences"]) == (f"https://{HOST}", ["gateway-lab"])
        (key,) = json.loads(rule["jwks"])["keys"]
        assert (key["kty"], key["alg"]) == ("RSA", "RS256")
        assert "d" not in key

    def test_services_are_told_the_claims_of_the_document_and_get_no_token(self, prod: Recording) -> None:
        (found,) = [
            reveal(each.inputs)
            for each in prod.of("RequestAuthentication")
            if each.inputs["metadata"]["name"] == "gateway-lab-tokens"
        ]
        (rule,) = found["spec"]["jwtRules"]
        assert {one["claim"] for one in rule["outputClaimToHeaders"]} == set(CLAIMS)
        assert rule["forwardOriginalToken"] is False

    def test_logging_in_alone_needs_no_token(self, prod: Recording) -> None:
        anyone = [rule for rule in self.rules(prod) if "from" not in rule and "when" not in rule]
        assert [rule["to"][0]["operation"]["paths"] for rule in anyone] == [[LOGIN]]
        assert anyone[0]["to"][0]["operation"]["methods"] == ["POST"]

    def test_the_admin_surface_is_for_admins_from_listed_addresses(self, prod: Recording) -> None:
        about = [rule for rule in self.rules(prod) if f"{ADMIN}/*" in rule["to"][0]["operation"]["paths"]]
        (rule,) = [rule for rule in about if rule["to"][0]["operation"].get("methods") != ["OPTIONS"]]
        assert rule["from"][0]["source"]["remoteIpBlocks"] == ["203.0.113.0/24"]
        assert rule["when"] == [{"key": "request.auth.claims[role]", "values": ["admin"]}]

    def test_an_api_key_opens_what_its_consumer_is_given(self, prod: Recording) -> None:
        (rule,) = [one for one in self.rules(prod) if "consumer" in str(one.get("when"))]
        assert rule["when"] == [{"key": "experimental.envoy.filters.http.api_keys[consumer]", "values": ["warehouse"]}]
        (target,) = rule["to"]
        assert target["operation"]["hosts"] == [HOST, f"{HOST}:*"]
        assert {path.removesuffix("/*") for path in target["operation"]["paths"]} == {
            "/api/v1/products",
            "/api/v1/orders",
        }

    def test_the_lab_lets_in_what_it_has_a_route_for(self, prod: Recording) -> None:
        opened = {path for rule in self.rules(prod) for path in rule["to"][0]["operation"]["paths"]}
        routed = {match["uri"].get("exact") for route in routes(prod).values() for match in route["match"]} - {None}
        assert {path.removesuffix("/*") for path in opened} - routed == {LOGIN, VERIFY}


class TestLimits:
    """Step 3-2: 100 a minute and 1000 an hour for each consumer."""

    def test_the_documents_limits_are_declared(self) -> None:
        own: Any = SimpleNamespace(label="lab", limits=Limits(), api_keys={})
        consumer, login = edge.limits(own)
        assert [(rate.number, rate.unit) for rate in consumer.limited.rates] == [
            (PER_MINUTE, "minute"),
            (PER_HOUR, "hour"),
        ]
        assert consumer.limited.per == ByClaim(claim="sub")
        assert (login.limited.paths, login.limited.per) == ([LOGIN], ByAddress())
        assert {one.without_limiter for one in (consumer, login)} == {"refuse"}

    def test_the_limiter_has_them(self, prod: Recording) -> None:
        rules = [
            text for each in prod.of("ConfigMap") for text in each.inputs["data"].values() if "consumer-minute" in text
        ]
        assert rules
        assert all("requests_per_unit: 100\n" in text and "requests_per_unit: 1000\n" in text for text in rules)


class TestRouting:
    """Step 3-1: weights, and who is exempt from them."""

    def test_the_user_service_is_shared_out_80_to_20(self, prod: Recording) -> None:
        for kind in ("reads", "writes"):
            shares = [
                (each["destination"]["host"].partition(".")[0], each["destination"]["subset"], each["weight"])
                for each in routes(prod)[f"user-service-{kind}"]["route"]
            ]
            assert shares == [(USER, "stable", 80), (USER, "canary", 0), (CANARY, "v2", 20)]

    @pytest.mark.parametrize(("release", "service"), [("v1", USER), ("v2", CANARY)])
    def test_a_tester_names_the_release(self, prod: Recording, release: str, service: str) -> None:
        route = routes(prod)[f"user-service-{service}-by-name-reads"]
        assert all(match["headers"] == {RELEASE_HEADER: {"exact": release}} for match in route["match"])
        assert {each["destination"]["host"] for each in route["route"]} == {f"{service}.{HOME}.svc.cluster.local"}

    def test_who_got_a_release_may_keep_it(self, with_options: Recording) -> None:
        found = routes(with_options)
        cookies = [
            each["headers"]["response"]["add"]["set-cookie"].partition(";")[0]
            for each in found["user-service-reads"]["route"]
        ]
        assert cookies == [f"{STAY_COOKIE}={USER}"] * 2 + [f"{STAY_COOKIE}={CANARY}"]
        assert {f"user-service-reads-stays-{name}" for name in (USER, CANARY)} <= found.keys()

    @pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
    def test_each_service_has_its_path(self, prod: Recording, service: Any) -> None:
        hosts = {
            match["uri"].get("exact"): each["destination"]["host"]
            for route in routes(prod).values()
            for each in route["route"]
            for match in route["match"]
        }
        for path in service.paths:
            assert path in hosts

    def test_a_promotion_shifts_the_first_releases_share_alone(self, prod: Recording) -> None:
        """10, 30 and 60 percent of its 80; the second release's subset is left as it is."""
        canary = one(prod, "Rollout", USER)["spec"]["strategy"]["canary"]
        assert [step["setWeight"] for step in canary["steps"] if "setWeight" in step] == [8, 24, 48]
        assert canary["trafficRouting"]["istio"]["destinationRule"]["additionalSubsetNames"] == ["v2"]
        led = {
            name
            for name, route in routes(prod).items()
            if any(each["destination"]["host"].partition(".")[0] == USER for each in route["route"])
        }
        assert {*canary["trafficRouting"]["istio"]["virtualService"]["routes"]} == led
        assert wave(one(prod, "Rollout", USER)) > wave(one(prod, "VirtualService", "gateway-lab-vs"))

    def test_the_host_is_the_labs_own(self, prod: Recording) -> None:
        assert one(prod, "VirtualService", "gateway-lab-vs")["spec"]["hosts"] == [HOST]


class TestFailure:
    """Step 4: timeouts, retries, circuit breaker, ejection."""

    def test_an_answer_and_a_connection_take_five_seconds_at_most(self, prod: Recording) -> None:
        assert {route["timeout"] for route in routes(prod).values()} == {"5s"}
        for service in SERVICE_NAMES:
            assert policy(prod, service)["connectionPool"]["tcp"]["connectTimeout"] == "5s"

    def test_three_retries_of_what_may_be_sent_again(self, prod: Recording) -> None:
        for name, route in routes(prod).items():
            assert route["retries"]["attempts"] == 3
            seen = {"reset", "gateway-error"} & {*route["retries"]["retryOn"].split(",")}
            assert bool(seen) == name.endswith("reads")

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_retries_are_a_part_of_what_is_under_way(self, prod: Recording, service: str) -> None:
        assert policy(prod, service)["retryBudget"] == {"percent": 20, "minRetryConcurrency": 3}

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_the_circuit_breaker_bounds_what_is_under_way(self, prod: Recording, service: str) -> None:
        assert policy(prod, service)["connectionPool"]["http"] == {
            "http1MaxPendingRequests": 100,
            "http2MaxRequests": 100,
        }

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_failing_pods_are_set_aside_half_at_most(self, prod: Recording, service: str) -> None:
        found = policy(prod, service)["outlierDetection"]
        assert (found["consecutive5xxErrors"], found["baseEjectionTime"]) == (5, "30s")
        assert found["maxEjectionPercent"] == 50


class TestCache:
    """ "캐싱 전략": Varnish before the product service."""

    NAME = "product-cache"

    def test_reads_of_products_go_there_and_writes_pass_it_by(self, prod: Recording) -> None:
        found = routes(prod)
        host = found["product-service-reads"]["route"][0]["destination"]
        assert (host["host"], host["port"]["number"]) == (f"{self.NAME}.{HOME}.svc.cluster.local", 6081)
        assert {match["method"]["regex"] for match in found["product-service-reads"]["match"]} == {"GET|HEAD"}
        written = found["product-service-writes"]["route"][0]["destination"]["host"]
        assert written == f"product-service.{HOME}.svc.cluster.local"

    def test_two_pods_that_are_asked_whether_they_are_well(self, prod: Recording) -> None:
        spec = one(prod, "Deployment", self.NAME)["spec"]
        assert (spec["replicas"], one(prod, "PodDisruptionBudget", self.NAME)["spec"]["maxUnavailable"]) == (2, 1)
        container = container_of(prod, "Deployment", self.NAME)
        probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
        assert probes == [{"path": "/cache/health", "port": "http"}] * 3

    def test_what_it_keeps_is_bounded_and_nobody_commands_it(self, prod: Recording) -> None:
        container = container_of(prod, "Deployment", self.NAME)
        told = container["args"]
        assert [told[at + 1] for at, one in enumerate(told) if one == "-s"] == ["malloc,64m", "Transient=malloc,32m"]
        assert told[told.index("-T") + 1] == "none"
        assert container["resources"]["limits"]["memory"] == "288Mi"
        own = one(prod, "ConfigMap", self.NAME)["data"]["own.vcl"]
        assert "if (beresp.ttl > 300s) {\n        set beresp.ttl = 300s;" in own

    def test_the_product_service_alone_takes_back_what_it_has_changed(self, prod: Recording) -> None:
        rules = one(prod, "AuthorizationPolicy", self.NAME)["spec"]["rules"]
        found = [(rule["from"][0]["source"]["principals"], rule["to"][0]["operation"]) for rule in rules]
        assert found == [
            (
                ["cluster.local/ns/istio-system/sa/ingress-gateway"],
                {"ports": ["6081"], "paths": ["/api/v1/products", "/api/v1/products/*"], "methods": ["GET", "HEAD"]},
            ),
            (["cluster.local/ns/gateway-lab/sa/product-service"], {"ports": ["6082"], "methods": ["PURGE"]}),
        ]

    def test_it_finds_every_pod_by_a_name_of_their_own(self, prod: Recording) -> None:
        spec = one(prod, "Service", "product-cache-purge")["spec"]
        assert (spec["clusterIP"], spec["ports"][0]["port"]) == ("None", 6082)
        assert spec["selector"] == one(prod, "Service", self.NAME)["spec"]["selector"]
        told = environment(prod, PRODUCT)
        assert told["CACHE_PURGE_HOST"] == f"product-cache-purge.{HOME}.svc.cluster.local"
        assert told["CACHE_PURGE_PORT"] == "6082"


class TestCors:
    """Step 3-2."""

    def test_origins_methods_and_headers_are_the_documents_and_cookies_are_left_out(self, prod: Recording) -> None:
        for route in routes(prod).values():
            found = route["corsPolicy"]
            assert found["allowOrigins"] == [{"exact": "*"}]
            assert found["allowMethods"] == list(CORS_METHODS)
            assert {*CORS_HEADERS} < {*found["allowHeaders"]}
            assert found["allowCredentials"] is False


class TestSite:
    """ "CDN 연동": the files of the diagram's web client."""

    SITE = "lab-web.eco2.example.com"

    def test_files_are_kept_by_cloudfront_by_cloudfronts_own_policy(self, prod: Recording) -> None:
        found = prod.one("Distribution", "gateway_lab-site-distribution")
        assert found.get("aliases") == [self.SITE]
        kept = found.get("defaultCacheBehavior")
        assert (kept["cachePolicyId"], kept["cachedMethods"], kept["compress"]) == (
            CACHING_OPTIMIZED,
            ["GET", "HEAD"],
            True,
        )

    def test_that_distribution_alone_reads_the_bucket(self, prod: Recording) -> None:
        (policy,) = [
            json.loads(reveal(each.inputs["policy"]))
            for each in prod.of("BucketPolicy")
            if each.name.startswith("gateway_lab-site-bucket")
        ]
        readers = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
        assert [one["Principal"] for one in readers] == [{"Service": "cloudfront.amazonaws.com"}]
        assert [one["Action"] for one in readers] in (["s3:GetObject"], [["s3:GetObject"]])
        assert "AWS:SourceArn" in str(readers[0]["Condition"]) or "aws:SourceArn" in str(readers[0]["Condition"])

    def test_its_host_points_there_by_both_protocols(self, prod: Recording) -> None:
        records = [each for each in prod.of("Record") if each.inputs.get("name") == self.SITE]
        assert sorted(each.inputs["type"] for each in records) == ["A", "AAAA"]

    def test_its_pages_call_the_gateway_and_no_other_host(self, prod: Recording) -> None:
        headers = prod.one("ResponseHeadersPolicy", "gateway_lab-site-headers").get("securityHeadersConfig")
        said = headers["contentSecurityPolicy"]["contentSecurityPolicy"]
        assert f"connect-src 'self' https://{HOST} wss://{HOST};" in said

    def test_without_a_host_there_is_no_site(self, dev: Recording) -> None:
        assert [each for each in dev.of("Distribution") if each.name.startswith("gateway_lab-")] == []


class TestObservability:
    """Step 2, and the challenges about alerts and dashboards."""

    def test_alerts_go_to_slack_and_by_mail(self, prod: Recording) -> None:
        (routes,) = [
            reveal(each.inputs)["spec"]
            for each in prod.of("AlertmanagerConfig")
            if each.inputs["metadata"]["namespace"] == HOME
        ]
        (receiver,) = routes["receivers"]
        assert receiver["slackConfigs"][0]["channel"] == "#gateway-lab"
        assert receiver["emailConfigs"][0]["to"] == "gateway-lab@example.com"

    def test_every_alert_is_the_labs_own(self, prod: Recording) -> None:
        rules = [
            rule
            for group in one(prod, "PrometheusRule", "gateway-lab-alerts")["spec"]["groups"]
            for rule in group["rules"]
        ]
        assert {rule["labels"]["namespace"] for rule in rules} == {HOME}

    def test_there_is_a_dashboard_of_the_services_and_one_of_the_business(self, prod: Recording) -> None:
        boards = {
            board["uid"]: board
            for each in prod.of("ConfigMap")
            for name, text in each.inputs.get("data", {}).items()
            if name.endswith(".json") and (board := json.loads(text)).get("uid", "").startswith("gateway-lab-")
        }
        assert set(boards) == {"gateway-lab-services", "gateway-lab-business"}
        asked = [panel["targets"][0]["expr"] for panel in boards["gateway-lab-business"]["panels"]]
        assert all("lab_" in query for query in asked)

    def test_of_a_share_of_requests_every_part_is_told(self, prod: Recording) -> None:
        """ "분산 추적": the gateway, the services' proxies, and the services themselves."""
        told = one(prod, "Telemetry", "traces")["spec"]
        assert told == {"tracing": [{"providers": [{"name": "otel"}], "randomSamplingPercentage": 5.0}]}
        for service in SERVICE_NAMES:
            assert environment(prod, service)["OTEL_EXPORTER_OTLP_ENDPOINT"] == (
                "http://otel-collector.tracing.svc.cluster.local:4317"
            )

    def test_what_its_pods_and_the_gateway_write_is_searched(self, prod: Recording) -> None:
        """ "로그 분석": Loki where the document has ELK (ADR 30)."""
        values = [
            reveal(each.inputs).get("spec", {}).get("source", {}).get("helm", {}).get("valuesObject", {})
            for each in prod.of("Application")
        ]
        (shipper,) = [told for told in values if told.get("fullnameOverride") == "log-shipper"]
        read = shipper["alternateConfig"]["receivers"]["file_log"]["include"]
        assert {f"/var/log/pods/{HOME}_*/*/*.log", "/var/log/pods/istio-system_ingress-gateway-*/*/*.log"} <= {*read}


class TestClientCertificates:
    """ "mTLS 구현", for clients: by setting, since the load balancer is all systems'."""

    def test_a_listener_of_its_own_verifies_them(self, with_options: Recording, authority: str) -> None:
        listener = with_options.one("Listener", "eco2-api-host-lab-verified")
        store = with_options.one("TrustStore", "eco2-clients-lab-trust-store")
        asked = listener.get("mutualAuthentication")
        assert (asked["mode"], asked["ignoreClientCertificateExpiry"]) == ("verify", False)
        assert asked["trustStoreArn"] == store.outputs["arn"]
        assert (listener.get("port"), listener.get("protocol")) == (8443, "HTTPS")
        bundle = with_options.one("BucketObjectv2", "eco2-clients-lab-authorities")
        assert (bundle.get("content"), bundle.get("key")) == (authority, store.get("caCertificatesBundleS3Key"))

    def test_the_port_of_all_has_no_way_to_it(self, with_options: Recording, prod: Recording) -> None:
        """Or who shows none would come in there."""

        def hosts(recording: Recording) -> list[str]:
            return [
                value
                for each in recording.of("ListenerRule")
                if each.name.startswith("eco2-")
                for condition in each.inputs["conditions"]
                for value in condition.get("hostHeader", {}).get("values", [])
            ]

        assert HOST in hosts(prod)
        assert HOST not in hosts(with_options)
        assert "api.eco2.example.com" in hosts(with_options)
        shared = with_options.one("Listener", "eco2-api-https")
        assert shared.get("defaultActions")[0]["type"] == "fixed-response"
        assert "mutualAuthentication" not in shared.inputs

    def test_clients_reach_that_port(self, with_options: Recording) -> None:
        rule = with_options.one("SecurityGroupIngressRule", "eco2-security-alb-from-anywhere-8443")
        assert (rule.get("fromPort"), rule.get("cidrIpv4")) == (8443, "0.0.0.0/0")
        assert with_options.stack_outputs["gateway_lab"]["url"] == f"https://{HOST}:8443"

    def test_no_policy_stops_it(self, with_options: Recording) -> None:
        stopping = {
            f"{one.rule.name}: {one.where}: {one.message}" for one in judged(seen_by_rules(with_options)).stopping
        }
        assert stopping == set()

    @pytest.mark.parametrize(
        "change",
        [
            {"loadBalancerArn": "arn:aws:elasticloadbalancing:ap-northeast-2:1:loadbalancer/app/other/1"},
            {"port": 9443},
            {"mutualAuthentication": {"mode": "passthrough"}},
            {"mutualAuthentication": None},
        ],
        ids=["another's", "another port", "passed on unseen", "not asked"],
    )
    def test_the_port_is_open_at_no_load_balancer_but_the_one_that_asks(
        self, with_options: Recording, change: dict[str, Any]
    ) -> None:
        listener = "eco2-api-host-lab-verified"
        spoiled = [
            replace(one, props={**one.props, **change}) if one.name == listener else one
            for one in seen_by_rules(with_options)
        ]
        rule = "sg-world-load-balancers-only"
        found = {one.where for one in judged(spoiled).stopping if one.rule.name == rule}
        assert found == {"prod/eco2-security-alb-from-anywhere-8443"}

    def test_without_the_setting_nobody_is_asked(self, prod: Recording) -> None:
        assert list(prod.of("TrustStore")) == []
        assert [each for each in prod.of("Listener") if "mutualAuthentication" in each.inputs] == []


class TestMesh:
    """Who may call whom: the diagram's arrows, and no others."""

    @pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
    def test_a_service_is_called_by_the_gateway_alone_on_its_paths(self, prod: Recording, service: Any) -> None:
        rules = one(prod, "AuthorizationPolicy", service.name)["spec"]["rules"]
        callers = [rule["from"][0]["source"]["principals"] for rule in rules]
        cache = [["cluster.local/ns/gateway-lab/sa/product-cache"]] if service.name == PRODUCT else []
        assert callers == [["cluster.local/ns/istio-system/sa/ingress-gateway"], *cache]
        for rule in rules:
            (operation,) = rule["to"]
            assert operation["operation"]["ports"] == [str(service.port)]
            assert operation["operation"]["paths"]

    @pytest.mark.parametrize("server", DATA_PORTS)
    def test_a_database_is_called_by_those_that_the_diagram_draws(self, prod: Recording, server: str) -> None:
        rules = one(prod, "AuthorizationPolicy", server)["spec"]["rules"]
        callers = {
            principal.rpartition("/")[2] for rule in rules for principal in rule["from"][0]["source"]["principals"]
        }
        drawn = {one.name for one in SERVICES if one.data == server}
        assert callers - {"postgresql-lab-databases", "data-backup"} == drawn

    @pytest.mark.parametrize("workload", [*SERVICE_NAMES, *DATA_PORTS, "product-cache", "product-cache-purge"])
    def test_everything_is_called_by_mutual_tls(self, prod: Recording, workload: str) -> None:
        assert policy(prod, workload)["tls"] == {"mode": "ISTIO_MUTUAL"}

    def test_proxies_know_their_own_namespace_and_where_spans_and_dumps_go(self, prod: Recording) -> None:
        assert one(prod, "Sidecar", "default")["spec"]["egress"] == [
            {"hosts": ["./*", "tracing/otel-collector.tracing.svc.cluster.local"]}
        ]
        hosts = one(prod, "ServiceEntry", "external-hosts")["spec"]["hosts"]
        assert hosts[0] == f"gateway-lab-example-backups.s3.{REGION}.amazonaws.com"

    def test_everything_is_in_the_namespace_of_its_own(self, prod: Recording) -> None:
        namespaces = {
            each.inputs["metadata"].get("namespace")
            for each in prod
            if each.name.startswith(f"{SYSTEM}-") and each.type.startswith("kubernetes:")
        }
        assert namespaces == {HOME}


def test_the_documents_boxes_are_all_there() -> None:
    assert [len(boxes) for boxes in CHECKPOINTS.values()] == [4, 4, 4, 4]
    assert [len(boxes) for boxes in CHALLENGES.values()] == [4, 4, 4]
