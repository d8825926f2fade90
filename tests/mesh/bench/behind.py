"""Everything behind the edge, fast enough to be no part of what is measured.

One Envoy is every workload's sidecar: it takes mutual TLS on the workload's address, answers for the APIs itself, and passes on
to the real ext-authz and the real rate-limit service. They have a Redis each, and the settings of production.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.mesh import servers
from tests.mesh.certificates import Certificate
from tests.mesh.manifests import Manifest
from tests.mesh.processes import Program
from tests.mesh.rig import Behind, Limits, Workload
from tests.ports import free_port
from tests.tools import missing
from tools.envoy import find_envoy

ANSWER = "ok\n"
_TYPES = "type.googleapis.com/envoy.extensions"


class Fast(Behind):
    """The workloads, the authorizer and the rate-limit service, until `stack` is closed."""

    def __init__(
        self, folder: Path, stack: ExitStack, workloads: Sequence[Workload], authorizer: Workload, limits: Limits
    ) -> None:
        super().__init__(folder, [*workloads, authorizer, limits.workload])
        blacklist, counters = servers.redis(folder, stack), servers.redis(folder, stack, "counters")
        ports = {
            # As it logs unless it is told otherwise.
            authorizer.name: servers.ext_authz(folder, stack, blacklist.port, LOG_ALLOWED_EVERY="100").port,
            limits.workload.name: servers.rate_limit(folder, stack, counters.port, limits.rules).port,
        }
        self.sidecar = self._start_sidecar(folder, stack, ports)

    def _start_sidecar(self, folder: Path, stack: ExitStack, ports: dict[str, int]) -> Program:
        envoy = find_envoy() or missing("Envoy is not installed: `python -m tools.envoy` does it")
        admin, bootstrap = free_port(), folder / "sidecar.json"
        listeners = [self._listener(one, ports.get(one.name)) for one in self.workloads]
        bootstrap.write_text(
            json.dumps(
                {
                    "admin": {"address": _address("127.0.0.1", admin)},
                    "static_resources": {
                        "listeners": listeners,
                        "clusters": [_cluster(name, port) for name, port in ports.items()],
                    },
                }
            )
        )
        how = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        program = Program([envoy, "-c", bootstrap, *how], folder / "sidecar.log")
        stack.callback(program.stop)
        program.wait(lambda: servers.get(f"http://127.0.0.1:{admin}/ready") is not None)
        return program

    def _listener(self, workload: Workload, server: int | None) -> Manifest:
        """`server` is the port of the real server; without one, the sidecar itself answers."""
        identity = self.authority.issue(workload.namespace, workload.name)
        filters = _answer() if server is None else _pass_on(workload.name)
        return {
            "name": workload.name,
            "address": _address(self.address[workload.name], workload.port),
            "filter_chains": [{"filters": [filters], "transport_socket": _mutual_tls(identity)}],
        }


@contextmanager
def fast(folder: Path, workloads: Sequence[Workload], authorizer: Workload, limits: Limits) -> Iterator[Fast]:
    """Everything behind the edge, until the end of the block."""
    with ExitStack() as stack:
        yield Fast(folder, stack, workloads, authorizer, limits)


def _mutual_tls(identity: Certificate) -> Manifest:
    pair = {"certificate_chain": {"filename": str(identity.chain)}, "private_key": {"filename": str(identity.key)}}
    context = {"trusted_ca": {"filename": str(identity.roots)}}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": True,
            "common_tls_context": {"tls_certificates": [pair], "validation_context": context},
        },
    }


def _answer() -> Manifest:
    direct = {"status": 200, "body": {"inline_string": ANSWER}}
    host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": direct}]}
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
    }
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "answer",
            "route_config": {"virtual_hosts": [host]},
            "http_filters": [router],
        },
    }


def _pass_on(cluster: str) -> Manifest:
    return {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": f"{_TYPES}.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": cluster,
            "cluster": cluster,
        },
    }


def _cluster(name: str, port: int) -> Manifest:
    endpoint = {"lb_endpoints": [{"endpoint": {"address": _address("127.0.0.1", port)}}]}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [endpoint]},
    }


def _address(address: str, port: int) -> Manifest:
    return {"socket_address": {"address": address, "port_value": port}}
