"""A real kube-apiserver with its etcd on loopback, with the operators' own kinds, and nothing that would act on what it holds."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from tests.mesh.manifests import Manifest
from tests.mesh.processes import KEEPS_ITS_GARBAGE, Program, wait_until
from tests.ports import free_port
from tests.tools import required_definitions, required_kafka, required_tool
from tools.definitions import of_kinds

CONTENT_TYPES = {"PATCH": "application/merge-patch+json"}
STRICT = "fieldValidation=Strict"


@dataclass(frozen=True)
class Verdict:
    """What the server said to one object: its status, its message when it refused, and its warnings."""

    status: int
    message: str
    warnings: Sequence[str]
    body: Manifest = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        return self.status in (200, 201) and not self.warnings


class ApiServer:
    """A running server; `create` is a client's POST with every check that a server has."""

    def __init__(self, url: str, certificate: Path, token: str) -> None:
        self.url, self.certificate, self.token = url, certificate, token
        self._pool = urllib3.PoolManager(
            ca_certs=str(certificate),
            # The server's own certificate is for this address, and signed by itself.
            assert_hostname=False,
            headers={"Authorization": f"Bearer {token}"},
            retries=False,
            timeout=120,
            # A test may look on beside what it does.
            maxsize=4,
        )
        self._resources: dict[str, dict[str, Manifest]] = {}

    def request(
        self,
        method: str,
        path: str,
        body: Manifest | Sequence[Manifest] | None = None,
        *,
        user: str | None = None,
        kind: str | None = None,
    ) -> Verdict:
        """As its administrator, or as somebody else: then it decides as if that one had come.

        `kind` is the body's content type, where it is not the method's own.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._pool.headers, "Content-Type": kind or CONTENT_TYPES.get(method, "application/json")}
        if user:
            headers["Impersonate-User"] = user
        answer = self._pool.request(method, f"{self.url}{path}", body=data, headers=headers)
        warnings = _warnings(answer.headers.getlist("Warning"))
        if answer.status < 400:
            return Verdict(answer.status, "", warnings, answer.json())
        text = answer.data.decode()
        return Verdict(answer.status, json.loads(text)["message"] if text.startswith("{") else text, warnings)

    def kubeconfig(self, folder: Path, *, account: tuple[str, str] | None = None) -> Path:
        """A file by which a program calls it as its administrator, or as a service account (namespace, name) that is there."""
        path = folder / ("-".join(("kubeconfig", *account)) if account else "kubeconfig")
        # The server's own certificate is signed by itself, and loopback is where it is.
        cluster = {"server": self.url, "insecure-skip-tls-verify": True}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": cluster}],
            "users": [{"name": "whoever", "user": {"token": self._token_of(*account) if account else self.token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "whoever"}}],
        }
        path.write_text(json.dumps(config))
        return path

    def _token_of(self, namespace: str, name: str) -> str:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        verdict = self.request("POST", path, {"spec": {"expirationSeconds": 24 * 60 * 60}})
        if verdict.status != 201:
            raise RuntimeError(f"no token of {namespace}/{name}: {verdict.message}")
        return str(verdict.body["status"]["token"])

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Verdict:
        """Create an object; with `dry_run` all checks run, and nothing is kept."""
        path = self._path(manifest)
        if path is None:
            return Verdict(404, f"no kind {manifest['kind']} in {manifest['apiVersion']}", ())
        return self.request("POST", f"{path}?{STRICT}{'&dryRun=All' if dry_run else ''}", manifest)

    def _path(self, manifest: Manifest) -> str | None:
        version = manifest["apiVersion"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        kinds = self._resources.get(base) or {}
        if manifest["kind"] not in kinds:
            kinds = self._discover(base)
        if (found := kinds.get(manifest["kind"])) is None:
            return None
        namespace = manifest["metadata"].get("namespace", "default")
        return f"{base}/namespaces/{namespace}/{found['name']}" if found["namespaced"] else f"{base}/{found['name']}"

    def _discover(self, base: str) -> dict[str, Manifest]:
        listed = self.request("GET", base).body.get("resources", ())
        self._resources[base] = {one["kind"]: one for one in listed if "/" not in one["name"]}
        return self._resources[base]


@contextmanager
def api_server(folder: Path, objects: Sequence[Manifest], flags: Sequence[str] = ()) -> Iterator[ApiServer]:
    """A server that knows the operators' kinds that the objects are of, until the end of the block; `flags` are more of its own."""
    with ExitStack() as stack:
        etcd = _start_etcd(folder, stack)
        server = _start_server(folder, stack, etcd, flags)
        _add_kinds(server, objects)
        yield server


def _start_etcd(folder: Path, stack: ExitStack) -> str:
    clients, peers = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        required_tool("etcd"),
        "--data-dir",
        folder / "etcd",
        "--unsafe-no-fsync",
        "--log-level",
        "error",
    ]
    listen = ["--listen-client-urls", clients, "--advertise-client-urls", clients, "--listen-peer-urls", peers]
    ring = ["--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}"]
    program = Program([*command, *listen, *ring], folder / "etcd.log", environment=KEEPS_ITS_GARBAGE)
    stack.callback(program.stop)
    return clients


def _start_server(folder: Path, stack: ExitStack, etcd: str, flags: Sequence[str]) -> ApiServer:
    port, token = free_port(), secrets.token_hex()
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    key = folder / "service-accounts.key"
    _write_key(key)
    program = Program(
        [
            required_tool("kube-apiserver"),
            f"--etcd-servers={etcd}", "--bind-address=127.0.0.1", f"--secure-port={port}", f"--cert-dir={folder}",
            f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=RBAC", "--anonymous-auth=false",
            # Without the controllers that would make an account's token.
            "--disable-admission-plugins=ServiceAccount",
            "--service-account-issuer=https://issuer.test", f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true", *flags,
        ],
        folder / "kube-apiserver.log",
        environment=KEEPS_ITS_GARBAGE,
    )  # fmt: skip
    stack.callback(program.stop)
    certificate = folder / "apiserver.crt"
    found: list[ApiServer] = []

    def ready() -> bool:
        if not found and certificate.exists() and certificate.stat().st_size:
            found.append(ApiServer(f"https://127.0.0.1:{port}", certificate, token))
        try:
            return bool(found) and found[0].request("GET", "/api/v1/namespaces/default").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    program.wait(ready)
    return found[0]


def _add_kinds(server: ApiServer, objects: Sequence[Manifest]) -> None:
    """Create the definition of every kind that the objects are of and Kubernetes does not have; wait until it is served."""
    wanted = {(one["apiVersion"].partition("/")[0], one["kind"]) for one in objects if "." in one["apiVersion"]}
    folders = [required_definitions()]
    if any(group == "kafka.strimzi.io" for group, _ in wanted):
        folders.append(required_kafka() / "crds")
    made = []
    for definition in of_kinds(folders, wanted):
        verdict = server.create(definition)
        if verdict.status != 201:
            raise RuntimeError(f"{definition['metadata']['name']}: {verdict.message}")
        made.append(definition["metadata"]["name"])
    for name in made:
        wait_for_kind(server, name)


def wait_for_kind(server: ApiServer, definition: str) -> None:
    """Until the kind of a CustomResourceDefinition is served."""
    wait_until(lambda: _is_established(server, definition), f"{definition} to be served")


def _is_established(server: ApiServer, name: str) -> bool:
    found = server.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}").body
    conditions = {one["type"]: one["status"] for one in found.get("status", {}).get("conditions") or ()}
    if conditions.get("Established") != "True":
        return False
    # What is established is listed a moment later.
    spec = found["spec"]
    served = [one["name"] for one in spec["versions"] if one["served"]]
    listed = [server.request("GET", f"/apis/{spec['group']}/{one}").body.get("resources", ()) for one in served]
    return all(any(one["kind"] == spec["names"]["kind"] for one in each) for each in listed)


def _warnings(values: Sequence[str]) -> list[str]:
    """The text of each Warning header: `299 - "text"`, where the text's own quotes are escaped."""
    return [re.sub(r"\\(.)", r"\1", value.split('"', 1)[1].removesuffix('"')) for value in values]


def _write_key(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.PrivateFormat.TraditionalOpenSSL
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
