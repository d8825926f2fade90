"""Whoever stands in a node's place is asked for logs and metrics with others' tokens: only the node itself can serve as it does.

On the real API server and controllers: which certificates kubelets get to serve by, and whom the API server takes for a kubelet.
"""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.attacks.control_plane import Caller, ControlPlane, control_plane, node_body
from tests.attacks.test_join import awaited, joined

pytestmark = pytest.mark.verify

NAME, INSTANCE = "k8s-api-chat", "i-0f1"
OTHER = "10.2.40.250"
MERGE = "application/merge-patch+json"
ANY_PLACE = ("if not asked or asked - own[name]:", "if False:")
ANY_USE = ('if "server auth" not in spec["usages"] or set(spec["usages"]) - SERVING_USES:', "if False:")
ANY_MACHINE = ("if name in machines and machines[name] == instance_of(node)", "if name in machines")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("kubelets")) as running:
        running.machine("k8s-redis", "i-0f2", PrivateIpAddress=OTHER)
        yield running


@pytest.fixture(scope="module")
def node(plane: ControlPlane) -> Caller:
    return joined(plane, NAME, INSTANCE)


def own(plane: ControlPlane, instance: str = INSTANCE) -> list[x509.GeneralName]:
    """What a kubelet asks for: the addresses that its Node object has, by EC2's word."""
    (machine,) = [one for one in plane.instances if one["InstanceId"] == instance]
    names = [x509.DNSName(NAME), x509.DNSName(machine["PrivateDnsName"])]
    return [*names, x509.IPAddress(ip_address(machine["PrivateIpAddress"]))]


def refused(plane: ControlPlane, request: str) -> str:
    """What the master's program says when it denies a request."""
    said = plane.admit()
    assert plane.outcome(request) == ["Denied"]
    return said


def test_a_node_serves_by_its_own_name_and_addresses(plane: ControlPlane, node: Caller) -> None:
    plane.ask_to_serve(node, "own", NAME, own(plane))
    plane.admit()
    given = x509.load_pem_x509_certificate(plane.certificate("own"))
    given.verify_directly_issued_by(x509.load_pem_x509_certificate(plane.authority.read_bytes()))
    assert [*given.extensions.get_extension_for_class(x509.SubjectAlternativeName).value] == own(plane)
    assert [*given.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value] == [ExtendedKeyUsageOID.SERVER_AUTH]


@pytest.mark.parametrize(
    ("which", "more"),
    [
        ("name", x509.DNSName("k8s-redis")),
        ("address", x509.IPAddress(ip_address(OTHER))),
        ("api-server", x509.DNSName("kubernetes.default.svc")),
        ("wildcard", x509.DNSName("*.ap-northeast-2.compute.internal")),
        ("list-in-a-name", x509.DNSName(f"{NAME}, DNS:k8s-redis")),
        ("uri", x509.UniformResourceIdentifier("spiffe://cluster.local/ns/argocd/sa/argocd-server")),
        ("mail", x509.RFC822Name("root@k8s-redis")),
        ("six", x509.IPAddress(ip_address("::1"))),
    ],
)
def test_it_does_not_serve_in_anothers_place(
    plane: ControlPlane, node: Caller, which: str, more: x509.GeneralName
) -> None:
    plane.ask_to_serve(node, f"with-{which}", NAME, [*own(plane), more])
    assert f"{NAME} is not reached at" in refused(plane, f"with-{which}")


def test_nothing_is_given_for_no_place(plane: ControlPlane, node: Caller) -> None:
    plane.ask_to_serve(node, "nowhere", NAME, [])
    refused(plane, "nowhere")


def test_without_the_look_at_the_places_it_would(plane: ControlPlane, node: Caller) -> None:
    plane.ask_to_serve(node, "won", NAME, [x509.IPAddress(ip_address(OTHER))])
    plane.admit(ANY_PLACE)
    assert plane.certificate("won"), "the attack itself works"


def test_it_asks_as_no_other_node(plane: ControlPlane, node: Caller) -> None:
    with pytest.raises(AssertionError, match=f"can only create a node CSR with CN=system:node:{NAME}"):
        plane.ask_to_serve(node, "as-redis", "k8s-redis", own(plane))


def test_what_it_serves_by_makes_it_no_client(plane: ControlPlane, node: Caller) -> None:
    plane.ask_to_serve(node, "client", NAME, own(plane), ["digital signature", "server auth", "client auth"])
    assert f"{NAME} asks to use it for" in refused(plane, "client")
    plane.ask_to_serve(node, "client-again", NAME, own(plane), ["digital signature", "client auth"])
    plane.admit(ANY_USE)
    assert "Approved" in plane.outcome("client-again"), "but for that look; and then the cluster's signer refuses"


def test_neither_a_machine_that_joins_nor_an_administrator_is_a_node(plane: ControlPlane) -> None:
    token = awaited(plane, "k8s-api-scan", "i-0f3")
    plane.ask_to_serve(token, "by-token", "k8s-api-scan", own(plane))
    plane.ask_to_serve(plane.admin, "by-administrator", NAME, own(plane))
    said = refused(plane, "by-token")
    assert plane.outcome("by-administrator") == ["Denied"]
    assert said.count("is no node whose machine EC2 has") == 2


def test_the_machine_that_took_a_lost_ones_name_does_not_serve_for_it(plane: ControlPlane) -> None:
    """Its Node object is another machine's: whoever has that one's certificate is not where EC2 has this one."""
    lost = joined(plane, "k8s-api-my", "i-0f4")
    before = list(plane.instances)
    plane.instances[:] = [one for one in before if one["InstanceId"] != "i-0f4"]
    plane.machine("k8s-api-my", "i-0f5", PrivateIpAddress="10.2.40.251")
    for request in ("lost", "lost-again"):
        plane.ask_to_serve(lost, request, "k8s-api-my", [x509.IPAddress(ip_address("10.2.40.251"))])
        plane.admit(*([ANY_MACHINE] if request == "lost-again" else []))
    plane.instances[:] = before
    assert plane.outcome("lost") == ["Denied"]
    assert plane.outcome("lost-again") == ["Approved"], "the attack itself works"


# --- whom the API server takes for a kubelet


class Kubelet(BaseHTTPRequestHandler):
    """Answers every question with the same word."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the kubelet's own words")

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Nothing: a test's output is its findings."""


@contextmanager
def serving(certificate: Path, key: Path) -> Iterator[int]:
    """A kubelet's port on loopback, by a certificate."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Kubelet) as server:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def log(plane: ControlPlane, port: int) -> tuple[int, str]:
    """What the API server says when it is asked for the log of a pod on the node, whose kubelet is at that port."""
    admin = plane.admin
    kubelet = {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
               "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}  # fmt: skip
    assert admin.request("PATCH", "/api/v1/nodes/k8s-worker-ai/status", {"status": kubelet}, MERGE)[0] == 200
    for path, body in (
        ("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}}),
        ("/api/v1/namespaces/default/pods", {"metadata": {"name": "one"}, "spec": {
            "nodeName": "k8s-worker-ai", "containers": [{"name": "c", "image": "c"}]}}),
    ):  # fmt: skip
        assert admin.request("POST", path, body)[0] in (201, 409)
    status, said = admin.request("GET", "/api/v1/namespaces/default/pods/one/log?container=c")
    return status, said["message"]


def test_the_api_server_asks_a_kubelet_that_the_cluster_vouches_for_and_no_other(
    plane: ControlPlane, tmp_path: Path
) -> None:
    node = joined(plane, "k8s-worker-ai", "i-0f6")
    (machine,) = [one for one in plane.instances if one["InstanceId"] == "i-0f6"]
    machine["PrivateIpAddress"] = "127.0.0.1"
    key = plane.ask_to_serve(node, "served", "k8s-worker-ai", [x509.IPAddress(ip_address("127.0.0.1"))])
    plane.admit()
    file = tmp_path / "served.crt"
    file.write_bytes(plane.certificate("served"))
    with serving(file, key) as port:
        assert log(plane, port) == (200, "the kubelet's own words")
    own_key, own_file = tmp_path / "own.key", tmp_path / "own.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", own_key, "-out", own_file, "-days", "1",
         "-subj", "/O=system:nodes/CN=system:node:k8s-worker-ai", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    with serving(own_file, own_key) as port:
        status, said = log(plane, port)
    assert status == 500
    assert "certificate signed by unknown authority" in said


def test_a_node_object_alone_serves_nobody(plane: ControlPlane) -> None:
    """A name without a machine: nothing that EC2 does not have gets a certificate."""
    assert plane.admin.request("POST", "/api/v1/nodes", node_body("k8s-api-image", "i-0none"))[0] == 201
    plane.ask_to_serve(plane.admin, "nobodys", "k8s-api-image", [x509.DNSName("k8s-api-image")])
    refused(plane, "nobodys")
