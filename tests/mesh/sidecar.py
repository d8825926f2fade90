"""A workload's own proxy on the rig: the inbound listener that istiod writes for its pod, with its real policies and mutual TLS.

What the rig changes, because a laptop redirects no packets: the listener is at the pod's own address and port, instead of the port
to which a pod's connections are redirected, and the application is on a port of loopback.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc

from tests.mesh import servers
from tests.mesh.certificates import Certificate
from tests.mesh.manifests import Manifest, named, pod_of
from tests.mesh.processes import wait_until
from tests.mesh.rig import MISSING_IN_UPSTREAM_ENVOY, Behind, Edge, Gateway, Workload, endpoints

HTTP = "envoy.filters.network.http_connection_manager"


class Application(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers every gRPC method with nothing, and remembers which came: what a proxy lets through, and no more."""

    def __init__(self, stack: ExitStack) -> None:
        self.came: list[str] = []
        server = grpc.server(ThreadPoolExecutor(2), handlers=[self])
        self.port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        stack.callback(server.stop, None)

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        self.came.append(call.method)
        return grpc.unary_unary_rpc_method_handler(lambda request, _: b"")


class Sidecar(Edge):
    """The proxy of one pod of a workload, before `application`, a port of loopback."""

    def __init__(
        self,
        behind: Behind,
        objects: Sequence[Manifest],
        mesh: Manifest,
        folder: Path,
        *,
        workload: Workload,
        application: int,
    ) -> None:
        service = named(
            [one for one in objects if one["metadata"].get("namespace") == workload.namespace], "Service", workload.name
        )
        self._workload, self._application, self._service = workload, application, service
        as_gateway = Gateway(
            name=workload.name,
            namespace=workload.namespace,
            labels=service["spec"]["selector"],
            service_ports=(),
            port=workload.port,
        )
        super().__init__(behind, as_gateway, objects, mesh, folder)

    def call(self, method: str, identity: Certificate | None, *, tls: bool = True) -> grpc.StatusCode:
        """A gRPC call of an empty message: with that certificate, with none, or without TLS at all."""
        target = f"{self._address}:{self._workload.port}"
        files = [path.read_bytes() for path in (identity.key, identity.chain)] if identity else [None, None]
        roots = self.backends.authority.roots.read_bytes()
        channel = (
            grpc.secure_channel(target, grpc.ssl_channel_credentials(roots, *files))
            if tls
            else grpc.insecure_channel(target)
        )
        with channel:
            send: Callable[..., bytes] = channel.unary_unary(
                method, request_serializer=bytes, response_deserializer=bytes
            )
            try:
                send(b"", timeout=20)
            except grpc.RpcError as refused:
                return refused.code()
            return grpc.StatusCode.OK

    def _identity(self) -> Certificate:
        return self.backends.authority.issue(self._workload.namespace, self._workload.account, [self._address])

    def _bootstrap(self, addresses: Mapping[str, str]) -> Manifest:
        made = super()._bootstrap(addresses)
        made["node"]["id"] = made["node"]["id"].replace("router~", "sidecar~", 1)
        return made

    def _stage(self, objects: Sequence[Manifest]) -> list[Manifest]:
        """The pod with its own containers, by whose ports the Service finds it."""
        pod, slices = endpoints(self._workload, self._address, self._service)
        rendered = pod_of(named(objects, "Deployment", self._workload.name)) or {}
        pod["spec"]["containers"] = [*pod["spec"]["containers"], *rendered["spec"]["containers"]]
        return [pod, slices, self._fitting_filter()]

    def _fitting_filter(self) -> Manifest:
        here = {"address": {"socket_address": {"address": self._address, "port_value": self._workload.port}}}
        cluster = f"inbound|{self._workload.port}||"
        http2 = {"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                 "explicit_http_config": {"http2_protocol_options": {}}}  # fmt: skip
        endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self._application}}}
        own = {
            "name": cluster,
            "type": "STATIC",
            "connect_timeout": "1s",
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
            "load_assignment": {"cluster_name": cluster, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
        }
        patches = [
            *_removals(),
            _patch("LISTENER", "SIDECAR_INBOUND", {"listener": {"name": "virtualInbound"}}, "MERGE", here),
            _patch("LISTENER", "SIDECAR_OUTBOUND", {}, "REMOVE"),
            _patch("CLUSTER", "SIDECAR_INBOUND", {"cluster": {"name": cluster}}, "REMOVE"),
            _patch("CLUSTER", "SIDECAR_INBOUND", {}, "ADD", own),
        ]
        return self._filter(patches)

    def _filter(self, patches: Sequence[Manifest]) -> Manifest:
        return {
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "EnvoyFilter",
            "metadata": {"name": "rig", "namespace": self._workload.namespace},
            "spec": {
                "priority": 1000,
                "workloadSelector": {"labels": dict(self._gateway.labels)},
                "configPatches": list(patches),
            },
        }


class Outbound(Sidecar):
    """The same pod's proxy for what its application calls: the outbound listeners that istiod writes, with their policies.

    Nothing redirects packets here: the destination that a redirect would have kept is told by PROXY protocol instead.
    """

    REDIRECTED = 15001

    def __init__(
        self, behind: Behind, objects: Sequence[Manifest], mesh: Manifest, folder: Path, *, workload: Workload
    ) -> None:
        super().__init__(behind, objects, mesh, folder, workload=workload, application=0)
        self.listener = (self._address, self.REDIRECTED)

    def goes_to(self, destination: str, port: int, sni: str = "") -> str:
        """The cluster that a connection to the destination leaves for, with a TLS hello for that host or with plain HTTP.

        A cluster that has nowhere to go says so of itself.
        """
        before = self._left()
        with suppress(OSError), socket.create_connection(self.listener, 10) as connection:
            connection.settimeout(10)
            connection.sendall(f"PROXY TCP4 {self._address} {destination} 4000 {port}\r\n".encode())
            connection.sendall(hello(sni) if sni else b"GET / HTTP/1.1\r\nhost: " + destination.encode() + b"\r\n\r\n")
            while connection.recv(4096):
                pass

        def changed() -> list[str]:
            return [name for name, count in self._left().items() if count != before.get(name, 0)]

        wait_until(lambda: bool(changed()), "a cluster to be asked")
        (found,) = changed()
        return found

    def _left(self) -> dict[str, int]:
        """By cluster, how many connections it was asked for."""
        wanted = quote(r"^cluster\..*\.(upstream_cx_total|upstream_cx_none_healthy)$")
        found = json.loads(servers.get(f"{self._admin}/stats?format=json&filter={wanted}") or "{}")["stats"]
        asked: dict[str, int] = {}
        for one in found:
            name = one["name"].removeprefix("cluster.").rpartition(".")[0].removesuffix(";")
            if name not in ("xds-grpc", "sds-grpc", "prometheus_stats", "agent"):
                asked[name] = asked.get(name, 0) + one["value"]
        return asked

    def _fitting_filter(self) -> Manifest:
        told = {
            "name": "envoy.filters.listener.proxy_protocol",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"
            },
        }
        here = {"address": {"socket_address": {"address": self._address, "port_value": self.REDIRECTED}}}
        own = {"listener": {"name": "virtualOutbound"}}
        patches = [
            *_removals("SIDECAR_OUTBOUND"),
            _patch("LISTENER", "SIDECAR_OUTBOUND", own, "MERGE", here),
            _patch("LISTENER_FILTER", "SIDECAR_OUTBOUND", own, "INSERT_FIRST", told),
            _patch("LISTENER", "SIDECAR_INBOUND", {}, "REMOVE"),
        ]
        return self._filter(patches)


def hello(host: str) -> bytes:
    """The first message of a TLS client that wants that host."""
    context, outgoing = ssl.create_default_context(), ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def _removals(context: str = "SIDECAR_INBOUND") -> list[Manifest]:
    found = []
    for name in MISSING_IN_UPSTREAM_ENVOY:
        inside = {"filter": {"name": HTTP, "subFilter": {"name": name}}}
        found.append(_patch("HTTP_FILTER", context, {"listener": {"filterChain": inside}}, "REMOVE"))
        alone = {"filter": {"name": name}}
        found.append(_patch("NETWORK_FILTER", context, {"listener": {"filterChain": alone}}, "REMOVE"))
    return found


def _patch(
    what: str, context: str, match: Mapping[str, Any], operation: str, value: Manifest | None = None
) -> Manifest:
    patch: Manifest = {"operation": operation, **({"value": value} if value else {})}
    return {"applyTo": what, "match": {"context": context, **match}, "patch": patch}
