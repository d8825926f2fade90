"""The gateway of the lab, standing: Istio's control plane, Envoy, the rate-limit service, Redis, the services, Prometheus."""

from __future__ import annotations

import itertools
import json
import secrets
import shutil
import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.systems.eco2 import tracing
from infra.systems.gateway_lab.cache import CACHE
from infra.systems.gateway_lab.document import SYSTEM
from infra.systems.gateway_lab.secrets import KEY_LENGTH
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.manifests import write_manifests
from tests.mesh import eco2, gateway_lab, rig, servers, tenants
from tests.mesh.cache import Cache, Origin, caches, origin, rendered
from tests.mesh.client import Answer
from tests.mesh.gateway_lab import AUDIENCE, HOST, ISSUER, WORKLOADS
from tests.mesh.issuer import encoded
from tests.mesh.manifests import Manifest
from tests.mesh.processes import Program, wait_until
from tests.mesh.rig import Edge
from tests.mesh.servers import Server
from tests.mesh.telemetry import Span, Stores, collector, configuration, stores
from tests.ports import free_port
from tests.stacks import ACCOUNT, REGION, ROOT, changed_stack
from tests.systems.tenancy import WORKERS, stack_with

SETTINGS = {
    "gateway_lab.failure": {"consecutive_errors": 5, "ejection_seconds": 5, "concurrent_requests": 100},
    "gateway_lab.traces": {"percent": 100},
}
"""The document's own numbers, but for pods that were set aside, for which a person waits five seconds, not thirty; and each
request is a trace."""
PROGRAMS = ("auth-service", CACHE)
PODS = [one.name for one in WORKLOADS if one.namespace == "gateway-lab" and not one.name.startswith(PROGRAMS)]
CONSUMER = "warehouse"
"""Whose API key the lab draws: a consumer of Pulumi.prod.yaml."""
COLLECTOR = rig.Workload(name=tracing.NAME, namespace=tracing.NAMESPACE, port=tracing.OTLP)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Lab:
    """What a step may touch: the gateway, and the services behind it, which may be broken."""

    edge: Edge
    prometheus: str
    products: Origin
    """The product service behind the cache."""
    caches: Sequence[Cache]
    spans: Sequence[Span]
    """What the collector of traces brought to the door of its store."""
    api_key: str

    @property
    def url(self) -> str:
        return f"http://{self.edge.listener[0]}:{self.edge.listener[1]}"

    def send(
        self,
        method: str,
        target: str,
        token: str = "",
        headers: Sequence[tuple[str, str]] = (),
        *,
        body: bytes = b"",
        client: str = "198.51.100.20",
    ) -> Answer:
        given = [("authorization", f"Bearer {token}")] if token else []
        return self.edge.send(method, target, [*given, *headers], body, host=HOST, client=client)

    def login(self, name: str, password: str | None = None) -> Answer:
        """From an address that nobody came from before: an address may try so often, and no oftener."""
        body = json.dumps({"username": name, "password": password or f"{name}-password"}).encode()
        number = next(_numbers)
        address = f"100.64.{number // 250}.{number % 250}"
        json_ = [("content-type", "application/json")]
        return self.send("POST", "/api/v1/auth/login", headers=json_, body=body, client=address)

    def token(self, name: str | None = None) -> str:
        """Of that user, or of a guest who has spent nothing yet."""
        return str(json.loads(self.login(name or f"guest-{next(_numbers)}").body)["token"])

    def ask(self, query: str) -> list[str]:
        """What Prometheus answers: the values of the series."""
        text = servers.get(f"{self.prometheus}/api/v1/query?query={urllib.parse.quote(query)}")
        return [one["value"][1] for one in json.loads(text or '{"data":{"result":[]}}')["data"]["result"]]

    def break_service(self, service: str, *, pods: int = 1) -> list[str]:
        """Let so many of its pods hang up; their names."""
        broken = [pod for pod in PODS if pod.rpartition("-")[0] == service][:pods]
        for pod in broken:
            self.edge.backends.echoes[pod].down = True
        return broken

    def heal(self) -> None:
        self.edge.backends.recover()
        for pod in PODS:
            self.edge.backends.echoes[pod].answers = {}
        self.products.echo.down = False


def _rendered(folder: Path) -> list[Manifest]:
    """eco2 and the lab, as `make up` renders them."""
    (folder / "stack").mkdir()
    file = changed_stack(folder / "stack", "prod", {**WORKERS, **SETTINGS})
    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder / "manifests") as cloud:
        write_manifests(run(stack_with(SYSTEM, None), file, cloud), folder / "manifests")
    return tenants.with_collector(tenants.objects(folder / "manifests"))


def _keys(private: rsa.RSAPrivateKey) -> str:
    numbers = private.public_key().public_numbers()
    n, e = (encoded(one.to_bytes((one.bit_length() + 7) // 8, "big")) for one in (numbers.n, numbers.e))
    return json.dumps({"keys": [{"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig", "n": n, "e": e}]})


def _auth(key: Path) -> rig.Start:
    def start(folder: Path, stack: ExitStack) -> Server:
        port = free_port()
        log = folder / f"auth-{port}.log"
        command: list[str | Path] = [sys.executable, "-m", "tests.lab.auth_service", str(port), key, ISSUER, AUDIENCE]
        program = Program(command, log, environment={"PYTHONPATH": str(ROOT)})
        stack.callback(program.stop)
        url = f"http://127.0.0.1:{port}/"

        def ready() -> bool:
            return servers.answers(url)

        program.wait(ready)
        return Server(name="auth-service", program=program, port=port, ready=ready)

    return start


def _collector(objects: Sequence[Manifest], kept: Stores) -> rig.Start:
    """The cluster's, as rendered, with what keeps all that comes in Tempo's place."""

    def start(folder: Path, stack: ExitStack) -> Server:
        collecting = configuration(objects, "otel-collector")
        return collector(folder, stack, tracing.NAME, collecting, {"tempo.tempo.svc:4317": kept.traces_at})

    return start


def _prometheus(folder: Path, stack: ExitStack, target: str) -> str:
    binary = shutil.which("prometheus")
    if binary is None:
        return ""
    port = free_port()
    scrape = {"job_name": "gateway", "metrics_path": "/stats/prometheus", "static_configs": [{"targets": [target]}]}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command: list[str | Path] = [
        binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/series",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    program = Program(command, folder / "prometheus.log")
    stack.callback(program.stop)
    url = f"http://127.0.0.1:{port}"
    program.wait(lambda: servers.get(f"{url}/-/ready") is not None)
    return url


@contextmanager
def standing(folder: Path) -> Iterator[Lab]:
    """The lab, until the end of the block; everything that was started ends with it."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = folder / "signing-key.pem"
    key.touch(0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    objects = tenants.with_keys(_rendered(folder), {ISSUER: _keys(private)})
    api_key = secrets.token_hex(KEY_LENGTH)[:KEY_LENGTH]
    gateway_lab.know(objects, {CONSUMER: [api_key]})
    running: list[Cache] = []
    with ExitStack() as stack:
        products, kept = stack.enter_context(origin()), stack.enter_context(stores())
        # Everybody's, for half a minute: what a service says whose answers may be kept.
        products.echo.answers = {"headers": {"cache-control": "public, max-age=30"}}
        programs = {
            **{f"auth-service-{pod}": _auth(key) for pod in ("1", "2")},
            **caches(rendered(objects), products.port, running.append),
            COLLECTOR.name: _collector(objects, kept),
        }
        workloads = [*WORKLOADS, COLLECTOR]
        behind = stack.enter_context(
            rig.backends(folder / "behind", workloads, eco2.AUTHORIZER, tenants.limits(objects), programs)
        )
        edge = stack.enter_context(tenants.edge(objects, behind, folder / "edge"))
        for one in WORKLOADS:
            if one.name in behind.echoes:
                behind.echoes[one.name].name = one.service
        prometheus = _prometheus(folder, stack, f"{edge.listener[0]}:15000")
        lab = Lab(edge, prometheus, products, running, kept.spans, api_key)
        wait_until(lambda: lab.login("user").status == 200, "the gateway to answer")
        yield lab
