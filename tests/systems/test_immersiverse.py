"""immersiverse-auth.md as sentences: what the document says, read off what the stack registers."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from infra.components.cluster.kafka import KafkaClusterArgs, Nodes
from infra.components.cluster.kafka_access import KafkaAccessArgs, Topic, User
from infra.components.cluster.pods import Resources
from infra.components.mesh.filters.transcoder import TRANSCODER, transcoding
from infra.systems.immersiverse.document import (
    AUTH,
    AUTH_TOPICS,
    BACKUP,
    CONSUMERS,
    DATABASES,
    GRPC_SERVICE,
    HOME,
    METHODS,
    PLATFORMS,
    POSTGRES,
    PUBLIC_PATHS,
    REDIS,
    SYSTEM,
    USER_DEACTIVATED,
    WEBHOOK,
)
from infra.systems.immersiverse.tenancy import tenant_arrows
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.services.test_protos import REST
from tests.stacks import ACCOUNT, REGION, ROOT, changed_stack, program

HOST = "immersiverse.eco2.example.com"
EDGE = "eco2-tenant-immersiverse-"


def objects(recording: Recording, kind: str) -> dict[str, Any]:
    """The system's objects of that kind by name, what it hangs on the gateway among them."""
    return {
        each.inputs["metadata"]["name"]: reveal(each.inputs)
        for each in recording
        if each.type.startswith("kubernetes:")
        and each.type.endswith(f":{kind}")
        and each.name.startswith((f"{SYSTEM}-", EDGE))
    }


def spec(recording: Recording, kind: str, name: str) -> Any:
    return objects(recording, kind)[name]["spec"]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The system with a platform's webhooks let in."""
    folder = tmp_path_factory.mktemp("webhooks")
    changes = {"platform.systems": ["eco2", SYSTEM], "immersiverse.webhooks": ["twitch"]}
    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder) as cloud:
        return run(program, changed_stack(folder, "prod", changes), cloud)


class TestGateway:
    def test_rest_is_below_auth_as_the_proto_says(self) -> None:
        assert {one.name: one.path for one in METHODS} == {
            name: path.replace("{platform}", "*") for name, (path, _) in REST.items()
        }
        assert all(one.path.startswith("/auth/") for one in METHODS)

    def test_clients_reach_every_method_but_the_validation_of_tokens(self, prod: Recording) -> None:
        (rule,) = spec(prod, "AuthorizationPolicy", "immersiverse-edge")["rules"]
        operation = rule["to"][0]["operation"]
        assert operation == {"paths": [*PUBLIC_PATHS], "hosts": [HOST, f"{HOST}:*"]}
        opened = {one.name for one in METHODS for path in PUBLIC_PATHS if _below(path, one.path)}
        assert opened == {one.name for one in METHODS if one.public}

    def test_rest_becomes_grpc_on_its_own_host_alone(self, prod: Recording) -> None:
        off, on = spec(prod, "EnvoyFilter", "immersiverse-transcoder")["configPatches"]
        assert not off["patch"]["value"]["typed_config"].get("services")
        assert on["match"]["routeConfiguration"]["vhost"]["name"] == f"{HOST}:8080"
        config = on["patch"]["value"]["typed_per_filter_config"][TRANSCODER]
        assert config["services"] == [GRPC_SERVICE]
        assert b64decode(config["proto_descriptor_bin"]) == (ROOT / "services/auth/proto/auth.binpb").read_bytes()

    def test_its_route_goes_to_the_auth_service_over_http2(self, prod: Recording) -> None:
        (route,) = spec(prod, "VirtualService", "immersiverse-vs")["http"]
        assert route["route"][0]["destination"]["host"] == f"{AUTH}.{HOME}.svc.cluster.local"
        assert spec(prod, "Service", AUTH)["ports"][0]["appProtocol"] == "grpc"

    def test_a_transcoder_of_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="would do nothing"):
            transcoding(host="a.example.com", port=1, descriptor=b"", services=["a"], largest_body=1)


def _below(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


class TestCallers:
    def test_each_method_says_who_may_call_it(self, prod: Recording) -> None:
        allowed = {
            (principal.rpartition("/")[2], path.rpartition("/")[2])
            for rule in spec(prod, "AuthorizationPolicy", AUTH)["rules"]
            for principal in rule["from"][0]["source"]["principals"]
            for path in rule["to"][0]["operation"]["paths"]
        }
        assert allowed == {
            *(("ingress-gateway", one.name) for one in METHODS if one.public),
            ("user-profile-service", "ValidateToken"),
            ("analytics-service", "ValidateToken"),
        }

    @pytest.mark.parametrize("data", [POSTGRES, REDIS])
    def test_its_data_is_reached_by_it_alone(self, prod: Recording, data: str) -> None:
        callers = {
            principal.rpartition("/")[2]
            for rule in spec(prod, "AuthorizationPolicy", data)["rules"]
            for principal in rule["from"][0]["source"]["principals"]
        }
        assert callers == {AUTH, *([DATABASES, BACKUP] if data == POSTGRES else [])}
        assert {one.source for one in tenant_arrows(webhooks=False) if one.target == data} == callers

    def test_its_database_speaks_tls_alone(self, prod: Recording) -> None:
        lines = (ROOT / "deploy/immersiverse/postgres/pg_hba.conf").read_text().splitlines()
        assert {line.split()[0] for line in lines if not line.startswith("#")} == {"local", "hostssl"}
        environment = _environment(prod)
        assert environment["DATABASE_HOST"] in spec(prod, "Certificate", POSTGRES)["dnsNames"]
        assert environment["DATABASE_CA_FILE"] == "/etc/database-ca/ca.crt"

    def test_its_user_is_the_images(self, prod: Recording) -> None:
        pod = spec(prod, "Deployment", AUTH)["template"]["spec"]
        image = (ROOT / "services/auth/Containerfile").read_text()
        assert f"USER {pod['securityContext']['runAsUser']:.0f}:" in image

    def test_it_gets_of_others_secrets_what_it_needs_alone(self, prod: Recording) -> None:
        pod = spec(prod, "Deployment", AUTH)["template"]["spec"]
        secrets = {one["name"]: one["secret"] for one in pod["volumes"] if "secret" in one}
        assert {name: [item["key"] for item in one.get("items", ())] for name, one in secrets.items()} == {
            "secrets": [], "kafka": ["password"], "kafka-ca": ["ca.crt"], "database-ca": ["ca.crt"],
        }  # fmt: skip


def _environment(recording: Recording) -> dict[str, str]:
    (container,) = spec(recording, "Deployment", AUTH)["template"]["spec"]["containers"]
    return {one["name"]: one["value"] for one in container["env"]}


class TestBackups:
    def test_the_database_is_dumped_each_night_over_tls(self, prod: Recording) -> None:
        job = spec(prod, "CronJob", BACKUP)
        assert job["concurrencyPolicy"] == "Forbid"
        (dumper,) = job["jobTemplate"]["spec"]["template"]["spec"]["initContainers"]
        told = {one["name"]: one["value"] for one in dumper["env"]}
        assert (told["PGSSLMODE"], told["SERVICES"]) == ("verify-full", "auth")
        assert told["PGSSLROOTCERT"].rpartition("/")[0] in {one["mountPath"] for one in dumper["volumeMounts"]}

    def test_its_role_writes_to_its_bucket_and_nothing_else(self, prod: Recording) -> None:
        (statement,) = json.loads(reveal(prod.one("Policy", "immersiverse-role-backup-backup")["policy"]))["Statement"]
        assert {*statement["Action"]} == {"s3:AbortMultipartUpload", "s3:PutObject"}
        assert statement["Resource"] == "arn:aws:s3:::immersiverse-example-backups/*"

    def test_the_mesh_lets_out_to_its_bucket_alone_where_aws_own_client_goes(self, prod: Recording) -> None:
        """By S3's own host whoever took the Auth Service over could write to any bucket of the world."""
        allowed = set(spec(prod, "ServiceEntry", "backups")["hosts"])
        assert allowed == {f"{host}.{REGION}.amazonaws.com" for host in ("immersiverse-example-backups.s3", "sts")}
        asked: set[str] = set()

        def sent(request: Any, **_: Any) -> None:
            asked.add(urlsplit(request.url).hostname or "")
            raise InterruptedError

        client = boto3.client("s3", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
        client.meta.events.register("before-send.s3.PutObject", sent)
        with pytest.raises(InterruptedError):
            client.put_object(Bucket="immersiverse-example-backups", Key="k", Body=b"")
        assert asked
        assert asked <= allowed


class TestWebhooks:
    def test_they_are_closed(self, prod: Recording) -> None:
        assert not any("webhooks" in path for path in PUBLIC_PATHS)
        assert "webhooks" not in json.dumps(spec(prod, "VirtualService", "immersiverse-vs"))
        assert not any(WEBHOOK in (one.source, one.target) for one in tenant_arrows(webhooks=False))

    def test_a_stack_opens_them_platform_by_platform(self, opened: Recording) -> None:
        (rule,) = spec(opened, "AuthorizationPolicy", "immersiverse-edge")["rules"]
        assert rule["to"][0]["operation"]["paths"] == [*PUBLIC_PATHS, "/auth/webhooks/twitch"]
        hooks, _ = spec(opened, "VirtualService", "immersiverse-vs")["http"]
        assert hooks["route"][0]["destination"]["host"] == f"{WEBHOOK}.{HOME}.svc.cluster.local"


class TestEgress:
    def test_the_streaming_platforms_hosts_and_no_others(self, prod: Recording) -> None:
        entry = spec(prod, "ServiceEntry", "streaming-platforms")
        assert set(entry["hosts"]) == {host for platform in PLATFORMS for host in platform.hosts}
        assert (entry["ports"][0]["protocol"], entry["exportTo"]) == ("TLS", ["."])
        assert spec(prod, "Sidecar", "default")["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}

    def test_the_service_is_told_the_same_endpoints(self, prod: Recording) -> None:
        told = json.loads(objects(prod, "ConfigMap")[AUTH]["data"]["platforms.json"])
        assert {name: one["token_url"] for name, one in told.items()} == {one.name: one.token_url for one in PLATFORMS}
        fetched = {item["secretKey"] for item in spec(prod, "ExternalSecret", AUTH)["data"]}
        wanted = {Path(one[key]).name for one in told.values() for key in ("client_id_file", "client_secret_file")}
        assert wanted <= fetched

    def test_an_id_inside_of_a_text_is_of_the_platforms_own_host(self, prod: Recording) -> None:
        """Who could have another's address there would be them (services/auth/internal/platform)."""
        told = json.loads(objects(prod, "ConfigMap")[AUTH]["data"]["platforms.json"])
        assert {name for name, one in told.items() if one["id_pattern"]} == {"afreeca"}
        pattern = re.compile(told["afreeca"]["id_pattern"])
        found = pattern.match("https://profile.img.sooplive.com/LOGO/so/somebody/somebody.jpg")
        assert found is not None
        assert found.groups() == ("somebody",)
        assert not pattern.match("https://profile.img.sooplive.com.example.com/LOGO/so/somebody/somebody.jpg")

    def test_spans_are_w3cs_and_sampled_by_setting(self, prod: Recording) -> None:
        (tracing,) = spec(prod, "Telemetry", "traces")["tracing"]
        environment = _environment(prod)
        assert environment["OTEL_TRACES_SAMPLER"] == "parentbased_traceidratio"
        assert float(environment["OTEL_TRACES_SAMPLER_ARG"]) * 100 == tracing["randomSamplingPercentage"] == 5


class TestKafka:
    def test_every_topic_has_its_companions_on_three_brokers(self, prod: Recording) -> None:
        topics = {one["spec"]["topicName"]: one["spec"] for one in objects(prod, "KafkaTopic").values()}
        named = [*AUTH_TOPICS, USER_DEACTIVATED]
        assert set(topics) == {f"{name}{end}" for name in named for end in ("", ".retry", ".dlq")}
        assert {one["replicas"] for one in topics.values()} == {3}
        assert {one["config"]["min.insync.replicas"] for one in topics.values()} == {2}
        days = {one["config"]["retention.ms"] / 86_400_000 for name, one in topics.items() if name.endswith(".dlq")}
        assert days == {30}

    def test_the_way_in_is_tls_with_a_password_and_nobody_is_allowed_unnamed(self, prod: Recording) -> None:
        kafka = spec(prod, "Kafka", SYSTEM)["kafka"]
        (listener,) = kafka["listeners"]
        assert (listener["tls"], listener["authentication"]["type"]) == (True, "scram-sha-512")
        assert kafka["authorization"] == {"type": "simple"}
        assert kafka["config"]["auto.create.topics.enable"] is False
        assert kafka["config"]["unclean.leader.election.enable"] is False

    def test_controllers_and_brokers_are_three_each_and_apart(self, prod: Recording) -> None:
        pools = {name: one["spec"] for name, one in objects(prod, "KafkaNodePool").items()}
        assert {name: (one["roles"], one["replicas"]) for name, one in pools.items()} == {
            "controller": (["controller"], 3), "broker": (["broker"], 3),
        }  # fmt: skip
        (spread,) = pools["broker"]["template"]["pod"]["topologySpreadConstraints"]
        assert spread["whenUnsatisfiable"] == "DoNotSchedule"

    def test_its_pods_are_restricted_and_without_a_proxy(self, prod: Recording) -> None:
        kafka = spec(prod, "Kafka", SYSTEM)
        templates = [kafka["kafka"], kafka["entityOperator"], kafka["kafkaExporter"]]
        templates += [one["spec"] for one in objects(prod, "KafkaNodePool").values()]
        for pod in (one["template"]["pod"] for one in templates):
            assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
            assert pod["securityContext"]["runAsNonRoot"] is True

    def test_no_consumer_shares_a_group(self) -> None:
        groups = [one.group for one in CONSUMERS]
        assert len(set(groups)) == len(groups)


SMALL = Resources(cpu="1m", memory="1Mi", memory_limit="1Mi")


def cluster(*, brokers: int = 3, controllers: int = 3, replicas: int = 3, in_sync: int = 2) -> KafkaClusterArgs:
    pools = (
        Nodes(role="broker", count=brokers, gib=8, heap="1m", resources=SMALL),
        Nodes(role="controller", count=controllers, gib=8, heap="1m", resources=SMALL),
    )
    return KafkaClusterArgs(
        cluster="k", namespace="n", version="4.3.1", metadata_version="4.3-IV0", pools=pools, replicas=replicas,
        in_sync=in_sync, storage_class="s", node_selector={"a": "b"}, spread="DoNotSchedule", helpers=SMALL, wave=0,
        protect=True,
    )  # fmt: skip


REFUSED: dict[str, tuple[str, Any]] = {
    "more replicas than brokers": ("no more replicas than brokers", lambda: cluster(brokers=2)),
    "all must be in sync": ("fewer in sync", lambda: cluster(in_sync=3)),
    "controllers that may be of two minds": ("an odd number", lambda: cluster(controllers=2)),
    "a reader without a group": ("in a group", lambda: User(name="u", reads=["t"])),
    "a pattern": ("one by one", lambda: User(name="u", writes=["auth.*"])),
    "nothing": ("one by one", lambda: User(name="u")),
    "a topic that is not there": (
        "there is no topic u",
        lambda: KafkaAccessArgs(
            cluster="k", namespace="n", topics=[Topic(name="t", partitions=1, days=1)],
            users=[User(name="w", writes=["u"])], replicas=3, in_sync=2, wave=0, protect=True,
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_lose_or_open_something_is_refused(what: str) -> None:
    why, make = REFUSED[what]
    with pytest.raises(ValueError, match=why):
        make()
