"""eco2's control plane as kubeadm configures it, on loopback: etcd, kube-apiserver and kube-controller-manager, and the master's
admission program beside them. Only the machines are pretended: EC2 and the Parameter Store are a file.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.systems.eco2 import bootstrap
from infra.systems.eco2.document import NODES
from tests.deploy import pretend_aws
from tests.deploy.kubeadm_config import MASTER, master_config
from tests.deploy.pretend_node import context
from tests.mesh.processes import KEEPS_ITS_GARBAGE, Program, wait_until
from tests.ports import free_port
from tests.tools import required_tool

Body = dict[str, Any]
SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING_SIGNER = "kubernetes.io/kubelet-serving"
SERVES = ("digital signature", "server auth")
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
VPC = "vpc-0eco2"
ACCOUNT = context().account


@dataclass(frozen=True)
class Caller:
    """Whoever speaks to the API server: by a token or a client certificate."""

    url: str
    authority: Path
    token: str | None = None
    certificate: tuple[Path, Path] | None = None

    def request(
        self, method: str, path: str, body: Body | None = None, kind: str = "application/json"
    ) -> tuple[int, Body]:
        pool = urllib3.PoolManager(
            ca_certs=str(self.authority),
            cert_file=str(self.certificate[0]) if self.certificate else None,
            key_file=str(self.certificate[1]) if self.certificate else None,
            retries=False,
            timeout=30,
        )
        headers = {"Content-Type": kind, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        answer = pool.request(
            method, f"{self.url}{path}", body=None if body is None else json.dumps(body).encode(), headers=headers
        )
        text = answer.data.decode()
        return answer.status, json.loads(text) if text.startswith("{") else {"message": text}


@dataclass
class ControlPlane:
    """What runs, and a pretend account. `admin` is who may do everything."""

    root: Path
    url: str
    admin: Caller
    account: Path
    audit: Path
    kubeadm: Path
    config: Path
    instances: list[Body] = field(default_factory=list)

    @property
    def authority(self) -> Path:
        return self.root / "etc/kubernetes/pki/ca.crt"

    def caller(self, *, token: str | None = None, certificate: tuple[Path, Path] | None = None) -> Caller:
        return Caller(self.url, self.authority, token, certificate)

    # --- the account

    def machine(self, name: str, instance: str, role: str | None = None, **more: Any) -> None:
        """EC2 has a running machine under that name, with the role of the documented node."""
        known = next((node.role for node in NODES if node.name == name), "tenant")
        profile = f"arn:aws:iam::{ACCOUNT}:instance-profile/eco2-prod-node-{role or known}"
        address = f"10.2.40.{len(self.instances) + 1}"
        self.instances.append(
            {
                "InstanceId": instance,
                "PrivateIpAddress": address,
                "PrivateDnsName": f"ip-{address.replace('.', '-')}.ap-northeast-2.compute.internal",
                "PublicDnsName": "",
                "VpcId": VPC,
                "State": {"Name": "running"},
                "IamInstanceProfile": {"Arn": profile},
                "Tags": [
                    {"Key": "Name", "Value": name},
                    {"Key": "kubernetes.io/cluster/eco2-prod", "Value": "owned"},
                ],
                **more,
            }
        )

    def parameters(self) -> dict[str, Body]:
        found: dict[str, Body] = json.loads(self.account.read_text())["parameters"]
        return found

    def token_of(self, instance: str) -> str:
        """What a machine reads from its own parameter."""
        return str(json.loads(self.parameters()[f"/eco2/prod/kubernetes/join/{instance}"]["value"])["token"])

    # --- the master

    def admit(self, *without: tuple[str, str]) -> str:
        """A run of the master's program, with a part of it replaced; what it says."""
        state = json.loads(self.account.read_text())
        self.account.write_text(json.dumps({**state, "instances": self.instances}))
        folder = self.root / "opt/eco2/bootstrap"
        text = (bootstrap.FILES / "admission.py").read_text()
        for old, new in without:
            assert old in text, f"the program does not say: {old}"
            text = text.replace(old, new)
        (folder / "admission.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "-I", "-S", folder / "admission.py"],
            env={"PATH": f"{self.root}/bin:{os.environ['PATH']}", "ROOT": str(self.root), "PRETEND_AWS": str(self.account),
                 "HOME": str(self.root)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def init_phase(self, *phase: str) -> None:
        """A phase of `kubeadm init`, as the master runs them."""
        subprocess.run(
            [self.kubeadm, "init", "phase", *phase, "--config", self.config], check=True, capture_output=True, text=True
        )

    def upgrade(self) -> None:
        """What `kubeadm init` and every `kubeadm upgrade apply` do about tokens."""
        kubeconfig = self.root / "etc/kubernetes/admin.conf"
        self.init_phase("bootstrap-token", "--skip-token-print", "--kubeconfig", str(kubeconfig))

    # --- what a machine does

    def ask(self, caller: Caller, name: str, node: str) -> Path:
        """A request for a node's certificate; the file of its private key."""
        return self._ask(caller, name, node, signer=SIGNER, uses=("digital signature", "client auth"))

    def ask_to_serve(
        self, caller: Caller, name: str, node: str, places: Sequence[x509.GeneralName], uses: Sequence[str] = SERVES
    ) -> Path:
        """A request for the certificate that a kubelet serves by; the file of its private key."""
        return self._ask(caller, name, node, signer=SERVING_SIGNER, uses=uses, places=places)

    def _ask(
        self, caller: Caller, name: str, node: str, *, signer: str, uses: Sequence[str],
        places: Sequence[x509.GeneralName] = (),
    ) -> Path:  # fmt: skip
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [(NameOID.ORGANIZATION_NAME, "system:nodes"), (NameOID.COMMON_NAME, f"system:node:{node}")]
        made = x509.CertificateSigningRequestBuilder().subject_name(
            x509.Name([x509.NameAttribute(kind, value) for kind, value in subject])
        )
        if places:
            made = made.add_extension(x509.SubjectAlternativeName(places), critical=False)
        request = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        status, said = caller.request("POST", REQUESTS, {
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
            "spec": {"signerName": signer, "request": base64.b64encode(request).decode(), "usages": [*uses]},
        })  # fmt: skip
        assert status == 201, said
        file = self.root / f"{name}.key"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return file

    def outcome(self, name: str) -> list[str]:
        """The conditions of a request."""
        status = self.admin.request("GET", f"{REQUESTS}/{name}")[1]["status"]
        return [one["type"] for one in status.get("conditions", [])]

    def certificate(self, name: str) -> bytes:
        """What was asked for, once the controller has signed it."""

        def signed() -> str:
            return str(self.admin.request("GET", f"{REQUESTS}/{name}")[1]["status"].get("certificate", ""))

        wait_until(lambda: bool(signed()), f"a certificate for {name}")
        return base64.b64decode(signed())

    def issued(self, name: str, key: Path) -> Caller:
        """Who one is with the certificate that was asked for."""
        file = key.with_suffix(".crt")
        file.write_bytes(self.certificate(name))
        return self.caller(certificate=(file, key))


def node_body(name: str, instance: str, **labels: str) -> Body:
    """What a kubelet registers."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"providerID": f"aws:///ap-northeast-2a/{instance}"},
    }


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """Until the end of the block."""
    with ExitStack() as stack:
        root = _lay_out(folder)
        port = free_port()
        kubeadm, config = required_tool("kubeadm"), _configure(root, folder)
        _certify(kubeadm, config, root, port)
        _dry_run(kubeadm, config, folder)
        _start_servers(root, folder, stack, port)
        url = f"https://127.0.0.1:{port}"
        authority = root / "etc/kubernetes/pki/ca.crt"
        admin = Caller(url, authority, certificate=_administrator(root))
        plane = ControlPlane(
            root, url, admin, folder / "account.json", root / "var/log/kubernetes/audit.log", kubeadm, config
        )
        plane.account.write_text(json.dumps({"instances": [], "parameters": {}}))
        wait_until(lambda: _answers(admin), "the API server to be ready", patience=90)
        # It ends when the API server does not answer soon, and no kubelet starts it again here.
        _start(stack, folder, _flags(folder, root, "kube-controller-manager", {
            "leader-elect": "false", "secure-port": str(free_port()),
        }))  # fmt: skip
        _finish_init(plane, root)
        yield plane


def _lay_out(folder: Path) -> Path:
    """The master's files: the bundle's, and programs on its PATH."""
    root = folder / "root"
    for name in (
        "etc/kubernetes/pki",
        "etc/kubernetes/policies",
        "run/eco2",
        "opt/eco2/bootstrap",
        "bin",
        "var/log/kubernetes",
    ):
        (root / name).mkdir(parents=True)
    rendered = bootstrap.rendered(context())
    (root / "opt/eco2/bootstrap/nodes.json").write_bytes(rendered["nodes.json"])
    (root / "opt/eco2/bootstrap/join-access.yaml").write_bytes(rendered["files/join-access.yaml"])
    (root / "etc/kubernetes/policies/audit.yaml").write_bytes(rendered["files/audit-policy.yaml"])
    (root / "etc/kubernetes/policies/authentication.yaml").write_bytes(rendered["files/authentication.yaml"])
    for name in ("kubeadm", "kubectl"):
        (root / "bin" / name).symlink_to(required_tool(name))
    aws = root / "bin/aws"
    aws.write_text(
        f'#!/bin/sh\nPYTHONPATH={Path(__file__).parents[2]} exec {sys.executable} {pretend_aws.__file__} "$@"\n'
    )
    aws.chmod(0o755)
    return root


def _configure(root: Path, folder: Path) -> Path:
    """The master's own configuration for kubeadm, but for where its files are."""
    config = folder / "kubeadm.yaml"
    text = master_config().replace("certSANs: [", 'certSANs: ["127.0.0.1", ')
    config.write_text(text.replace("clusterName:", f"certificatesDir: {root}/etc/kubernetes/pki\nclusterName:"))
    return config


def _certify(kubeadm: Path, config: Path, root: Path, port: int) -> None:
    """The cluster's authorities, keys and administrators, by kubeadm."""
    init = [str(kubeadm), "init", "phase"]
    subprocess.run([*init, "certs", "all", "--config", str(config)], check=True, capture_output=True)
    _make_signing_keys(root / "etc/kubernetes/pki")
    for name in ("super-admin", "controller-manager"):
        command = [*init, "kubeconfig", name, "--config", str(config), "--kubeconfig-dir", str(root / "etc/kubernetes")]
        subprocess.run(command, check=True, capture_output=True)
        file = root / f"etc/kubernetes/{name}.conf"
        file.write_text(re.sub(r"server: .*", f"server: https://127.0.0.1:{port}", file.read_text()))
    (root / "etc/kubernetes/super-admin.conf").rename(root / "etc/kubernetes/admin.conf")


def _make_signing_keys(pki: Path) -> None:
    """In kubeadm's place, as the master makes and places them while they are rotated: two keys, of which the first signs."""
    script = f"""set -e; . {bootstrap.FILES}/keys.sh; keys=$(new_signing_key && new_signing_key)
nth_key 1 <<<"$keys" >sa.key; for number in 1 2; do nth_key "$number" <<<"$keys" | openssl pkey -pubout; done >sa.pub"""
    subprocess.run(["bash", "-c", script], cwd=pki, check=True, capture_output=True)


def _administrator(root: Path) -> tuple[Path, Path]:
    (user,) = yaml.safe_load((root / "etc/kubernetes/admin.conf").read_text())["users"]
    files = []
    for name in ("certificate", "key"):
        file = root / f"admin.{name}"
        file.write_bytes(base64.b64decode(user["user"][f"client-{name}-data"]))
        files.append(file)
    return files[0], files[1]


def _dry_run(kubeadm: Path, config: Path, folder: Path) -> None:
    """The static pods that kubeadm would write."""
    subprocess.run(
        [kubeadm, "init", "phase", "control-plane", "all", "--config", config, "--dry-run"],
        env={"KUBEADM_INIT_DRYRUN_DIR": str(folder / "dry"), "PATH": "/usr/bin:/bin"}, check=True, capture_output=True,
    )  # fmt: skip


def _start_servers(root: Path, folder: Path, stack: ExitStack, port: int) -> None:
    """As the kubelet would start them, but for addresses, files and etcd, which has no TLS here."""
    clients, peers = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    _start(stack, folder, [
        required_tool("etcd"), "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--log-level", "error",
        "--listen-client-urls", clients, "--advertise-client-urls", clients, "--listen-peer-urls", peers,
        "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}",
    ])  # fmt: skip
    _start(stack, folder, _flags(folder, root, "kube-apiserver", {
        "etcd-servers": clients, "secure-port": str(port), "bind-address": "127.0.0.1",
    }, drop=("etcd-cafile", "etcd-certfile", "etcd-keyfile", "encryption-provider-config",
             "encryption-provider-config-automatic-reload")))  # fmt: skip


def _flags(
    folder: Path, root: Path, name: str, changes: Mapping[str, str], drop: Sequence[str] = ()
) -> list[str | Path]:
    (manifest,) = (folder / "dry").rglob(f"{name}.yaml")
    (container,) = yaml.safe_load(manifest.read_text())["spec"]["containers"]
    flags = dict(word[2:].partition("=")[::2] for word in container["command"][1:])
    # What kubeadm was told as a folder of its own is right already.
    flags = {
        key: value if str(root) in value else re.sub("^/(etc/kubernetes|var/log)", rf"{root}/\1", value)
        for key, value in flags.items()
        if key not in drop
    }
    return [required_tool(name), *(f"--{key}={value}" for key, value in {**flags, **changes}.items())]


def _start(stack: ExitStack, folder: Path, command: Sequence[str | Path]) -> None:
    program = Program(command, folder / f"{Path(command[0]).name}.log", environment=KEEPS_ITS_GARBAGE)
    stack.callback(program.stop)


def _answers(admin: Caller) -> bool:
    try:
        return admin.request("GET", "/readyz")[0] == 200
    except urllib3.exceptions.HTTPError:
        return False


def _finish_init(plane: ControlPlane, root: Path) -> None:
    """The phases of `kubeadm init` that a join needs, what the bootstrap adds to them, and the master itself."""
    kubeconfig = str(root / "etc/kubernetes/admin.conf")
    for phase in (("upload-config", "all"), ("addon", "kube-proxy")):
        plane.init_phase(*phase, "--kubeconfig", kubeconfig)
    plane.upgrade()
    subprocess.run(
        [root / "bin/kubectl", "--kubeconfig", kubeconfig, "apply", "--server-side", "--filename",
         root / "opt/eco2/bootstrap/join-access.yaml"], check=True, capture_output=True,
    )  # fmt: skip
    plane.machine(MASTER.name, "i-0master")
    status, said = plane.admin.request("POST", "/api/v1/nodes", node_body(MASTER.name, "i-0master"))
    assert status == 201, said
