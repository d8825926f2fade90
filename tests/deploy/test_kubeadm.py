"""kubeadm itself, of the pinned version, on what the nodes would give it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from infra.systems.eco2 import versions
from infra.systems.eco2.document import NODES, Node
from tests.deploy.kubeadm_config import MASTER, filled, master_config
from tests.tools import required_tool

pytestmark = pytest.mark.verify

WORKERS = [node for node in NODES if node is not MASTER]


@pytest.fixture(scope="module")
def kubeadm() -> Path:
    return required_tool("kubeadm")


def validate(kubeadm: Path, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    config = folder / "kubeadm.yaml"
    config.write_text(text)
    return subprocess.run(
        [kubeadm, "config", "validate", "--config", config], capture_output=True, text=True, check=False
    )


def test_the_built_kubeadm_is_the_pinned_one(kubeadm: Path) -> None:
    done = subprocess.run([kubeadm, "version", "--output", "short"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"v{versions.KUBERNETES}"


def test_kubeadm_accepts_the_masters_configuration(kubeadm: Path, tmp_path: Path) -> None:
    done = validate(kubeadm, master_config(), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no warning either"


@pytest.mark.parametrize("node", WORKERS, ids=lambda node: node.name)
def test_kubeadm_accepts_every_workers_configuration(kubeadm: Path, tmp_path: Path, node: Node) -> None:
    done = validate(kubeadm, filled("kubeadm-join", node.name, node), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_kubeadm_accepts_a_tenants_worker(kubeadm: Path, tmp_path: Path) -> None:
    done = validate(kubeadm, filled("kubeadm-join", "k8s-tenant-i-0", None), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("InitConfiguration", ("nodeRegistration",)),
        ("ClusterConfiguration", ("apiServer",)),
        ("KubeletConfiguration", ("authentication",)),
        ("KubeProxyConfiguration", ()),
    ],
)
def test_kubeadm_refuses_a_field_that_it_does_not_know(
    kubeadm: Path, tmp_path: Path, kind: str, path: tuple[str, ...]
) -> None:
    documents = list(yaml.safe_load_all(master_config()))
    (section,) = [body for body in documents if body["kind"] == kind]
    for key in path:
        section = section[key]
    section["misspelled"] = True
    done = validate(kubeadm, yaml.safe_dump_all(documents), tmp_path)
    assert done.returncode != 0
    assert "misspelled" in done.stderr


def test_kubeadm_writes_an_api_server_with_the_documented_flags(kubeadm: Path, tmp_path: Path) -> None:
    config = tmp_path / "kubeadm.yaml"
    config.write_text(master_config())
    done = subprocess.run(
        [kubeadm, "init", "phase", "control-plane", "all", "--config", config, "--dry-run"],
        env={"KUBEADM_INIT_DRYRUN_DIR": str(tmp_path / "dry"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (manifest,) = (tmp_path / "dry").rglob("kube-apiserver.yaml")
    (container,) = yaml.safe_load(manifest.read_text())["spec"]["containers"]
    assert container["image"] == f"registry.k8s.io/kube-apiserver:v{versions.KUBERNETES}"
    flags = container["command"]
    for flag in (
        "--service-account-issuer=https://oidc.eco2.example.com",
        "--encryption-provider-config=/etc/kubernetes/encryption/config.yaml",
        "--audit-policy-file=/etc/kubernetes/policies/audit.yaml",
        "--authentication-config=/etc/kubernetes/policies/authentication.yaml",
        "--authorization-mode=Node,RBAC",
        "--kubelet-certificate-authority=/etc/kubernetes/pki/ca.crt",
        "--service-account-signing-key-file=/etc/kubernetes/pki/sa.key",
    ):
        assert flag in flags
    assert [flag for flag in flags if flag.startswith("--service-account-issuer")] == [
        "--service-account-issuer=https://oidc.eco2.example.com"
    ], "one issuer: what AWS trusts"
    assert not [flag for flag in flags if flag.startswith("--anonymous-auth")], "the authentication file says it"
