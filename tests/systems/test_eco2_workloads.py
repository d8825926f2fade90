"""eco2.md's namespaces, workloads and databases, as the cluster gets them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.components.cluster.config_files import checksum
from infra.systems.eco2 import data, namespaces, network_policies, parts, projects, secrets, workloads
from infra.systems.eco2.document import DEDICATED, HOMES, NAMESPACES, NODES, SERVICES
from infra.systems.eco2.observability import ADMIN_SECRET
from tests.stacks import ROOT
from tests.systems.eco2_cluster import IMAGES, Cluster, Manifest, build_cluster, containers
from tests.systems.eco2_objects import context

OWN = tuple(workload for workload in HOMES if workload not in ("ingress-gateway", "prometheus", "grafana"))
"""What this room makes; the others come by charts."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return build_cluster(tmp_path_factory.mktemp("workloads"))


class TestNamespaces:
    """네임스페이스 구조."""

    def test_the_documents_twelve_and_the_workers_are_there(self, cluster: Cluster) -> None:
        assert {one["metadata"]["name"] for one in cluster.of("Namespace")} == {*NAMESPACES, "worker"}
        assert len(NAMESPACES) == 12

    def test_sidecars_are_injected_where_the_document_draws_them(self, cluster: Cluster) -> None:
        injected = {
            one["metadata"]["name"]
            for one in cluster.of("Namespace")
            if one["metadata"]["labels"].get("istio-injection") == "enabled"
        }
        assert injected == {*SERVICES, "redis", "postgres", "worker"}

    @pytest.mark.parametrize("mode", ["enforce", "audit", "warn"])
    def test_pod_security_is_restricted_and_pinned(self, cluster: Cluster, mode: str) -> None:
        for one in cluster.of("Namespace"):
            labels = one["metadata"]["labels"]
            assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
            assert labels[f"pod-security.kubernetes.io/{mode}-version"] == "v1.36"

    def test_argo_cd_never_prunes_what_holds_data(self, cluster: Cluster) -> None:
        for one in (*cluster.of("Namespace"), *cluster.of("StatefulSet")):
            assert one["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false"


class TestNodes:
    """노드 배치 (EC2)."""

    @pytest.mark.parametrize(
        ("workload", "node"),
        [
            *((f"{service}-api", f"k8s-api-{service}") for service in SERVICES),
            ("ext-authz", "k8s-api-auth"),
            ("postgresql", "k8s-postgresql"),
            ("postgres-databases", "k8s-postgresql"),
            ("postgres-backup", "k8s-postgresql"),
            ("redis", "k8s-redis"),
            ("celery-storage", "k8s-worker-storage"),
            ("celery-ai", "k8s-worker-ai"),
        ],
    )
    def test_runs_on_its_node(self, cluster: Cluster, workload: str, node: str) -> None:
        (documented,) = [one for one in NODES if one.name == node]
        spec = cluster.pod(workload)["spec"]
        assert spec["nodeSelector"] == {DEDICATED: documented.dedicated}
        assert spec["tolerations"] == [
            {"key": DEDICATED, "operator": "Equal", "value": documented.dedicated, "effect": "NoSchedule"}
        ]

    def test_every_workload_of_the_system_is_made_in_its_namespace(self, cluster: Cluster) -> None:
        made = {owner["metadata"]["name"]: owner["metadata"]["namespace"] for owner, _ in cluster.pods()}
        assert made == {workload: HOMES[workload] for workload in OWN}


MIB = {"Mi": 1, "Gi": 1024}
CAPACITY = {"t3.small": (2000, 2048), "t3.medium": (2000, 4096), "t3.large": (2000, 8192), "t3.xlarge": (4000, 16384)}
"""An instance type's CPU in thousandths and memory in MiB."""

KERNEL_MIB = 110
RESERVED = (200, 500)
"""What kubelet keeps: system and Kubernetes 100m and 200Mi each, and 100Mi before it evicts."""

DAEMONS = (350, 400)
"""Requests of what runs on every node: calico-node 250m; istio-cni 20m, 128Mi; EBS CSI 10m, 128Mi and its helpers 30m, 80Mi;
node-exporter 20m, 64Mi; a little left."""


def cpu(text: str) -> int:
    return int(text.removesuffix("m")) if text.endswith("m") else int(text) * 1000


def mib(text: str) -> int:
    return int(text[:-2]) * MIB[text[-2:]]


def requested(template: Manifest) -> tuple[int, int]:
    """What the scheduler counts: the containers' sum with the sidecar's, or what runs first if that is more."""
    sidecar = template["metadata"]["annotations"]
    proxy = (cpu(sidecar["sidecar.istio.io/proxyCPU"]), mib(sidecar["sidecar.istio.io/proxyMemory"]))

    def of(container: Manifest) -> tuple[int, int]:
        requests = container["resources"]["requests"]
        return cpu(requests["cpu"]), mib(requests["memory"])

    together = [of(one) for one in template["spec"]["containers"]]
    first = [of(one) for one in template["spec"].get("initContainers", ())]
    return (
        proxy[0] + max(sum(one[0] for one in together), *(one[0] for one in first), 0),
        proxy[1] + max(sum(one[1] for one in together), *(one[1] for one in first), 0),
    )


def demand(cluster: Cluster, dedicated: str) -> tuple[int, int]:
    """All that runs on a node at once, and beside it the largest pod that an update adds."""
    here = [
        (requested(template), owner["spec"].get("replicas", 1), owner["kind"])
        for owner, template in cluster.pods()
        if template["spec"]["nodeSelector"][DEDICATED] == dedicated
    ]
    surges = [one for one, _, kind in here if kind == "Deployment"] or [(0, 0)]
    return (
        sum(one[0] * count for one, count, _ in here) + max(one[0] for one in surges),
        sum(one[1] * count for one, count, _ in here) + max(one[1] for one in surges),
    )


class TestCapacity:
    """The documented instance types hold what the document puts on them, while something is being updated too."""

    @pytest.mark.parametrize(
        "node", [one for one in NODES if one.role in ("api", "data", "worker")], ids=lambda one: one.name
    )
    def test_the_node_has_room(self, cluster: Cluster, node: Any) -> None:
        whole = CAPACITY[node.instance_type]
        used = demand(cluster, node.dedicated)
        assert used > (0, 0)
        assert used[0] <= whole[0] - RESERVED[0] - DAEMONS[0]
        assert used[1] <= whole[1] - KERNEL_MIB - RESERVED[1] - DAEMONS[1]

    def test_a_second_replica_of_each_api_would_not_fit(self, cluster: Cluster) -> None:
        """Why `API_REPLICAS` is 1: with two, and one more while updating, k8s-api-auth is too small."""
        used = demand(cluster, "api-auth")[1] + requested(cluster.pod("auth-api"))[1]
        assert used > CAPACITY["t3.small"][1] - KERNEL_MIB - RESERVED[1] - DAEMONS[1]

    def test_limits_are_within_the_node(self, cluster: Cluster) -> None:
        types = {one.dedicated: one.instance_type for one in NODES}
        for _, template in cluster.pods():
            whole = CAPACITY[types[template["spec"]["nodeSelector"][DEDICATED]]][1]
            for one in containers(template):
                assert mib(one["resources"]["limits"]["memory"]) < whole - KERNEL_MIB - RESERVED[1]


# --- the restricted Pod Security Standard, and the house's own rules, on every pod

Rule = Callable[[Manifest], bool]


def every(check: Rule) -> Rule:
    return lambda template: all(check(one) for one in containers(template))


RULES: dict[str, Rule] = {
    "runs as a user that is not root": lambda t: (
        t["spec"]["securityContext"]["runAsNonRoot"] is True and t["spec"]["securityContext"]["runAsUser"] > 0
    ),
    "has the runtime's seccomp profile": lambda t: (
        t["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    ),
    "cannot gain privileges": every(lambda c: c["securityContext"]["allowPrivilegeEscalation"] is False),
    "has no capabilities": every(lambda c: c["securityContext"]["capabilities"] == {"drop": ["ALL"]}),
    "has a root file system that cannot be written": every(
        lambda c: c["securityContext"]["readOnlyRootFilesystem"] is True
    ),
    "is not privileged": every(lambda c: "privileged" not in c["securityContext"]),
    "shares nothing with its host": lambda t: not {"hostNetwork", "hostPID", "hostIPC"} & t["spec"].keys(),
    "mounts nothing of its host": lambda t: all("hostPath" not in one for one in t["spec"].get("volumes", ())),
    "gets no token of the Kubernetes API": lambda t: t["spec"]["automountServiceAccountToken"] is False,
    "requests CPU and memory": every(lambda c: {"cpu", "memory"} <= c["resources"]["requests"].keys()),
    "has a limit of memory": every(lambda c: "memory" in c["resources"]["limits"]),
    "bounds what it writes": lambda t: all(
        one["emptyDir"].get("sizeLimit") for one in t["spec"].get("volumes", ()) if "emptyDir" in one
    ),
    "is of pinned images": every(lambda c: c["image"].rpartition(":")[2] not in ("", "latest") and ":" in c["image"]),
    "tells its proxy what it may use": lambda t: (
        {"sidecar.istio.io/proxyCPU", "sidecar.istio.io/proxyMemory", "sidecar.istio.io/proxyMemoryLimit"}
        <= t["metadata"]["annotations"].keys()
    ),
}


def _break(path: str, value: Any) -> Callable[[Manifest], None]:
    """Set a dotted path of a template; `...` removes the key."""

    def change(template: Manifest) -> None:
        *parents, last = path.split(".")
        found: Any = template
        for part in parents:
            found = found[int(part)] if isinstance(found, list) else found[part.replace("~", ".")]
        if value is ...:
            del found[last.replace("~", ".")]
        else:
            found[last.replace("~", ".")] = value

    return change


CONTAINER = "spec.containers.0"
BROKEN: dict[str, Callable[[Manifest], None]] = {
    "runs as a user that is not root": _break("spec.securityContext.runAsUser", 0),
    "has the runtime's seccomp profile": _break("spec.securityContext.seccompProfile", {"type": "Unconfined"}),
    "cannot gain privileges": _break(f"{CONTAINER}.securityContext.allowPrivilegeEscalation", True),
    "has no capabilities": _break(f"{CONTAINER}.securityContext.capabilities", {"drop": ["ALL"], "add": ["NET_ADMIN"]}),
    "has a root file system that cannot be written": _break(
        f"{CONTAINER}.securityContext.readOnlyRootFilesystem", False
    ),
    "is not privileged": _break(f"{CONTAINER}.securityContext.privileged", True),
    "shares nothing with its host": _break("spec.hostNetwork", True),
    "mounts nothing of its host": _break("spec.volumes.0.hostPath", {"path": "/"}),
    "gets no token of the Kubernetes API": _break("spec.automountServiceAccountToken", True),
    "requests CPU and memory": _break(f"{CONTAINER}.resources.requests.memory", ...),
    "has a limit of memory": _break(f"{CONTAINER}.resources.limits.memory", ...),
    "bounds what it writes": _break("spec.volumes", [{"name": "x", "emptyDir": {}}]),
    "is of pinned images": _break(f"{CONTAINER}.image", "docker.io/library/redis:latest"),
    "tells its proxy what it may use": _break("metadata.annotations.sidecar~istio~io/proxyMemoryLimit", ...),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("workload", OWN)
def test_pod(cluster: Cluster, workload: str, rule: str) -> None:
    assert RULES[rule](cluster.pod(workload))


@pytest.mark.parametrize("rule", RULES)
def test_a_pod_without_it_is_noticed(cluster: Cluster, rule: str) -> None:
    template = copy.deepcopy(cluster.pod("postgresql"))
    assert RULES[rule](template)
    BROKEN[rule](template)
    assert not RULES[rule](template)


class TestApis:
    """Microservices :8000."""

    @pytest.mark.parametrize("service", SERVICES)
    def test_its_service_is_on_8000_and_speaks_http(self, cluster: Cluster, service: str) -> None:
        (found,) = [one for one in cluster.of("Service") if one["metadata"]["namespace"] == service
                    and one["metadata"]["name"] == f"{service}-api"]  # fmt: skip
        (port,) = found["spec"]["ports"]
        assert (port["name"], port["port"], port["appProtocol"]) == ("http", 8000, "http")
        assert cluster.pod(f"{service}-api")["spec"]["containers"][0]["ports"] == [
            {"name": "http", "containerPort": 8000, "protocol": "TCP"}
        ]

    @pytest.mark.parametrize("service", SERVICES)
    def test_it_is_probed_and_measured_at_its_documented_paths(self, cluster: Cluster, service: str) -> None:
        template = cluster.pod(f"{service}-api")
        (container,) = template["spec"]["containers"]
        assert container["livenessProbe"]["httpGet"] == {"path": f"/api/v1/{service}/health", "port": "http"}
        assert container["readinessProbe"]["httpGet"] == {"path": f"/api/v1/{service}/ready", "port": "http"}
        annotations = template["metadata"]["annotations"]
        assert annotations["prometheus.io/scrape"] == "true"
        assert annotations["prometheus.io/port"] == "8000"
        assert annotations["prometheus.io/path"] == f"/api/v1/{service}/metrics"

    @pytest.mark.parametrize("service", SERVICES)
    def test_it_has_a_database_and_a_role_of_its_own(self, cluster: Cluster, service: str) -> None:
        environment = env(cluster, f"{service}-api")
        assert (environment["DATABASE_NAME"], environment["DATABASE_USER"]) == (service, service)
        assert environment["DATABASE_HOST"] == "postgresql.postgres.svc.cluster.local"

    def test_only_auth_api_knows_redis(self, cluster: Cluster) -> None:
        knowing = {service for service in SERVICES if "REDIS_HOST" in env(cluster, f"{service}-api")}
        assert knowing == {"auth"}

    def test_a_new_pod_is_ready_before_the_old_one_stops(self, cluster: Cluster) -> None:
        for one in cluster.of("Deployment"):
            assert one["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def env(cluster: Cluster, workload: str, number: int = 0) -> dict[str, str]:
    return {one["name"]: one["value"] for one in cluster.pod(workload)["spec"]["containers"][number]["env"]}


class TestExtAuthz:
    """ext-authz 설정."""

    def test_its_service_is_ext_authz_auth_on_50051_and_speaks_grpc(self, cluster: Cluster) -> None:
        service = cluster.get("Service", "ext-authz")
        (port,) = service["spec"]["ports"]
        assert service["metadata"]["namespace"] == "auth"
        assert (port["name"], port["port"], port["appProtocol"]) == ("grpc", 50051, "grpc")

    def test_its_settings_are_those_of_the_program(self, cluster: Cluster) -> None:
        page = (ROOT / "services/ext-authz/README.md").read_text()
        settings = page.partition("## Settings")[2].partition("\n## ")[0]
        for name in env(cluster, "ext-authz"):
            assert f"`{name}`" in settings
        assert {"JWT_SECRET_FILE", "REDIS_ADDR", "REDIS_PASSWORD_FILE"} <= env(cluster, "ext-authz").keys()

    def test_it_takes_the_access_tokens_that_auth_api_signs_and_no_others(self, cluster: Cluster) -> None:
        wanted = {name: env(cluster, "ext-authz").get(name) for name in ("JWT_ISSUER", "JWT_AUDIENCE", "JWT_TYPE")}
        public = env(cluster, "auth-api")["PUBLIC_URL"]
        assert wanted == {"JWT_ISSUER": public, "JWT_AUDIENCE": "eco2-api", "JWT_TYPE": "access"}
        assert wanted.items() <= env(cluster, "auth-api").items()

    def test_its_user_is_the_images(self, cluster: Cluster) -> None:
        image = (ROOT / "services/ext-authz/Containerfile").read_text()
        assert f"USER {cluster.pod('ext-authz')['spec']['securityContext']['runAsUser']}:" in image

    def test_it_lives_without_redis_and_is_ready_with_it(self, cluster: Cluster) -> None:
        (container,) = cluster.pod("ext-authz")["spec"]["containers"]
        assert container["livenessProbe"]["grpc"] == {"port": 50051, "service": "liveness"}
        assert container["readinessProbe"]["grpc"] == {"port": 50051, "service": ""}

    def test_one_of_its_two_pods_survives_a_drain(self, cluster: Cluster) -> None:
        assert cluster.get("Deployment", "ext-authz")["spec"]["replicas"] == 2
        assert cluster.get("PodDisruptionBudget", "ext-authz")["spec"]["maxUnavailable"] == 1

    def test_it_has_time_to_stop(self, cluster: Cluster) -> None:
        # SHUTDOWN_DELAY 5 s and SHUTDOWN_TIMEOUT 10 s.
        assert cluster.pod("ext-authz")["spec"]["terminationGracePeriodSeconds"] > 15


def test_every_deployment_with_replicas_has_a_budget(cluster: Cluster) -> None:
    replicated = {one["metadata"]["name"] for one in cluster.of("Deployment") if one["spec"]["replicas"] > 1}
    assert replicated == {one["metadata"]["name"] for one in cluster.of("PodDisruptionBudget")}


class TestWorkers:
    """Worker Nodes."""

    @pytest.mark.parametrize(("workload", "queue"), [("celery-storage", "storage"), ("celery-ai", "ai")])
    def test_takes_its_own_queue(self, cluster: Cluster, workload: str, queue: str) -> None:
        (container,) = cluster.pod(workload)["spec"]["containers"]
        assert f"--queues={queue}" in container["args"]
        assert container["image"].endswith("/eco2-prod-celery:1.0.0")

    @pytest.mark.parametrize("workload", ["celery-storage", "celery-ai"])
    def test_takes_messages_of_json_alone(self, cluster: Cluster, workload: str) -> None:
        """A pickled one is code of whoever may write to the queue, which runs as it is read."""
        (container,) = cluster.pod(workload)["spec"]["containers"]
        settings = container["args"][container["args"].index("--") + 1 :]
        assert settings == [f'{name}=(list)["json"]' for name in ("accept_content", "result_accept_content")]

    def test_nobody_calls_a_worker(self, cluster: Cluster) -> None:
        assert "worker" not in {one["metadata"]["namespace"] for one in cluster.of("Service")}


class TestDataServers:
    """Data Infrastructure."""

    @pytest.mark.parametrize(("workload", "gib", "port"), [("postgresql", 50, 5432), ("redis", 10, 6379)])
    def test_keeps_its_data_on_an_encrypted_volume(self, cluster: Cluster, workload: str, gib: int, port: int) -> None:
        spec = cluster.get("StatefulSet", workload)["spec"]
        (claim,) = spec["volumeClaimTemplates"]
        assert claim["spec"]["storageClassName"] == "gp3-encrypted"
        assert claim["spec"]["resources"]["requests"]["storage"] == f"{gib}Gi"
        assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
        (opened,) = cluster.get("Service", workload)["spec"]["ports"]
        assert (opened["port"], opened["appProtocol"]) == (port, "tcp")

    def test_pulumi_protects_both(self, cluster: Cluster) -> None:
        assert [one.protect for one in cluster.recording.of("StatefulSet")] == [True, True]

    def test_the_stack_file_decides_about_protection(self, tmp_path: Path) -> None:
        unprotected = build_cluster(tmp_path, replace(context(), protect=False))
        assert not any(one.protect for one in unprotected.recording)

    def test_they_are_postgresql_17_and_redis_7(self, cluster: Cluster) -> None:
        images = {name: cluster.pod(name)["spec"]["containers"][0]["image"] for name in ("postgresql", "redis")}
        assert "/postgres:17." in images["postgresql"]
        assert "/redis:7." in images["redis"]

    @pytest.mark.parametrize("workload", ["postgresql", "redis"])
    def test_a_changed_file_restarts_the_server(self, cluster: Cluster, workload: str) -> None:
        files = cluster.get("ConfigMap", workload)["data"]
        annotations = cluster.pod(workload)["metadata"]["annotations"]
        assert checksum(files).items() <= annotations.items()
        assert checksum({**files, "more": ""}) != checksum(files)

    def test_the_dump_is_made_each_night_and_sent_by_its_own_role(self, cluster: Cluster) -> None:
        job = cluster.get("CronJob", "postgres-backup")["spec"]
        assert (job["schedule"], job["timeZone"], job["concurrencyPolicy"]) == ("17 3 * * *", "Asia/Seoul", "Forbid")
        annotations = cluster.get("ServiceAccount", "postgres-backup")["metadata"]["annotations"]
        assert annotations["eks.amazonaws.com/role-arn"] == "arn:aws:iam::290008131187:role/eco2-prod-postgres-backup"
        assert env(cluster, "postgres-backup")["BUCKET"] == "eco2-prod-postgres-backups"

    def test_what_uploads_the_dump_sees_no_password(self, cluster: Cluster) -> None:
        spec = cluster.pod("postgres-backup")["spec"]
        (dump,), (upload,) = spec["initContainers"], spec["containers"]
        assert "secrets" in {one["name"] for one in dump["volumeMounts"]}
        assert "secrets" not in {one["name"] for one in upload["volumeMounts"]}

    def test_the_databases_are_made_at_each_sync(self, cluster: Cluster) -> None:
        annotations = cluster.get("Job", "postgres-databases")["metadata"]["annotations"]
        assert annotations["argocd.argoproj.io/hook"] == "Sync"
        assert annotations["argocd.argoproj.io/hook-delete-policy"] == "BeforeHookCreation"

    @pytest.mark.parametrize("workload", ["postgres-databases", "postgres-backup", "postgresql", "redis"])
    def test_a_script_that_is_run_is_there(self, cluster: Cluster, workload: str) -> None:
        files = cluster.get("ConfigMap", workload)["data"]
        for container in containers(cluster.pod(workload)):
            mounted = {one["mountPath"] for one in container["volumeMounts"] if one["name"] in ("scripts", "config")}
            words = [*container.get("command", ()), *container.get("args", ())]
            paths = [word.rpartition("=")[2] for word in words if word.startswith("/etc/") or "=/etc/" in word]
            for path in paths:
                folder, _, name = path.rpartition("/")
                assert folder in mounted
                assert name in files


class TestFetchedSecrets:
    """No workload has a secret that it does not need."""

    def keys(self, cluster: Cluster) -> dict[tuple[str, str], set[str]]:
        return {
            (one["metadata"]["namespace"], one["metadata"]["name"]): {
                entry["remoteRef"]["key"].removeprefix("/eco2/prod/") for entry in one["spec"]["data"]
            }
            for one in cluster.of("ExternalSecret")
        }

    def test_each_gets_just_its_own(self, cluster: Cluster) -> None:
        own = {
            (service, f"{service}-api"): {f"postgres/{service}-password"} for service in SERVICES if service != "auth"
        }
        oauth = {
            f"oauth/{provider}-client-{part}" for provider in ("kakao", "google", "naver") for part in ("id", "secret")
        }
        assert self.keys(cluster) == {
            **own,
            ("auth", "auth-api"): {"postgres/auth-password", "redis/auth-api-password", "jwt/secret", *oauth},
            ("auth", "ext-authz"): {"jwt/secret", "redis/ext-authz-password"},
            ("redis", "redis"): {
                f"redis/{one}-password" for one in ("auth-api", "ext-authz", "celery-storage", "celery-ai", "probe")
            },
            ("worker", "celery-storage"): {"redis/celery-storage-password"},
            ("worker", "celery-ai"): {"redis/celery-ai-password"},
            ("postgres", "postgresql"): {"postgres/admin-password"},
            ("postgres", "postgres-databases"): {
                "postgres/admin-password", *(f"postgres/{service}-password" for service in SERVICES)
            },
            ("postgres", "postgres-backup"): {"postgres/admin-password"},
            ("grafana", "grafana-admin"): {"grafana/admin-password"},
        }  # fmt: skip

    def test_grafanas_has_the_name_and_the_keys_that_its_chart_asks_for(self, cluster: Cluster) -> None:
        target = cluster.get("ExternalSecret", ADMIN_SECRET)["spec"]["target"]
        assert target["template"] == {"engineVersion": "v2", "mergePolicy": "Merge", "data": {"admin-user": "admin"}}

    def test_a_pod_mounts_its_own_secret_and_no_other(self, cluster: Cluster) -> None:
        made = {one["metadata"]["name"] for one in cluster.of("ExternalSecret")}
        for owner, template in cluster.pods():
            mounted = [one["secret"]["secretName"] for one in template["spec"].get("volumes", ()) if "secret" in one]
            assert mounted == [owner["metadata"]["name"]]
            assert {*mounted} <= made

    def test_every_file_that_a_program_is_told_of_is_a_key_of_its_secret(self, cluster: Cluster) -> None:
        told = 0
        for owner, template in cluster.pods():
            name = owner["metadata"]["name"]
            keys = {one["secretKey"] for one in cluster.get("ExternalSecret", name)["spec"]["data"]}
            for container in containers(template):
                for variable in container.get("env", ()):
                    if variable["value"].startswith("/etc/secrets/"):
                        assert variable["value"].removeprefix("/etc/secrets/") in keys
                        told += 1
        assert told > 15

    def test_the_store_serves_only_the_namespaces_that_need_it(self, cluster: Cluster) -> None:
        store = cluster.get("ClusterSecretStore", "eco2-parameters")["spec"]
        assert store["provider"] == {"aws": {"service": "ParameterStore", "region": "ap-northeast-2"}}
        (condition,) = store["conditions"]
        assert condition["namespaces"] == sorted({*SERVICES, "redis", "postgres", "worker", "grafana"})

    def test_no_manifest_is_a_secret_or_takes_one_from_the_environment(self, cluster: Cluster) -> None:
        assert not cluster.of("Secret")
        for _, template in cluster.pods():
            for container in containers(template):
                assert "envFrom" not in container
                assert all(one.keys() == {"name", "value"} for one in container.get("env", ()))

    def test_only_the_backup_may_become_a_role(self, cluster: Cluster) -> None:
        roles = {
            one["metadata"]["name"]
            for one in cluster.of("ServiceAccount")
            if "eks.amazonaws.com/role-arn" in one["metadata"]["annotations"]
        }
        assert roles == {"postgres-backup"}


class TestManifests:
    """What Argo CD is told, and what is rendered."""

    def test_an_identity_is_its_workloads_name(self, cluster: Cluster) -> None:
        for owner, template in cluster.pods():
            name, namespace = owner["metadata"]["name"], owner["metadata"]["namespace"]
            assert template["spec"]["serviceAccountName"] == name
            assert cluster.get("ServiceAccount", name)["metadata"]["namespace"] == namespace
            assert (
                template["metadata"]["labels"]["app.kubernetes.io/name"]
                == template["metadata"]["labels"]["app"]
                == name
            )

    def test_waves_bring_what_is_needed_before_what_needs_it(self, cluster: Cluster) -> None:
        assert namespaces.WAVE == parts.Wave.NAMESPACES < network_policies.WAVE < parts.Wave.NODES
        assert parts.Wave.CONTROLLERS < secrets.STORE_WAVE < secrets.WAVE < data.WAVE < data.JOBS_WAVE < workloads.WAVE
        assert workloads.WAVE == parts.Wave.WORKLOADS
        waves = {
            (one["kind"], one["metadata"]["name"]): int(one["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
            for one in cluster.manifests
        }
        assert waves["Job", "postgres-databases"] == -1
        assert waves["StatefulSet", "postgresql"] == waves["ServiceAccount", "postgresql"] == -2
        assert {wave for (kind, _), wave in waves.items() if kind == "Deployment"} == {0}

    def test_every_kind_without_a_namespace_is_one_that_argo_cd_may_make(self, cluster: Cluster) -> None:
        for one in cluster.manifests:
            if "namespace" not in one["metadata"]:
                group = one["apiVersion"].rpartition("/")[0]
                assert f"{group}/{one['kind']}" in projects.RENDERED_KINDS

    def test_two_runs_write_the_same_bytes(self, cluster: Cluster, tmp_path: Path) -> None:
        assert build_cluster(tmp_path).texts == cluster.texts

    def test_the_objects_are_not_many(self, cluster: Cluster) -> None:
        assert len(cluster.manifests) <= 124

    def test_every_image_of_ours_is_named_in_the_settings(self, cluster: Cluster) -> None:
        registry = "290008131187.dkr.ecr.ap-northeast-2.amazonaws.com/eco2-prod-"
        ours = {
            one["image"].removeprefix(registry).removesuffix(":1.0.0")
            for _, template in cluster.pods()
            for one in containers(template)
            if one["image"].startswith(registry)
        }
        assert ours == {*IMAGES}
