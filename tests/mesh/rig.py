"""A mesh's edge as real programs: Istio's control plane, Envoy as the gateway, upstreams, ext-authz and Redis.

What is rendered is used as it is. What the rig adds, because a laptop is no cluster, is in `_stage`:
- an EndpointSlice and a Pod for each Service, on a loopback address of its own, with the Service's real port;
- the gateway's own Pod and Service, and the address that its listeners bind to (a laptop's port may be taken);
- without the filters `istio.stats` and `istio.alpn`, which upstream Envoy does not have: metrics, and a choice of protocol.
Certificates come from an authority like the mesh's; mutual TLS to the upstreams and to ext-authz is real.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import yaml

from tests.mesh import servers
from tests.mesh.certificates import Authority, Certificate
from tests.mesh.client import Answer, send
from tests.mesh.manifests import Manifest, write, write_again
from tests.mesh.processes import KEEPS_ITS_GARBAGE, Program, wait_until
from tests.mesh.servers import Server
from tests.mesh.upstreams import Addresses, Echo, Handler, Loop, Switch
from tests.tools import missing, required_tool
from tools.envoy import find_envoy

Headers = Sequence[tuple[str, str]]
CLIENT = "203.0.113.7"
LOCALITY = "here.a"
"""The region and the zone of the gateway; a pod's are its label `istio-locality`, where it has one."""

EVERY_POD = 40
"""Requests of which none comes to one of two pods once in a million million times: the gateway throws dice."""

ISTIO_SETTINGS = {
    # Istio's own builds of Envoy have filters of these names; upstream's refuses a listener that names them.
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    # How long it waits for further changes before it sends one: 100 ms on a cluster.
    "PILOT_DEBOUNCE_AFTER": "10ms",
    **KEEPS_ITS_GARBAGE,
}
MISSING_IN_UPSTREAM_ENVOY = ("istio.stats", "istio.alpn")
HARMLESS = (
    # Of the rig: the control plane's own fake cluster, and a gateway without Istio's agent.
    "annotation, but none found; ignoring",
    'gatewayclasses.gateway.networking.k8s.io "istio" already exists',
    'gatewayclasses.gateway.networking.k8s.io "istio-remote" already exists',
    'gatewayclasses.gateway.networking.k8s.io "istio-waypoint" already exists',
    "There is no configured limit to the number of allowed active downstream connections",
    # Of Istio: what it still sends to every proxy, whatever the mesh.
    "CertificateValidationContext.match_subject_alt_names",
    "RouteAction.max_grpc_timeout",
    "envoy.config.rbac.v3.Principal.metadata",
    "envoy.config.rbac.v3.Permission.metadata",
)
"""Warnings that no rendered object causes."""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """Which workload the Envoy is: its release, labels, and the port of the rendered Gateway that is tried."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    service_ports: Sequence[Mapping[str, Any]]
    port: int


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One that the gateway calls: `<namespace>/<name>` is its Service and its account, unless it says otherwise.

    Several may be pods of one `service`, each with `labels` of its own beside those that the Service selects. An `optional` one
    has a Service in some variants of a mesh only.
    """

    name: str
    namespace: str
    port: int
    optional: bool = False
    service: str = ""
    account: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "service", self.service or self.name)
        object.__setattr__(self, "account", self.account or self.service)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The rate-limit service as a workload, its rules by domain, and its environment."""

    workload: Workload
    rules: Sequence[Mapping[str, Any]]
    settings: Mapping[str, str] = field(default_factory=dict)


Start = Callable[[Path, ExitStack], Server]
"""Starts a server, which writes into the folder and ends with the stack."""


class Behind:
    """Who is behind a gateway: each workload with an address of its own, and the authority that all of them trust.

    What answers there is for a subclass to start: `echoes` tell what reached them, `switches` make a server slow or unreachable.
    """

    def __init__(self, folder: Path, workloads: Sequence[Workload]) -> None:
        self.workloads = workloads
        self.authority = Authority(folder)
        addresses = Addresses(*{one.port for one in workloads})
        self.address = {one.name: addresses.take() for one in workloads}
        self.echoes: dict[str, Echo] = {}
        self.attempts: Counter[str] = Counter()
        self.switches: dict[str, Switch] = {}
        self.servers: list[Server] = []

    def recover(self) -> None:
        """All switches open again, and the servers sure of what they need."""
        for switch in self.switches.values():
            if switch.mode != "open":
                switch.mode = "open"
        for echo in self.echoes.values():
            echo.down = False
        for server in self.servers:
            wait_until(server.ready, f"{server.name} to be ready again")


class Backends(Behind):
    """Everything behind the edge, started once for all variants of a mesh.

    `programs` are real servers that stand for workloads of their names, behind switches of these names; the other workloads tell
    what reached them. More switches: ext-authz (`check`) and its Redis (`redis`); with `limits`, the rate-limit service (`limits`)
    and its Redis (`counters`).
    """

    counters: Server

    def __init__(
        self,
        folder: Path,
        stack: ExitStack,
        workloads: Sequence[Workload],
        authorizer: Workload,
        *,
        limits: Limits | None = None,
        programs: Mapping[str, Start] | None = None,
    ) -> None:
        super().__init__(folder, [*workloads, authorizer, *([limits.workload] if limits else [])])
        self._folder, self._stack = folder, stack
        self._loop = Loop()
        stack.callback(self._loop.stop)
        for one in workloads:
            if start := (programs or {}).get(one.name):
                self._answer(one.name, one, start(folder, stack))
            else:
                self.echoes[one.name] = self._echo(one)
        self._start_authorizer(authorizer)
        if limits:
            self._start_limits(limits)

    def _echo(self, workload: Workload) -> Echo:
        echo = Echo(workload.name, self.attempts)
        self._serve(workload, echo.serve)
        return echo

    def _start_authorizer(self, workload: Workload) -> None:
        redis = servers.redis(self._folder, self._stack)
        servers.revoke(redis.port)
        checks = servers.ext_authz(self._folder, self._stack, self._switched("redis", redis))
        self._answer("check", workload, checks)

    def _start_limits(self, limits: Limits) -> None:
        counters = self.counters = servers.redis(self._folder, self._stack, "counters")
        redis_port = self._switched("counters", counters)
        # One connection: after it was cut off, no other may be found broken by a later request.
        service = servers.rate_limit(
            self._folder, self._stack, redis_port, limits.rules, **{**limits.settings, "REDIS_POOL_SIZE": "1"}
        )
        self._answer("limits", limits.workload, service)

    def _switched(self, name: str, server: Server) -> int:
        """A port that leads to the server while its switch is open."""
        switch = self.switches[name] = Switch(self._loop, ("127.0.0.1", server.port))
        return self._loop.listen(switch.serve, "127.0.0.1", 0, None)

    def _answer(self, name: str, workload: Workload, server: Server) -> None:
        """Let a server be that workload, behind a switch in its sidecar's place."""
        self.servers.append(server)
        switch = self.switches[name] = Switch(self._loop, ("127.0.0.1", server.port))
        self._serve(workload, switch.serve)

    def _serve(self, workload: Workload, handler: Handler) -> None:
        identity = self.authority.issue(workload.namespace, workload.account)
        self._loop.listen(handler, self.address[workload.name], workload.port, identity.server())


class Edge:
    """One variant of the mesh: a control plane and a gateway of its own before the shared backends."""

    def __init__(
        self, backends: Behind, gateway: Gateway, objects: Sequence[Manifest], mesh: Manifest, folder: Path
    ) -> None:
        self.backends, self._gateway, self._folder = backends, gateway, folder
        self._address = Addresses(gateway.port, 15000).take()
        self.listener = (self._address, gateway.port)
        self._write_rendered(objects, mesh)
        write(folder / "stage", self._stage(objects))
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self.control_plane, addresses = self._start_control_plane(starting)
            self.envoy = self._start_envoy(starting, addresses)
            self._stack = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def send(
        self, method: str, target: str, headers: Headers = (), body: bytes = b"", *, host: str, client: str = CLIENT
    ) -> Answer:
        """A request as the load balancer passes it on: with the client's address in X-Forwarded-For."""
        passed_on = [("host", host), *headers, ("x-forwarded-for", client)]
        return send(self.listener, method, target, passed_on, body)

    def wait_for(self, target: str, headers: Headers, *, host: str, status: Sequence[int] = (200,)) -> None:
        """Until a request is answered so: the first check of a new gateway pays for connections, and may take too long."""
        wait_until(lambda: self.send("GET", target, headers, host=host).status in status, f"{target} to be answered")

    def access_log(self, client: str) -> str:
        """Envoy's line about the request of that client; empty when there is none within a second."""
        mark = f'"{client}"'

        def lines() -> list[str]:
            return [line for line in self.envoy.text().splitlines() if line.startswith("{") and mark in line]

        with suppress(TimeoutError):
            wait_until(lambda: bool(lines()), "the line", patience=1)
        return "\n".join(lines())

    def change(self, manifest: Manifest) -> int:
        """Put another version of a rendered object before the control plane: when it got it, in nanoseconds of the clock."""
        write_again(self._folder / "rendered", manifest)
        return self._read_again()

    def become(self, objects: Sequence[Manifest], mesh: Manifest) -> None:
        """Put other rendered objects of Istio's, and another configuration of the mesh, before the control plane."""
        shutil.rmtree(self._folder / "rendered")
        self._write_rendered(objects, mesh)
        self._read_again()

    def _write_rendered(self, objects: Sequence[Manifest], mesh: Manifest) -> None:
        write(self._folder / "rendered", [one for one in objects if _is_looked_at(one)])
        (self._folder / "mesh.yaml").write_text(yaml.safe_dump(mesh))

    def _read_again(self) -> int:
        """When the control plane read what changed, in nanoseconds of the clock."""
        before = len(self._changes())
        self.control_plane.read_again()
        wait_until(lambda: len(self._changes()) > before, "the control plane to read again")
        said = self._changes()[before]
        if said.get("error") or not said["changed"]:
            raise RuntimeError(f"the control plane took no change: {said}")
        return int(said["at"])

    def _changes(self) -> list[dict[str, Any]]:
        lines = self.control_plane.text().splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"at"') and line.endswith("}")]

    def stat(self, name: str) -> int:
        """One of the proxy's counters or gauges."""
        exactly = quote(f"^{re.escape(name)}$")
        found = json.loads(servers.get(f"{self._admin}/stats?format=json&filter={exactly}") or "{}")
        (value,) = [one["value"] for one in found["stats"] if one.get("name") == name]
        return int(value)

    def allocated_bytes(self) -> int:
        """What the proxy's configuration and connections take of its memory."""
        return int(json.loads(servers.get(f"{self._admin}/memory") or "{}")["allocated"])

    def problems(self) -> list[str]:
        """What the proxy refused, and what it and the control plane warned of."""
        refused = _refusals(servers.get(f"{self._admin}/config_dump") or "")
        written = [*self.control_plane.text().splitlines(), *self.envoy.text().splitlines()]
        return [*refused, *warnings_in(written)]

    def _identity(self) -> Certificate:
        """What the proxy shows to others."""
        return self.backends.authority.issue(self._gateway.namespace, self._gateway.name)

    def _start_control_plane(self, stack: ExitStack) -> tuple[Program, dict[str, str]]:
        identity = self._identity()
        folders: list[str | Path] = ["-objects", self._folder / "rendered", "-objects", self._folder / "stage"]
        program = Program(
            [required_tool("mesh"), "serve", *folders, "-mesh", self._folder / "mesh.yaml",
             "-certificate", identity.chain, "-key", identity.key, "-roots", identity.roots],
            self._folder / "control-plane.log",
            environment=ISTIO_SETTINGS,
        )  # fmt: skip
        stack.callback(program.stop)
        found: dict[str, str] = {}

        def announced() -> bool:
            lines = [line for line in program.text().splitlines() if line.startswith('{"xds"')]
            found.update(json.loads(lines[0]) if lines else {})
            return bool(found)

        program.wait(announced)
        return program, found

    def _start_envoy(self, stack: ExitStack, addresses: Mapping[str, str]) -> Program:
        envoy = find_envoy() or missing("Envoy is not installed: `python -m tools.envoy` does it")
        bootstrap = self._folder / "envoy.json"
        bootstrap.write_text(json.dumps(self._bootstrap(addresses)))
        quiet = ["--log-level", "warning", "--file-flush-interval-msec", "10"]
        program = Program(
            [envoy, "-c", bootstrap, "--concurrency", "1", "--disable-hot-restart", *quiet], self._folder / "envoy.log"
        )
        stack.callback(program.stop)
        started = time.monotonic()
        program.wait(lambda: self._listens(program.text()))
        self.configured_in = time.monotonic() - started
        return program

    @property
    def _admin(self) -> str:
        return f"http://{self._address}:15000"

    def _listens(self, log: str) -> bool:
        """Readiness says LIVE also when the listener was refused: so either the port is open, or there is a refusal."""
        with suppress(OSError), socket.create_connection(self.listener, 1):
            return True
        # The configuration of a listener, or the whole answer when it holds a type that this Envoy does not have.
        return '"error_state"' in (servers.get(f"{self._admin}/config_dump") or "") or " rejected: " in log

    def _bootstrap(self, addresses: Mapping[str, str]) -> Manifest:
        name, namespace = self._gateway.name, self._gateway.namespace
        node = {
            "id": f"router~{self._address}~{name}-0.{namespace}~{namespace}.svc.cluster.local",
            "cluster": f"{name}.{namespace}",
            "locality": dict(zip(("region", "zone"), LOCALITY.split("."), strict=True)),
            "metadata": {
                "NAME": f"{name}-0",
                "NAMESPACE": namespace,
                "CLUSTER_ID": "Kubernetes",
                "ISTIO_VERSION": "1.31.0",
                "SERVICE_ACCOUNT": name,
                "WORKLOAD_NAME": name,
                "LABELS": dict(self._gateway.labels),
                "INSTANCE_IPS": self._address,
            },
        }
        ads = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
        stream = {
            "api_type": "DELTA_GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
        }
        return {
            "node": node,
            "admin": {"address": _socket(self._address, 15000)},
            "dynamic_resources": {"ads_config": stream, "cds_config": ads, "lds_config": ads},
            "static_resources": {
                "clusters": [
                    _static_cluster(f"{kind}-grpc", *addresses[kind].rsplit(":", 1)) for kind in ("xds", "sds")
                ]
            },
        }

    def _stage(self, objects: Sequence[Manifest]) -> list[Manifest]:
        """What a cluster would add, and the rig's own filter; see the top of this module."""
        staged = [
            one
            for each in self.backends.workloads
            for service in _services(objects, each)
            for one in endpoints(each, self.backends.address[each.name], service)
        ]
        return [*staged, *gateway_objects(self._gateway, self._address), self._fitting_filter()]

    def _fitting_filter(self) -> Manifest:
        removals = [
            {
                "applyTo": "HTTP_FILTER",
                "match": {
                    "context": "GATEWAY",
                    "listener": {
                        "filterChain": {
                            "filter": {
                                "name": "envoy.filters.network.http_connection_manager",
                                "subFilter": {"name": name},
                            }
                        }
                    },
                },
                "patch": {"operation": "REMOVE"},
            }
            for name in MISSING_IN_UPSTREAM_ENVOY
        ]
        bind = {
            "applyTo": "LISTENER",
            "match": {"context": "GATEWAY"},
            "patch": {"operation": "MERGE", "value": {"address": {"socket_address": {"address": self._address}}}},
        }
        return {
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "EnvoyFilter",
            "metadata": {"name": "rig", "namespace": self._gateway.namespace},
            "spec": {
                "priority": 1000,
                "workloadSelector": {"labels": dict(self._gateway.labels)},
                "configPatches": [*removals, bind],
            },
        }


def _is_looked_at(manifest: Manifest) -> bool:
    """Whether a control plane looks at its kind: to read the others would take it as long again."""
    return ".istio.io/" in manifest["apiVersion"] or manifest["apiVersion"] in ("v1", "discovery.k8s.io/v1")


def gateway_objects(gateway: Gateway, address: str) -> list[Manifest]:
    """The gateway's pod and Service, as its chart would make them."""
    labels = dict(gateway.labels)
    # The API server would fill in the protocol.
    ports = [{"protocol": "TCP", **port} for port in gateway.service_ports]
    return [
        _pod(f"{gateway.name}-0", gateway.namespace, gateway.name, labels, address),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": gateway.name, "namespace": gateway.namespace, "labels": labels},
            "spec": {"selector": labels, "type": "NodePort", "ports": ports},
        },
    ]


@contextmanager
def backends(
    folder: Path,
    workloads: Sequence[Workload],
    authorizer: Workload,
    limits: Limits | None = None,
    programs: Mapping[str, Start] | None = None,
) -> Iterator[Backends]:
    """Everything behind the edge, until the end of the block."""
    with ExitStack() as stack:
        yield Backends(folder, stack, workloads, authorizer, limits=limits, programs=programs)


def _refusals(dump: str) -> list[str]:
    """Why the proxy refused a listener, a cluster or a route, from its own account of its configuration."""
    try:
        configs = json.loads(dump)["configs"]
    except ValueError:
        # It cannot even show a configuration of a type that it does not have.
        return [f"no account of the proxy's configuration: {dump[:500]}"]
    parts = [part for config in configs for part in config.values() if isinstance(part, list)]
    return [one["error_state"]["details"] for part in parts for one in part if "error_state" in one]


def warnings_in(lines: Sequence[str]) -> list[str]:
    """The lines that warn of something which a rendered object may have caused."""
    return [line for line in lines if _is_warning(line) and not any(one in line for one in HARMLESS)]


def _is_warning(line: str) -> bool:
    """In the control plane's log (time, level, message, parted by tabs), or in Envoy's (`[...][warning][...]`)."""
    return any(f"\t{level}\t" in line or f"[{level}]" in line for level in ("warn", "warning", "error", "critical"))


def _services(objects: Sequence[Manifest], workload: Workload) -> list[Manifest]:
    """Its Service: one, or none where it may be without."""
    wanted = ("Service", workload.service, workload.namespace)
    found = [
        one for one in objects if (one["kind"], one["metadata"]["name"], one["metadata"].get("namespace")) == wanted
    ]
    if len(found) != 1 and (found or not workload.optional):
        raise LookupError(f"{len(found)} Services {workload.namespace}/{workload.service} are rendered")
    return found


def endpoints(workload: Workload, address: str, service: Manifest) -> list[Manifest]:
    """The pod of a Service, and the slice that a cluster's controller would make of it."""
    labels = {**service["spec"]["selector"], **workload.labels}
    ports = [{"name": one["name"], "port": workload.port, "protocol": "TCP"} for one in service["spec"]["ports"]]
    pod = f"{workload.name}-0"
    return [
        _pod(pod, workload.namespace, workload.account, labels, address),
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": workload.name,
                "namespace": workload.namespace,
                "labels": {"kubernetes.io/service-name": workload.service},
            },
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [
                {
                    "addresses": [address],
                    "conditions": {"ready": True},
                    "targetRef": {"kind": "Pod", "name": pod, "namespace": workload.namespace},
                }
            ],
        },
    ]


def _pod(name: str, namespace: str, account: str, labels: Mapping[str, str], address: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {**labels, "security.istio.io/tlsMode": "istio"}},
        "spec": {"serviceAccountName": account, "containers": [{"name": "istio-proxy", "image": "none"}]},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                   "conditions": [{"type": "Ready", "status": "True"}]},
    }  # fmt: skip


def _socket(address: str, port: int) -> Manifest:
    return {"socket_address": {"address": address, "port_value": port}}


def _static_cluster(name: str, address: str, port: str) -> Manifest:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    http2 = {"@type": f"type.googleapis.com/{options}", "explicit_http_config": {"http2_protocol_options": {}}}
    endpoint = {"lb_endpoints": [{"endpoint": {"address": _socket(address, int(port))}}]}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {options: http2},
        "load_assignment": {"cluster_name": name, "endpoints": [endpoint]},
    }
