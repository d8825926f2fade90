"""Eco2's bootstrap (eco2.md: 노드 배치), executed: what a machine does until it is a node, and what saves the cluster.

User data is a script, so cloud-init's schema asks nothing of it but its first two characters.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.components.aws.scripts import USER_DATA_LIMIT
from infra.settings.exchange_failover import ADMISSION_SECONDS
from infra.systems.eco2 import bootstrap, first_charts, projects, versions
from infra.systems.eco2.bootstrap import Bundle
from infra.systems.eco2.document import NODES, Node
from infra.systems.eco2.observability import NODE_METRICS_FOLDER
from tests.deploy.pretend_machine import REPOSITORY, Result
from tests.deploy.pretend_node import (
    CA_HASH,
    CHECKSUMS,
    CREDENTIAL_PROVIDER,
    ENCRYPTION_KEY,
    HELM_ARCHIVE,
    INSTANCE,
    PARAMETERS,
    PREFIX,
    PROVIDER_ID,
    SERVICE_ACCOUNT_KEY,
    SNAPSHOTS,
    TOKEN,
    NodeMachine,
    assert_no_secret,
    context,
    make_node,
    option,
    sha256,
)
from tests.tools import missing

SCRIPTS = sorted(bootstrap.FILES.glob("*.sh"))
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
MASTER = next(node for node in NODES if node.role == "control-plane")
AUTH = next(node for node in NODES if node.name == "k8s-api-auth")
HAND_OVER = f"{PREFIX}kubernetes/join/{INSTANCE}"
OTHER_INSTANCE = "aws:///ap-northeast-2a/i-0aaaaaaaaaaaaaaaa"


@dataclass(frozen=True)
class Published:
    """A bundle whose pinned downloads are those of the pretend mirrors, and a CA."""

    bundle: Bundle
    authority: bytes
    ca_hash: str


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("authority")
    key, certificate = folder / "ca.key", folder / "ca.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=kubernetes", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    public = subprocess.run(
        ["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True, capture_output=True
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(versions, "HELM_SHA256", sha256(HELM_ARCHIVE))
        patch.setattr(versions, "ECR_CREDENTIAL_PROVIDER_SHA256", sha256(CREDENTIAL_PROVIDER))
        for name in ("CALICO_KINDS", "CALICO", "CLOUD_CONTROLLER", "ARGO_CD"):
            chart = getattr(versions, name)
            patch.setattr(versions, name, replace(chart, sha256=sha256(f"chart {chart.chart}".encode())))
        made = bootstrap.bundle(context())
    return Published(made, certificate.read_bytes(), f"sha256:{sha256(public.stdout)}")


@pytest.fixture
def node(tmp_path: Path, published: Published) -> NodeMachine:
    return make_node(tmp_path, published.bundle, published.authority)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, published: Published) -> Path:
    """A master that was booted once, to be copied."""
    folder = tmp_path_factory.mktemp("master")
    machine = make_node(folder, published.bundle, published.authority)
    result = boot(machine, MASTER, published.bundle)
    assert result.status == 0, result.output
    return folder


@pytest.fixture
def master(tmp_path: Path, standing: Path) -> NodeMachine:
    """k8s-master, standing, with what happened so far forgotten."""
    shutil.copytree(standing, tmp_path / "copy", symlinks=True)
    machine = NodeMachine(tmp_path / "copy/root", tmp_path / "copy/fake")
    machine.parameters = {f"{PREFIX}{name}": value for name, value in PARAMETERS.items()}
    machine.forget()
    return machine


def install(machine: NodeMachine, wanted: Node | None, bundle: Bundle) -> Result:
    """What cloud-init does: run the user data once."""
    encoded = (
        bootstrap.user_data(context(), wanted, bundle) if wanted else bootstrap.tenant_user_data(context(), bundle)
    )
    script = machine.fake / "user-data.sh"
    script.write_bytes(base64.b64decode(encoded))
    script.chmod(0o755)
    return machine.run(script)


def boot(machine: NodeMachine, wanted: Node | None, bundle: Bundle) -> Result:
    """The first boot: the user data, and then the service that it installs."""
    assert install(machine, wanted, bundle).status == 0
    return again(machine)


def again(machine: NodeMachine) -> Result:
    """A start of the service: after a failure, or at a boot."""
    return machine.run(machine.root / "usr/local/sbin/eco2-node", "run")


def hand_over(machine: NodeMachine, *, minutes: float = 20, text: str | None = None) -> None:
    """What k8s-master has written for this machine."""
    expires = (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = json.dumps({"token": TOKEN, "ca_hash": CA_HASH, "expires": expires})
    machine.parameters[HAND_OVER] = body if text is None else text


def save_snapshot(machine: NodeMachine, time: str, etcd: str = "keys of an earlier master", **changed: str) -> None:
    """A snapshot that an earlier master has sent."""
    packed = io.BytesIO()
    with tarfile.open(mode="w:gz", fileobj=packed) as archive:
        for name in ("ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "etcd/ca.crt", "etcd/ca.key"):
            content = f"earlier {name}\n".encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    sums = {"etcd.db": sha256(etcd.encode()), "authorities.tar.gz": sha256(packed.getvalue())}
    machine.object(SNAPSHOTS, f"snapshots/{time}/etcd.db").write_text(etcd)
    machine.object(SNAPSHOTS, f"snapshots/{time}/authorities.tar.gz").write_bytes(packed.getvalue())
    machine.object(SNAPSHOTS, f"snapshots/{time}/manifest.json").write_text("{}")
    for name, other in changed.items():
        machine.object(SNAPSHOTS, f"snapshots/{time}/{name.replace('_', '.')}").write_text(other)
    listed = "".join(f"{sum_}  {name}\n" for name, sum_ in sums.items())
    machine.object(CHECKSUMS, f"snapshots/{time}.sha256").write_text(listed)


def documents(machine: NodeMachine, name: str) -> dict[str, dict[str, object]]:
    """kubeadm's configuration as kubeadm was given it, by kind."""
    return {body["kind"]: body for body in yaml.safe_load_all((machine.fake / f"{name}.yaml").read_text())}


def arguments(section: object) -> dict[str, str]:
    assert isinstance(section, list)
    return {entry["name"]: entry["value"] for entry in section}


# --- the files


def test_shellcheck_finds_nothing() -> None:
    beside_python = Path(sys.executable).parent / "shellcheck"
    shellcheck = str(beside_python) if beside_python.exists() else shutil.which("shellcheck")
    if shellcheck is None:
        missing("shellcheck is not installed")
    # Everything, but for: settings that another file assigns, braces around every name, a default in every case, and
    # functions in conditions, where the scripts return their failures themselves.
    excluded = "SC2154,SC2249,SC2250,SC2310,SC2311,SC2312"
    alone = [f"--exclude={excluded},SC1091,SC2034,SC2153", *SCRIPTS]
    together = [f"--exclude={excluded}", "-x", "-a", "-P", REPOSITORY, bootstrap.FILES / "bootstrap.sh"]
    for choice in (alone, together):
        command = [str(shellcheck), "--enable=all", *map(str, choice)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_every_script_is_strict_about_failures() -> None:
    strict = {path.name for path in SCRIPTS if "set -euo pipefail" in path.read_text()}
    sourced = {"prepare.sh", "etcd.sh", "keys.sh", "control-plane.sh", "worker.sh", "addons.sh"}
    assert strict | sourced == {path.name for path in SCRIPTS}
    assert not strict & sourced
    for name in sourced:
        assert f'"$BUNDLE/{name}"' in (bootstrap.FILES / "bootstrap.sh").read_text()


def test_no_script_traces_what_it_does() -> None:
    for path in SCRIPTS:
        assert not re.search(r"set -[a-z]*x|xtrace|--v=|-v [5-9]", path.read_text()), path.name


# --- the bundle and the user data


def test_the_bundle_is_the_same_bytes_each_time() -> None:
    first, second = bootstrap.bundle(context()), bootstrap.bundle(context())
    assert first == second
    assert first.sha256 == sha256(first.content)
    assert first.key == f"bootstrap/{first.sha256}.tar.gz"


def test_the_bundle_depends_on_no_clock_and_no_user() -> None:
    made = bootstrap.bundle(context())
    assert made.content[4:8] == b"\0\0\0\0", "gzip's time"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(made.content))) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (0, 0, 0, "", "")
    }
    assert {member.mode for member in members if member.name.endswith(".sh")} == {0o755}


def test_another_setting_is_another_bundle() -> None:
    changed = context()
    kubernetes = changed.settings.kubernetes.model_copy(update={"snapshot_minutes": 15})
    changed = replace(changed, settings=changed.settings.model_copy(update={"kubernetes": kubernetes}))
    assert bootstrap.bundle(changed).key != bootstrap.bundle(context()).key


def test_a_placeholder_that_nobody_fills_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(bootstrap.FILES, tmp_path / "files")
    (tmp_path / "files/files/sysctl.conf").write_text("@SYSCTL_OF_NOBODY@\n")
    monkeypatch.setattr(bootstrap, "FILES", tmp_path / "files")
    with pytest.raises(ValueError, match=r"sysctl\.conf asks for SYSCTL_OF_NOBODY"):
        bootstrap.bundle(context())


@pytest.mark.parametrize("wanted", NODES, ids=lambda one: one.name)
def test_user_data_fits_and_says_who_the_node_is(wanted: Node) -> None:
    made = Bundle(content=b"", sha256="0" * 64, key="bootstrap/x.tar.gz")
    text = base64.b64decode(bootstrap.user_data(context(), wanted, made)).decode()
    assert text.startswith("#!/bin/bash\n")
    assert len(text.encode()) <= USER_DATA_LIMIT
    assert f"readonly NODE_NAME='{wanted.name}'\n" in text
    key = "node-role.kubernetes.io/control-plane" if wanted is MASTER else "node-restriction.kubernetes.io/dedicated"
    assert f'"key": "{key}"' in text


def test_a_tenants_worker_is_named_by_its_instance_and_has_no_taint(node: NodeMachine, published: Published) -> None:
    hand_over(node)
    result = boot(node, None, published.bundle)
    assert result.status == 0, result.output
    registration = documents(node, "kubeadm-join")["JoinConfiguration"]["nodeRegistration"]
    assert isinstance(registration, dict)
    assert registration["name"] == f"k8s-tenant-{INSTANCE}"
    assert registration["taints"] == []


# --- the loader


def test_user_data_installs_a_service_that_never_gives_up(node: NodeMachine, published: Published) -> None:
    result = install(node, AUTH, published.bundle)
    assert result.status == 0, result.output
    unit = node.read("etc/systemd/system/eco2-node.service")
    for line in (
        "Restart=on-failure",
        "StartLimitIntervalSec=0",
        "WantedBy=multi-user.target",
        "ExecStart=/usr/local/sbin/eco2-node run",
    ):
        assert line in unit.splitlines()
    assert ["systemctl", "enable", "eco2-node.service"] in node.calls()
    assert ["systemctl", "start", "--no-block", "eco2-node.service"] in node.calls()
    assert not node.calls("aws"), "cloud-init waits for nothing"


def test_a_bundle_with_another_checksum_is_not_run(node: NodeMachine, published: Published) -> None:
    node.object("eco2-test-bootstrap", published.bundle.key).write_bytes(published.bundle.content + b"x")
    result = boot(node, AUTH, published.bundle)
    assert result.status == 1
    assert f"is not the bundle that this node was made for (sha256 {published.bundle.sha256}): refused" in result.output
    assert not (node.root / "opt/eco2/bootstrap").exists()
    assert not node.calls("kubeadm")


def test_a_bundle_that_is_not_there_yet_is_waited_for(node: NodeMachine, published: Published) -> None:
    there = node.object("eco2-test-bootstrap", published.bundle.key)
    there.rename(node.fake / "later")
    node.stub("sleep", f'[ "$1" != 10 ] || cp "$FAKE/later" "{there}"')
    hand_over(node)
    result = boot(node, AUTH, published.bundle)
    assert result.status == 0, result.output
    assert [call[1] for call in node.calls("sleep")] == ["5", "10"]
    assert "(attempt 1 of 8, next one in 5s)" in result.output


def test_a_bundle_that_never_comes_says_what_to_look_at(node: NodeMachine, published: Published) -> None:
    node.object("eco2-test-bootstrap", published.bundle.key).unlink()
    result = boot(node, AUTH, published.bundle)
    assert result.status == 1
    assert "is it published, and may this node's role read it?" in result.output
    assert [call[1] for call in node.calls("sleep")] == ["5", "10", "20", "40", "60", "60", "60"]


# --- every node


def test_a_fresh_machine_is_prepared(master: NodeMachine, standing: Path) -> None:
    booted = NodeMachine(standing / "root", standing / "fake")
    calls = booted.calls()
    release = ["--releasever", versions.AMAZON_LINUX]
    (packages,) = [
        call for call in calls if call[:2] == ["dnf", "install"] and f"containerd-{versions.CONTAINERD}" in call
    ]
    assert packages[4:6] == release
    assert f"runc-{versions.RUNC}" in packages
    assert ["dnf", "versionlock", "--quiet", "add", "containerd", "runc"] in calls
    (kubernetes,) = [call for call in calls if call[0] == "dnf" and f"kubelet-{versions.KUBERNETES}" in call]
    assert kubernetes[4:] == [
        "--disableexcludes",
        "kubernetes",
        *(f"{p}-{versions.KUBERNETES}" for p in ("kubelet", "kubeadm", "kubectl")),
    ]
    repository = master.read("etc/yum.repos.d/kubernetes.repo")
    assert "baseurl=https://pkgs.k8s.io/core:/stable:/v1.36/rpm/\n" in repository
    assert "gpgcheck=1\n" in repository
    assert "gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-kubernetes\n" in repository
    assert master.read("etc/pki/rpm-gpg/RPM-GPG-KEY-kubernetes") == "the key"
    assert "exclude=kubelet kubeadm kubectl" in repository
    containerd = master.read("etc/containerd/config.toml")
    assert "SystemdCgroup = true" in containerd
    assert 'sandbox = "registry.k8s.io/pause:3.10.2"' in containerd
    sysctl = master.read("etc/sysctl.d/90-eco2.conf")
    for setting in (
        "net.bridge.bridge-nf-call-iptables = 1",
        "net.ipv4.ip_forward = 1",
        "fs.inotify.max_user_instances = 8192",
    ):
        assert setting in sysctl.splitlines()
    assert {call[1] for call in calls if call[0] == "modprobe"} == {"overlay", "br_netfilter", "wireguard"}
    assert ["swapoff", "--all"] in calls
    assert master.read("etc/fstab") == "UUID=1 / xfs defaults 0 0\n"


def test_images_come_from_ecr_with_the_nodes_own_role(master: NodeMachine) -> None:
    path = "usr/local/libexec/eco2/credential-providers/ecr-credential-provider"
    assert (master.root / path).read_bytes() == CREDENTIAL_PROVIDER
    assert master.mode(path) == 0o755
    (provider,) = yaml.safe_load(master.read("etc/eco2/credential-provider.yaml"))["providers"]
    assert provider["name"] == "ecr-credential-provider"
    assert provider["apiVersion"] == "credentialprovider.kubelet.k8s.io/v1"
    assert provider["matchImages"] == ["*.dkr.ecr.*.amazonaws.com"]


def test_a_download_with_another_checksum_is_not_installed(node: NodeMachine, published: Published) -> None:
    (node.fake / "downloads/ecr-credential-provider-linux-amd64").write_text("tampered")
    result = boot(node, AUTH, published.bundle)
    assert result.status == 1
    assert "does not match its pinned checksum" in result.output
    assert list((node.root / "usr/local/libexec/eco2/credential-providers").iterdir()) == []


@pytest.mark.parametrize(
    "fingerprint",
    ["0" * 40, "", f"{versions.KUBERNETES_KEY}:\npub:-:4096:1:0:0:0::-:::scSC::::::23::0:\nfpr:::::::::{'0' * 40}"],
    ids=["another", "none", "one more"],
)
def test_packages_that_another_key_signs_are_not_installed(
    node: NodeMachine, published: Published, fingerprint: str
) -> None:
    (node.fake / "fingerprint").write_text(fingerprint)
    result = boot(node, AUTH, published.bundle)
    assert result.status == 1
    assert f"not by {versions.KUBERNETES_KEY}, which is pinned: refused" in result.output
    assert not (node.root / "etc/pki/rpm-gpg/RPM-GPG-KEY-kubernetes").exists()
    assert not [call for call in node.calls("dnf") if f"kubelet-{versions.KUBERNETES}" in call]


def test_the_key_is_read_with_the_real_gpg(node: NodeMachine, published: Published, tmp_path: Path) -> None:
    """With a subkey, whose fingerprint counts for nothing."""
    if (gpg := shutil.which("gpg")) is None:
        missing("gpg is not installed")
    home = tmp_path / "g"
    home.mkdir(mode=0o700)
    alone = [gpg, "--homedir", str(home), "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run(
        [*alone, "--quick-generate-key", "Packages <p@example.com>", "default"], check=True, capture_output=True
    )
    key = subprocess.run([*alone, "--armor", "--export"], check=True, capture_output=True).stdout
    (node.fake / "downloads/repomd.xml.key").write_bytes(key)
    (node.fake / "bin/gpg").unlink()
    (node.fake / "bin/gpg").symlink_to(gpg)
    result = boot(node, AUTH, published.bundle)
    subprocess.run([str(Path(gpg).parent / "gpgconf"), "--homedir", str(home), "--kill", "all"], check=False)
    (listed,) = re.findall(r"packages are signed by (.*), not by", result.output)
    assert re.fullmatch(r"[0-9A-F]{40}", listed)


@pytest.mark.parametrize(("what", "change", "message"), [
    ("system", "ubuntu", "unsupported operating system 'ubuntu 24.04'"),
    ("architecture", "echo aarch64", "unsupported architecture 'aarch64'"),
])  # fmt: skip
def test_another_machine_is_refused(
    node: NodeMachine, published: Published, what: str, change: str, message: str
) -> None:
    if what == "system":
        (node.root / "etc/os-release").write_text(f'ID="{change}"\nVERSION_ID="24.04"\n')
    else:
        node.stub("uname", change)
    result = boot(node, AUTH, published.bundle)
    assert result.status == 1
    assert message in result.output
    assert not node.calls("dnf")


def test_a_node_that_cannot_encrypt_does_not_join(node: NodeMachine, published: Published) -> None:
    """Calico would send its pods' packets in the clear, and say so in a log alone."""
    hand_over(node)
    node.stub("modprobe", 'if [ "$1" = wireguard ]; then exit 1; fi')
    result = boot(node, AUTH, published.bundle)
    assert result.status == 1
    assert "has no WireGuard" in result.output
    assert not node.calls("kubeadm")


def test_a_package_mirror_that_recovers_is_asked_again(node: NodeMachine, published: Published) -> None:
    hand_over(node)
    node.stub("dnf", '[ -e "$FAKE/tried" ] || { touch "$FAKE/tried"; exit 1; }')
    assert boot(node, AUTH, published.bundle).status == 0
    assert ["sleep", "5"] in node.calls()


# --- the control plane


def test_the_master_stands_after_its_first_boot(master: NodeMachine, standing: Path) -> None:
    booted = NodeMachine(standing / "root", standing / "fake")
    (init,) = [call for call in booted.calls("kubeadm") if call[1] == "init"]
    assert init[2:] == [
        "--config",
        str(booted.root / "run/eco2/kubeadm.yaml"),
        "--skip-token-print",
        "--skip-certificate-key-print",
    ]
    assert not (master.root / "run/eco2/kubeadm.yaml").exists()
    for name in (
        "pki/sa.key",
        "pki/sa.pub",
        "encryption/config.yaml",
        "policies/audit.yaml",
        "policies/authentication.yaml",
    ):
        assert master.mode(f"etc/kubernetes/{name}") == 0o600
    assert master.read("etc/kubernetes/pki/sa.key") == SERVICE_ACCOUNT_KEY + "\n"
    assert_no_secret(booted)


def test_secrets_are_encrypted_in_etcd_with_the_key_from_ssm(master: NodeMachine) -> None:
    config = yaml.safe_load(master.read("etc/kubernetes/encryption/config.yaml"))
    (rule,) = config["resources"]
    assert rule["resources"] == ["secrets"]
    (key,) = rule["providers"][0]["secretbox"]["keys"]
    assert key["secret"] == ENCRYPTION_KEY
    assert rule["providers"][1:] == [{"identity": {}}]


def encryption_keys(master: NodeMachine) -> list[dict[str, str]]:
    (rule,) = yaml.safe_load(master.read("etc/kubernetes/encryption/config.yaml"))["resources"]
    keys: list[dict[str, str]] = rule["providers"][0]["secretbox"]["keys"]
    return keys


def test_a_new_encryption_key_comes_first_and_the_old_one_still_reads_until_it_is_dropped(master: NodeMachine) -> None:
    (old,) = encryption_keys(master)
    result = master.run(master.script("encryption-config.sh"), "rotate")
    assert result.status == 0, result.output
    new, second = encryption_keys(master)
    assert second == old, "etcd remembers a key by its name"
    assert len(base64.b64decode(new["secret"], validate=True)) == 32
    assert new["secret"] != old["secret"]
    assert "2 key(s)" in result.output
    assert new["secret"] not in result.output
    dropped = master.run(master.script("encryption-config.sh"), "drop")
    assert dropped.status == 0, dropped.output
    assert encryption_keys(master) == [new]
    assert_no_secret(master, result.output, dropped.output)


def test_an_encryption_key_of_another_size_is_refused(master: NodeMachine) -> None:
    master.parameters[f"{PREFIX}kubernetes/encryption-keys"] = base64.b64encode(b"short").decode()
    result = master.run(master.script("encryption-config.sh"), "again")
    assert result.status == 1
    assert "must be 32 bytes in base64; one is 5" in result.output


# --- the keys that a master makes


def public(pem: str) -> str:
    """The public half of the first private key in it, by openssl."""
    done = subprocess.run(["openssl", "pkey", "-pubout"], input=pem, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_master_of_a_new_cluster_makes_its_keys_and_keeps_them_encrypted(
    node: NodeMachine, published: Published
) -> None:
    node.parameters.clear()
    result = boot(node, MASTER, published.bundle)
    assert result.status == 0, result.output
    puts = [call for call in node.calls("aws") if call[1:3] == ["ssm", "put-parameter"]]
    assert {option(call, "--name") for call in puts} == {f"{PREFIX}{name}" for name in PARAMETERS}
    for call in puts:
        assert (option(call, "--type"), option(call, "--key-id")) == ("SecureString", "alias/eco2-prod")
        assert "--overwrite" not in call, "what another master has made is not lost"
    made = node.parameters[f"{PREFIX}kubernetes/service-account-keys"]
    assert node.read("etc/kubernetes/pki/sa.key").strip() == made
    assert node.read("etc/kubernetes/pki/sa.pub") == public(made)
    assert len(base64.b64decode(node.parameters[f"{PREFIX}kubernetes/encryption-keys"], validate=True)) == 32
    seen = [word for call in node.calls() for word in call] + [result.output]
    secrets = [made.splitlines()[3], node.parameters[f"{PREFIX}kubernetes/encryption-keys"]]
    assert not [text for text in seen if any(secret in text for secret in secrets)]
    assert list((node.root / "run/eco2").glob("value*")) == []


def test_two_keys_fit_a_standard_parameter() -> None:
    """4 KB (Parameter Store's quota for standard parameters)."""
    assert len(f"{SERVICE_ACCOUNT_KEY}\n{SERVICE_ACCOUNT_KEY}\n") <= 4096


def test_what_aws_verifies_tokens_with_is_published_as_the_api_server_has_it(standing: Path) -> None:
    booted = NodeMachine(standing / "root", standing / "fake")
    assert json.loads(booted.object("eco2-test-issuer", "openid/v1/jwks").read_text()) == {"keys": [{"kid": "first"}]}
    (put,) = [call for call in booted.calls("aws") if "s3://eco2-test-issuer/openid/v1/jwks" in call]
    assert option(put, "--content-type") == "application/json"
    assert option(put, "--cache-control") == "public, max-age=300", "or CloudFront keeps it for a day"


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_cluster_that_has_lost_a_key_gets_no_other(node: NodeMachine, published: Published, name: str) -> None:
    save_snapshot(node, "20260101T000000Z")
    node.parameters[f"{PREFIX}kubernetes/restore"] = f"{INSTANCE} latest"
    del node.parameters[f"{PREFIX}{name}"]
    result = boot(node, MASTER, published.bundle)
    assert result.status == 1
    assert f"the SSM parameter /eco2/prod/{name} is missing, and this cluster has data that needs it" in result.output
    assert "docs/runbooks/eco2-certificate-rotation.md" in result.output
    assert not [call for call in node.calls("kubeadm") if call[1] == "init"]
    assert not [call for call in node.calls("aws") if call[1:3] == ["ssm", "put-parameter"]]


def test_a_parameter_store_that_does_not_answer_makes_no_key(node: NodeMachine, published: Published) -> None:
    denied = node.fake / f"denied{PREFIX}kubernetes/service-account-keys"
    denied.parent.mkdir(parents=True)
    denied.touch()
    result = boot(node, MASTER, published.bundle)
    assert result.status == 1
    assert "may this node's role read and decrypt it?" in result.output
    assert not [call for call in node.calls("aws") if call[1:3] == ["ssm", "put-parameter"]]


def rotate(master: NodeMachine, command: str) -> Result:
    return master.run(master.script("service-account-keys.sh"), command)


def signing(master: NodeMachine) -> tuple[str, list[str]]:
    """The key that signs, and those that verify."""
    accepted = master.read("etc/kubernetes/pki/sa.pub").split("-----END PUBLIC KEY-----\n")[:-1]
    return public(master.read("etc/kubernetes/pki/sa.key")), [f"{one}-----END PUBLIC KEY-----\n" for one in accepted]


def test_the_signing_key_is_rotated_as_the_runbook_says(master: NodeMachine) -> None:
    old = public(SERVICE_ACCOUNT_KEY)
    assert signing(master) == (old, [old])
    outputs = [rotate(master, "add").output]
    first, (kept, new) = signing(master)
    assert (first, kept) == (old, old), "the old key signs until whoever verifies knows the new one"
    assert new != old
    two = '{"keys": [{"kid": "first"}, {"kid": "second"}]}'
    (master.fake / "jwks").write_text(two)
    early = rotate(master, "switch")
    assert early.status == 1
    assert "does not have both keys yet" in early.output
    assert signing(master) == (old, [old, new])
    (master.fake / "jwks-outside").write_text(two)
    outputs.append(rotate(master, "switch").output)
    assert signing(master) == (new, [new, old])
    outputs.append(rotate(master, "drop").output)
    assert signing(master) == (new, [new])
    assert public(master.parameters[f"{PREFIX}kubernetes/service-account-keys"]) == new
    uploads = [call for call in master.calls("aws") if "s3://eco2-test-issuer/openid/v1/jwks" in call]
    assert len(uploads) == 3
    assert (master.root / "etc/kubernetes/manifests/kube-apiserver.yaml").exists()
    assert_no_secret(master, *outputs)


def test_a_key_that_leaked_is_replaced_at_once(master: NodeMachine) -> None:
    (master.root / "var/lib/etcd/member/db").write_text("the cluster")
    result = rotate(master, "replace")
    assert result.status == 0, result.output
    signs, accepted = signing(master)
    assert [signs] == accepted
    assert signs != public(SERVICE_ACCOUNT_KEY)
    assert master.read("var/lib/etcd/member/db") == "the cluster"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("switch", "there are 1 key(s): `switch` wants 2"),
        ("drop", "there are 1 key(s): `drop` wants 2"),
        ("", "say what to do"),
        ("remove", "say what to do"),
    ],
)
def test_a_step_out_of_order_changes_nothing(master: NodeMachine, command: str, said: str) -> None:
    before = master.kept()
    result = rotate(master, command)
    assert result.status == 1
    assert said in result.output
    assert master.kept() == before


def test_a_control_plane_that_does_not_stop_is_left_with_the_keys_it_has(master: NodeMachine) -> None:
    master.stub("pgrep", "exit 0")
    result = rotate(master, "replace")
    assert result.status == 1
    assert signing(master)[0] == public(SERVICE_ACCOUNT_KEY)
    assert (master.root / "etc/kubernetes/manifests/kube-apiserver.yaml").exists()
    master.stub("pgrep", "exit 1")
    assert rotate(master, "again").status == 0
    assert signing(master)[0] == public(master.parameters[f"{PREFIX}kubernetes/service-account-keys"])


def test_the_api_server_is_configured_as_the_issue_asks(standing: Path) -> None:
    kinds = documents(NodeMachine(standing / "root", standing / "fake"), "kubeadm-init")
    cluster = kinds["ClusterConfiguration"]
    assert cluster["controlPlaneEndpoint"] == "k8s.eco2-prod.internal:6443"
    assert cluster["networking"] == {
        "podSubnet": "10.244.0.0/16",
        "serviceSubnet": "10.96.0.0/16",
        "dnsDomain": "cluster.local",
    }
    server = cluster["apiServer"]
    assert isinstance(server, dict)
    flags = arguments(server["extraArgs"])
    assert flags["service-account-issuer"] == "https://oidc.eco2.example.com"
    assert "sts.amazonaws.com" not in flags["api-audiences"], "a token for AWS is none for the API server"
    assert flags["audit-policy-file"] == "/etc/kubernetes/policies/audit.yaml"
    assert flags["encryption-provider-config"] == "/etc/kubernetes/encryption/config.yaml"
    assert flags["profiling"] == "false"
    assert flags["tls-min-version"] == "VersionTLS12"
    mounted = {volume["mountPath"] for volume in server["extraVolumes"]}
    for name in ("audit-policy-file", "authentication-config", "encryption-provider-config", "audit-log-path"):
        assert str(Path(flags[name]).parent) in mounted
    kubelet = kinds["KubeletConfiguration"]
    assert kubelet["clusterDNS"] == ["10.96.0.10"]
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}  # type: ignore[index]
    assert kubelet["authorization"] == {"mode": "Webhook"}
    for name in ("protectKernelDefaults", "rotateCertificates", "seccompDefault", "serverTLSBootstrap"):
        assert kubelet[name] is True
    assert kubelet["readOnlyPort"] == 0


def test_without_credentials_only_health_and_the_cluster_info_are_answered(master: NodeMachine) -> None:
    anonymous = yaml.safe_load(master.read("etc/kubernetes/policies/authentication.yaml"))["anonymous"]
    assert [condition["path"] for condition in anonymous["conditions"]] == [
        "/livez", "/readyz", "/healthz", "/api/v1/namespaces/kube-public/configmaps/cluster-info",
    ]  # fmt: skip


def test_the_audit_log_never_keeps_a_secrets_body() -> None:
    rules = yaml.safe_load((bootstrap.FILES / "files/audit-policy.yaml").read_text())["rules"]

    def level(group: str, resource: str, verb: str) -> str:
        for rule in rules:
            if {"users", "userGroups", "nonResourceURLs"} & rule.keys() or verb not in rule.get("verbs", [verb]):
                continue
            groups = rule.get("resources")
            if groups is None or any(
                one["group"] == group and resource in one.get("resources", [resource]) for one in groups
            ):
                return str(rule["level"])
        return "None"

    for resource in ("secrets", "configmaps", "serviceaccounts/token"):
        assert level("", resource, "create") == "Metadata"
    assert level("authentication.k8s.io", "tokenreviews", "create") == "Metadata"
    assert level("", "pods/exec", "create") == "Metadata"
    assert level("rbac.authorization.k8s.io", "clusterrolebindings", "create") == "RequestResponse"
    assert level("apps", "deployments", "patch") == "Metadata"


@pytest.mark.parametrize("wanted", [MASTER, AUTH], ids=lambda one: one.role)
def test_a_node_registers_with_its_name_taint_and_provider_id(
    node: NodeMachine, published: Published, wanted: Node, standing: Path
) -> None:
    if wanted is MASTER:
        body = documents(NodeMachine(standing / "root", standing / "fake"), "kubeadm-init")["InitConfiguration"]
    else:
        hand_over(node)
        assert boot(node, wanted, published.bundle).status == 0
        body = documents(node, "kubeadm-join")["JoinConfiguration"]
    registration = body["nodeRegistration"]
    assert isinstance(registration, dict)
    assert registration["name"] == wanted.name
    flags = arguments(registration["kubeletExtraArgs"])
    assert flags["provider-id"] == PROVIDER_ID
    assert flags["cloud-provider"] == "external"
    assert "node-labels" not in flags, "the master sets what places pods: a kubelet may not"
    assert flags["image-credential-provider-config"] == "/etc/eco2/credential-provider.yaml"
    (taint,) = registration["taints"]
    assert taint["effect"] == "NoSchedule"
    assert taint.get("value") == (None if wanted is MASTER else wanted.dedicated)


def test_a_second_boot_of_the_master_changes_nothing(master: NodeMachine) -> None:
    before = master.kept()
    result = again(master)
    assert result.status == 0, result.output
    assert master.kept() == before
    assert not [
        call
        for call in master.calls()
        if call[0] in ("dnf", "ctr") or call[:2] in (["kubeadm", "init"], ["kubeadm", "reset"])
    ]
    assert not [call for call in master.calls("helm") if call[1] == "upgrade"]
    assert not [call for call in master.calls("kubectl") if "apply" in call or ("delete" in call and "node" in call)]
    assert not [call for call in master.calls("systemctl") if call[1] in ("restart", "daemon-reload")]
    assert_no_secret(master, result.output)


def test_an_init_that_stops_before_etcd_starts_over(node: NodeMachine, published: Published) -> None:
    (node.fake / "init-dies-early").touch()
    first = boot(node, MASTER, published.bundle)
    assert first.status == 1
    assert "FAILED (exit 1) while: kubeadm init" in first.output
    assert not [call for call in node.calls("kubeadm") if call[1] == "reset"]
    second = again(node)
    assert second.status == 0, second.output
    assert [call[1] for call in node.calls("kubeadm") if call[1] in ("init", "reset")] == ["init", "reset", "init"]


def test_an_init_that_stops_after_etcd_goes_on_with_its_data(node: NodeMachine, published: Published) -> None:
    (node.fake / "init-dies-late").touch()
    assert boot(node, MASTER, published.bundle).status == 1
    (node.root / "var/lib/etcd/member/db").write_text("the cluster")
    second = again(node)
    assert second.status == 0, second.output
    assert node.read("var/lib/etcd/member/db") == "the cluster"
    inits = [call for call in node.calls("kubeadm") if call[1] == "init"]
    assert not [call for call in node.calls("kubeadm") if call[1] == "reset"]
    assert "DirAvailable--var-lib-etcd" not in " ".join(inits[0])
    assert "DirAvailable--var-lib-etcd" in option(inits[1], "--ignore-preflight-errors")


def test_a_machine_with_etcds_data_is_never_reset(master: NodeMachine) -> None:
    script = master.script("try.sh")
    script.write_text('#!/bin/bash\n. "$(dirname "$0")/lib.sh"\nreset_node\n')
    script.chmod(0o755)
    result = master.run(script)
    assert result.status == 1
    assert "refusing to reset this machine" in result.output
    assert not master.calls("kubeadm")


# --- Argo CD and what precedes it


def test_the_charts_are_installed_in_order_and_pinned(standing: Path) -> None:
    booted = NodeMachine(standing / "root", standing / "fake")
    pulls = [call for call in booted.calls("helm") if call[1] == "pull"]
    charts = first_charts.bootstrap_charts(context())
    assert [(call[2], option(call, "--repo"), option(call, "--version")) for call in pulls] == [
        (chart.chart, chart.repository, chart.version) for chart, _ in charts
    ]
    brought = {call[3]: call for call in booted.calls("helm") if call[1] == "upgrade"}
    brought |= {call[2]: call for call in booted.calls("helm") if call[1] == "template"}
    for chart, values in charts:
        call = brought[chart.release]
        assert f"{chart.chart}-{chart.version}.tgz" in {Path(word).name for word in call}
        assert option(call, "--namespace") == chart.namespace
        assert ("--wait" in call) is not chart.definitions
        assert json.loads(Path(option(call, "--values")).read_text()) == values


def test_the_networks_kinds_are_applied_server_side_before_their_first_object(standing: Path) -> None:
    booted = NodeMachine(standing / "root", standing / "fake")
    applied = next(call for call in booted.calls("kubectl") if "eco2-bootstrap" in call)
    assert {"--server-side", "-"} <= set(applied)
    assert (booted.fake / "definitions").read_text() == "definitions of calico-crds\n"
    first = min(index for index, call in enumerate(booted.calls()) if call[:2] == ["helm", "upgrade"])
    assert booted.calls().index(applied) < first


def test_a_chart_with_another_checksum_is_not_installed(node: NodeMachine, published: Published) -> None:
    (node.fake / "another-chart").touch()
    result = boot(node, MASTER, published.bundle)
    assert result.status == 1
    assert "is not the one that was recorded" in result.output
    assert not [call for call in node.calls("helm") if call[1] in ("template", "upgrade")]
    assert not (node.fake / "definitions").exists()


def test_a_chart_without_a_recorded_checksum_is_not_even_fetched(node: NodeMachine, published: Published) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(versions, "HELM_SHA256", sha256(HELM_ARCHIVE))
        patch.setattr(versions, "ECR_CREDENTIAL_PROVIDER_SHA256", sha256(CREDENTIAL_PROVIDER))
        patch.setattr(versions, "CALICO_KINDS", replace(versions.CALICO_KINDS, sha256=None))
        made = bootstrap.bundle(context())
    node.object("eco2-test-bootstrap", made.key).write_bytes(made.content)
    result = boot(node, MASTER, made)
    assert result.status == 1
    assert "no checksum of chart crd.projectcalico.org.v1 v3.32.2 is recorded" in result.output
    assert "make charts" in result.output
    assert not node.calls("helm")


def test_argo_cd_is_pointed_at_the_rendered_manifests(standing: Path) -> None:
    booted = NodeMachine(standing / "root", standing / "fake")
    (apply,) = [call for call in booted.calls("kubectl") if "eco2-bootstrap" in call and "-" not in call]
    files = [json.loads(Path(apply[index + 1]).read_text()) for index, word in enumerate(apply) if word == "--filename"]
    assert files == [
        projects.root_project(context()),
        projects.charts_project(context()),
        projects.root_application(context()),
    ]
    last_chart = max(index for index, call in enumerate(booted.calls()) if call[:2] == ["helm", "upgrade"])
    assert booted.calls().index(apply) > last_chart


def test_a_chart_whose_registry_is_down_is_tried_again(master: NodeMachine) -> None:
    shutil.rmtree(master.fake / "helm")
    shutil.rmtree(master.root / "var/lib/eco2/charts")
    (master.fake / "registry-is-down").touch()
    result = again(master)
    assert result.status == 0, result.output
    pulls = [call[2] for call in master.calls("helm") if call[1] == "pull"]
    installed = [chart for chart, _ in first_charts.bootstrap_charts(context()) if not chart.definitions]
    assert pulls == [installed[0].chart, *(chart.chart for chart in installed)]


def test_helm_with_another_checksum_is_not_run(node: NodeMachine, published: Published) -> None:
    (node.fake / "downloads/helm-v3.21.4-linux-amd64.tar.gz").write_bytes(b"tampered")
    result = boot(node, MASTER, published.bundle)
    assert result.status == 1
    assert "helm-v3.21.4-linux-amd64.tar.gz does not match its pinned checksum" in result.output
    assert not (node.root / "usr/local/bin/helm").exists()


# --- admission: what it decides is tried in test_eco2_admission.py, and against an attacker in tests/attacks/


def test_the_master_hands_a_token_of_its_own_to_a_machine_that_is_awaited(
    master: NodeMachine, published: Published
) -> None:
    result = admit(master, instance("k8s-api-auth", "i-0new", "api"))
    assert result.status == 0, result.output
    ((name, parameter),) = account(master)["parameters"].items()
    assert name == "/eco2/prod/kubernetes/join/i-0new"
    assert (parameter["type"], parameter["key"]) == ("SecureString", "alias/eco2-prod")
    assert parameter["tags"] == {
        "eco2.internal/instance": "arn:aws:ec2:ap-northeast-2:290008131187:instance/i-0new",
    }  # fmt: skip
    written = json.loads(parameter["value"])
    assert (written["token"], written["ca_hash"]) == (TOKEN, published.ca_hash)
    left = datetime.fromisoformat(written["expires"]) - datetime.now(UTC)
    assert timedelta(minutes=29) < left < timedelta(minutes=31)
    (create,) = [call for call in master.calls("kubeadm") if call[1] == "token"]
    assert option(create, "--groups") == "system:bootstrappers:eco2,system:bootstrappers:eco2:k8s-api-auth:i-0new"
    assert option(create, "--ttl") == "1800s"
    assert list((master.root / "run/eco2").glob("join*")) == []
    assert_no_secret(master, result.output)


def test_a_machine_that_joins_is_told_apart_by_the_program_that_the_timer_starts(master: NodeMachine) -> None:
    unit = master.read("etc/systemd/system/eco2-admission.service")
    assert "ExecStart=/usr/bin/python3 -I -S /opt/eco2/bootstrap/admission.py" in unit
    assert "RuntimeDirectory=eco2" in unit, "it may start before eco2-node makes the folder"


def test_a_master_that_ec2_does_not_have_lets_nobody_in(master: NodeMachine) -> None:
    result = admit(master, instance("k8s-api-auth", "i-0new", "api"), without_master=True)
    assert result.status == 1
    assert "EC2 does not have k8s-master" in result.output
    assert "Traceback" not in result.output
    assert account(master)["parameters"] == {}


def test_who_may_ask_to_join_is_said_once_and_nobody_approves_by_itself(standing: Path) -> None:
    calls = NodeMachine(standing / "root", standing / "fake").calls("kubectl")
    (access,) = [call for call in calls if "apply" in call and call[-1].endswith("files/join-access.yaml")]
    (removal,) = [call for call in calls if call[-1] == "kubeadm:node-autoapprove-bootstrap"]
    assert removal[3:5] == ["delete", "clusterrolebinding"]
    assert calls.index(removal) < calls.index(access)


def test_no_token_is_of_kubeadms_own_group(standing: Path) -> None:
    body = documents(NodeMachine(standing / "root", standing / "fake"), "kubeadm-init")["InitConfiguration"]
    assert body["bootstrapTokens"] == [{"ttl": "1m0s", "groups": ["system:bootstrappers:eco2"]}]


def instance(name: str, id_: str, role: str) -> dict[str, Any]:
    """What EC2 says of a machine that runs."""
    return {
        "InstanceId": id_,
        "VpcId": "vpc-0eco2",
        "State": {"Name": "running"},
        "IamInstanceProfile": {"Arn": f"arn:aws:iam::290008131187:instance-profile/eco2-prod-node-{role}"},
        "Tags": [{"Key": "Name", "Value": name}, {"Key": "kubernetes.io/cluster/eco2-prod", "Value": "owned"}],
    }


def admit(machine: NodeMachine, *instances: dict[str, Any], without_master: bool = False) -> Result:
    """A run of the program that the timer starts, with these machines in EC2 and the master's Node object in the cluster."""
    master = [] if without_master else [instance("k8s-master", INSTANCE, "control-plane")]
    (machine.fake / "account.json").write_text(json.dumps({"instances": [*master, *instances], "parameters": {}}))
    node = {"metadata": {"name": "k8s-master"}, "spec": {"providerID": PROVIDER_ID}}
    (machine.fake / "nodes.json").write_text(json.dumps({"items": [node]}))
    (machine.fake / "empty.json").write_text('{"items": []}')
    machine.stub(
        "aws",
        f'PYTHONPATH={REPOSITORY} PRETEND_AWS=$FAKE/account.json {sys.executable} -m tests.deploy.pretend_aws "$@"; exit',
    )
    machine.stub(
        "kubectl", 'case " $* " in *" get nodes "*) cat "$FAKE/nodes.json" ;; *" get "*) cat "$FAKE/empty.json" ;; esac'
    )
    return machine.run("python3", "-I", "-S", machine.script("admission.py"))


def account(machine: NodeMachine) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((machine.fake / "account.json").read_text())
    return read


def test_the_timers_run_as_often_as_is_added_up_and_as_the_settings_say(master: NodeMachine, standing: Path) -> None:
    assert f"OnUnitInactiveSec={ADMISSION_SECONDS}s" in master.read("etc/systemd/system/eco2-admission.timer")
    assert "OnUnitActiveSec=60min" in master.read("etc/systemd/system/eco2-etcd-snapshot.timer")
    for unit in ("eco2-admission", "eco2-etcd-snapshot"):
        (start,) = re.findall(
            r"ExecStart=.*/opt/eco2/bootstrap/(\S+)", master.read(f"etc/systemd/system/{unit}.service")
        )
        assert master.script(start).exists()
    started = ["systemctl", "enable", "--now", "eco2-admission.timer", "eco2-etcd-snapshot.timer"]
    assert started in NodeMachine(standing / "root", standing / "fake").calls()


# --- the workers


def test_a_worker_joins_with_the_pinned_authority(node: NodeMachine, published: Published) -> None:
    hand_over(node)
    result = boot(node, AUTH, published.bundle)
    assert result.status == 0, result.output
    discovery = documents(node, "kubeadm-join")["JoinConfiguration"]["discovery"]
    assert discovery == {
        "bootstrapToken": {
            "apiServerEndpoint": "k8s.eco2-prod.internal:6443", "token": TOKEN, "caCertHashes": [CA_HASH],
        }
    }  # fmt: skip
    (join,) = [call for call in node.calls("kubeadm") if call[1] == "join"]
    assert join[2:] == ["--config", str(node.root / "run/eco2/kubeadm.yaml")]
    assert not (node.root / "run/eco2/kubeadm.yaml").exists()
    assert result.output.rstrip().endswith("==> k8s-api-auth stands")
    assert_no_secret(node, result.output)
    for path, content in node.kept().items():
        assert TOKEN.encode() not in content, path


def test_a_worker_reads_nothing_but_the_hand_over(node: NodeMachine, published: Published) -> None:
    hand_over(node)
    assert boot(node, AUTH, published.bundle).status == 0
    assert {option(call, "--name") for call in node.calls("aws") if call[1] == "ssm"} == {HAND_OVER}


def test_a_second_boot_of_a_worker_changes_nothing(node: NodeMachine, published: Published) -> None:
    hand_over(node)
    assert boot(node, AUTH, published.bundle).status == 0
    before = node.kept()
    node.forget()
    result = again(node)
    assert result.status == 0, result.output
    assert node.kept() == before
    assert not node.calls("dnf")
    assert not [call for call in node.calls("kubeadm") if call[1] in ("join", "reset")]
    assert "joined already" in result.output


def test_a_worker_waits_for_the_control_plane_and_then_joins(node: NodeMachine, published: Published) -> None:
    hand_over(node)
    body = node.parameters.pop(HAND_OVER)
    (node.fake / "body").write_text(body)
    target = f"$FAKE/parameters{HAND_OVER}"
    node.stub("sleep", f'if [ "$1" = 20 ]; then mkdir -p "$(dirname "{target}")"; cp "$FAKE/body" "{target}"; fi')
    result = boot(node, AUTH, published.bundle)
    assert result.status == 0, result.output
    assert [call[1] for call in node.calls("sleep")] == ["5", "10", "20"]
    assert f"waiting for the control plane: k8s-master has not written {HAND_OVER} yet" in result.output
    assert "(attempt 1 of 12, next one in 5s)" in result.output
    assert "(attempt 3 of 12, next one in 20s)" in result.output


@pytest.mark.parametrize(
    ("minutes", "text", "reason"),
    [
        (-1, None, "expired at"),
        (20, "not json", "is not a token, a CA hash and a time"),
        (20, json.dumps({"token": "short", "ca_hash": CA_HASH, "expires": "2126-01-01T00:00:00Z"}), "is not a token"),
        (
            20,
            json.dumps({"token": TOKEN, "ca_hash": "sha256:abc", "expires": "2126-01-01T00:00:00Z"}),
            "is not a token",
        ),
        (20, json.dumps({"token": TOKEN, "ca_hash": CA_HASH, "expires": ""}), "is not a token"),
        (20, json.dumps({"token": TOKEN, "ca_hash": CA_HASH}), "is not a token"),
    ],
    ids=["expired", "no JSON", "bad token", "bad hash", "no time", "no field"],
)
def test_a_hand_over_that_is_no_good_is_refused_without_showing_it(
    node: NodeMachine, published: Published, minutes: float, text: str | None, reason: str
) -> None:
    hand_over(node, minutes=minutes, text=text)
    assert install(node, AUTH, published.bundle).status == 0
    result = node.run(node.root / "usr/local/sbin/eco2-node", "run", env={"JOIN_ATTEMPTS": "1"})
    assert result.status == 1
    assert reason in result.output
    assert "systemd starts this again in 30 seconds" in result.output
    assert not [call for call in node.calls("kubeadm") if call[1] == "join"]
    assert_no_secret(node, result.output)


def test_a_worker_waits_longer_and_longer_and_then_starts_over(node: NodeMachine, published: Published) -> None:
    result = boot(node, AUTH, published.bundle)
    assert result.status == 1
    assert [int(call[1]) for call in node.calls("sleep")] == [5, 10, 20, 40, *[60] * 7]
    assert "the control plane does not let this machine in: k8s-master has not written" in result.output


def test_a_join_that_stopped_half_way_is_reset_and_tried_again(node: NodeMachine, published: Published) -> None:
    hand_over(node)
    (node.fake / "join-fails").touch()
    first = boot(node, AUTH, published.bundle)
    assert first.status == 1
    assert not (node.root / "run/eco2/kubeadm.yaml").exists(), "the token does not stay"
    (node.fake / "join-fails").unlink()
    second = again(node)
    assert second.status == 0, second.output
    assert [call[1] for call in node.calls("kubeadm") if call[1] in ("join", "reset")] == ["join", "reset", "join"]
    assert_no_secret(node, first.output, second.output)


def test_a_node_that_replaces_a_lost_one_is_told_what_it_waits_for(node: NodeMachine, published: Published) -> None:
    result = boot(node, AUTH, published.bundle)
    assert result.status == 1
    assert "a Node object of k8s-api-auth may be left of a lost machine" in result.output


def test_a_kubelet_whose_node_object_is_gone_registers_again(node: NodeMachine, published: Published) -> None:
    hand_over(node)
    assert boot(node, AUTH, published.bundle).status == 0
    (node.fake / "registered").unlink()
    node.forget()
    result = again(node)
    assert result.status == 0, result.output
    assert ["systemctl", "restart", "kubelet"] in node.calls()
    assert (node.fake / "registered").read_text() == PROVIDER_ID


def test_a_node_object_of_another_machine_is_not_taken_over(node: NodeMachine, published: Published) -> None:
    hand_over(node)
    (node.fake / "registered").write_text(OTHER_INSTANCE)
    result = boot(node, AUTH, published.bundle)
    assert result.status == 1
    assert f"waiting for k8s-api-auth to be registered (1 of 30): {OTHER_INSTANCE}" in result.output
    assert "kubectl delete node k8s-api-auth" in result.output


# --- snapshots


def test_a_snapshot_is_checked_and_sent_encrypted_with_the_authorities(master: NodeMachine) -> None:
    result = master.run(master.script("etcd-snapshot.sh"))
    assert result.status == 0, result.output
    sent = master.objects(SNAPSHOTS)
    (time,) = {key.split("/")[1] for key in sent}
    assert re.fullmatch(r"\d{8}T\d{6}Z", time)
    assert sent == [f"snapshots/{time}/{name}" for name in ("authorities.tar.gz", "etcd.db", "manifest.json")]
    uploads = [call for call in master.calls("aws") if call[1:3] == ["s3api", "put-object"]]
    assert option(uploads[-1], "--key").endswith("/manifest.json"), "a snapshot without a manifest does not exist"
    for call in uploads:
        assert option(call, "--server-side-encryption") == "aws:kms"
        assert option(call, "--ssekms-key-id") == "alias/eco2-prod"
        assert option(call, "--if-none-match") == "*", "over nothing that is there"
        assert option(call, "--object-lock-mode") == "GOVERNANCE"
        left = datetime.fromisoformat(option(call, "--object-lock-retain-until-date")) - datetime.now(UTC)
        assert timedelta(days=13, hours=23) < left < timedelta(days=14, hours=1)
    assert master.objects(CHECKSUMS) == [f"snapshots/{time}.sha256"]
    assert master.object(CHECKSUMS, f"snapshots/{time}.sha256").read_text() == "".join(
        f"{sha256(master.object(SNAPSHOTS, f'snapshots/{time}/{name}').read_bytes())}  {name}\n"
        for name in ("etcd.db", "authorities.tar.gz")
    )
    with tarfile.open(master.object(SNAPSHOTS, f"snapshots/{time}/authorities.tar.gz")) as archive:
        assert set(archive.getnames()) == {
            "ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "etcd/ca.crt", "etcd/ca.key",
        }  # fmt: skip
    assert not (master.root / "var/lib/eco2/etcd").exists()
    (metric,) = (master.root / NODE_METRICS_FOLDER.lstrip("/")).iterdir()
    assert re.fullmatch(r"eco2_etcd_snapshot_last_success_timestamp_seconds \d{10}\n", metric.read_text())
    assert (metric.suffix, metric.stat().st_mode & 0o777) == (".prom", 0o644)


@pytest.mark.parametrize("content", ["corrupt bytes", ""], ids=["corrupt", "empty"])
def test_a_snapshot_that_does_not_pass_its_check_is_not_sent(master: NodeMachine, content: str) -> None:
    (master.fake / "etcd-content").write_text(content)
    result = master.run(master.script("etcd-snapshot.sh"))
    assert result.status == 1
    assert "the snapshot is corrupt or empty: it is not sent" in result.output
    assert master.objects(SNAPSHOTS) == master.objects(CHECKSUMS) == []
    assert not (master.root / "var/lib/eco2/etcd").exists()
    assert not (master.root / NODE_METRICS_FOLDER.lstrip("/")).exists()


# --- a new master, and restores


def test_a_new_master_does_not_start_an_empty_cluster_beside_snapshots(node: NodeMachine, published: Published) -> None:
    save_snapshot(node, "20260101T000000Z")
    save_snapshot(node, "20260102T000000Z")
    result = boot(node, MASTER, published.bundle)
    assert result.status == 1
    assert f"--name /eco2/prod/kubernetes/restore --value '{INSTANCE} latest'" in result.output
    assert "newest snapshot: 20260102T000000Z" in result.output
    assert not [call for call in node.calls("kubeadm") if call[1] == "init"]


def test_a_decision_for_another_instance_does_not_count(node: NodeMachine, published: Published) -> None:
    save_snapshot(node, "20260101T000000Z")
    node.parameters[f"{PREFIX}kubernetes/restore"] = "i-0aaaaaaaaaaaaaaaa latest"
    result = boot(node, MASTER, published.bundle)
    assert result.status == 1
    assert "a new, empty cluster is not made by itself" in result.output


@pytest.mark.parametrize("broken", ["aws", "parameter"])
def test_a_new_master_that_cannot_look_decides_nothing(node: NodeMachine, published: Published, broken: str) -> None:
    if broken == "aws":
        shutil.rmtree(node.fake / "s3" / SNAPSHOTS)
    else:
        save_snapshot(node, "20260101T000000Z")
        denied = node.fake / f"denied{PREFIX}kubernetes/restore"
        denied.parent.mkdir(parents=True)
        denied.touch()
    result = boot(node, MASTER, published.bundle)
    assert result.status == 1
    assert ("cannot list" if broken == "aws" else "cannot read the SSM parameter") in result.output
    assert not [call for call in node.calls("kubeadm") if call[1] == "init"]


def test_an_operator_can_decide_for_a_new_cluster(node: NodeMachine, published: Published) -> None:
    save_snapshot(node, "20260101T000000Z")
    node.parameters[f"{PREFIX}kubernetes/restore"] = f"{INSTANCE} new-cluster"
    result = boot(node, MASTER, published.bundle)
    assert result.status == 0, result.output
    assert not node.calls("ctr")


@pytest.mark.parametrize(("decision", "content"), [("latest", "newer keys"), ("20260101T000000Z", "older keys")])
def test_a_new_master_restores_what_was_decided(
    node: NodeMachine, published: Published, decision: str, content: str
) -> None:
    save_snapshot(node, "20260101T000000Z", "older keys")
    save_snapshot(node, "20260102T000000Z", "newer keys")
    node.object(SNAPSHOTS, "snapshots/20260103T000000Z/etcd.db").write_text("without a manifest")
    node.parameters[f"{PREFIX}kubernetes/restore"] = f"{INSTANCE} {decision}"
    (node.fake / "registered").write_text(OTHER_INSTANCE)
    result = boot(node, MASTER, published.bundle)
    assert result.status == 0, result.output
    assert node.read("var/lib/etcd/member/db") == content
    assert node.read("etc/kubernetes/pki/ca.key") == "earlier ca.key\n", "the nodes trust the old authority"
    assert node.read("etc/kubernetes/pki/sa.key") == SERVICE_ACCOUNT_KEY + "\n"
    (restore,) = [call for call in node.calls("ctr") if "restore" in call]
    assert option(restore, "--initial-cluster") == "k8s-master=https://10.2.32.5:2380"
    assert "--mark-compacted" in restore
    (init,) = [call for call in node.calls("kubeadm") if call[1:3] == ["init", "--config"]]
    assert "DirAvailable--var-lib-etcd" in option(init, "--ignore-preflight-errors")
    assert (node.fake / "registered").read_text() == PROVIDER_ID, "the Node object of the lost master is replaced"
    assert [call for call in node.calls("kubeadm") if call[1:4] == ["init", "phase", "mark-control-plane"]]


@pytest.mark.parametrize(
    ("etcd", "changed", "message"),
    [
        (
            "keys",
            {"etcd_db": "other keys"},
            "etcd.db of the snapshot 20260101T000000Z is not what s3://eco2-test-etcd-checksums",
        ),
        (
            "keys",
            {"authorities_tar_gz": "mine"},
            "authorities.tar.gz of the snapshot 20260101T000000Z is not what s3://",
        ),
        ("corrupt", {}, "etcdutl does not accept the snapshot"),
    ],
    ids=["etcd changed", "authorities changed", "corrupt"],
)
def test_a_snapshot_that_is_no_good_is_not_restored(
    node: NodeMachine, published: Published, etcd: str, changed: dict[str, str], message: str
) -> None:
    save_snapshot(node, "20260101T000000Z", etcd, **changed)
    node.parameters[f"{PREFIX}kubernetes/restore"] = f"{INSTANCE} latest"
    result = boot(node, MASTER, published.bundle)
    assert result.status == 1
    assert message in result.output
    assert not (node.root / "var/lib/etcd").exists()
    assert not [call for call in node.calls("kubeadm") if call[1] == "init"]


@pytest.mark.parametrize("sums", [None, "", "0" * 64 + "  another.db\n"], ids=["none", "empty", "of another file"])
def test_a_snapshot_without_its_checksums_is_not_restored(
    node: NodeMachine, published: Published, sums: str | None
) -> None:
    save_snapshot(node, "20260101T000000Z")
    kept = node.object(CHECKSUMS, "snapshots/20260101T000000Z.sha256")
    if sums is None:
        kept.unlink()
    else:
        kept.write_text(sums)
    node.parameters[f"{PREFIX}kubernetes/restore"] = f"{INSTANCE} latest"
    result = boot(node, MASTER, published.bundle)
    assert result.status == 1
    assert "refused; take another one" in result.output
    assert not (node.root / "var/lib/etcd").exists()


def test_a_manifest_with_other_checksums_does_not_help_who_put_other_bytes_there(
    node: NodeMachine, published: Published
) -> None:
    save_snapshot(node, "20260101T000000Z", etcd_db="an attacker's cluster")
    forged = {"etcd_sha256": sha256(b"an attacker's cluster")}
    node.object(SNAPSHOTS, "snapshots/20260101T000000Z/manifest.json").write_text(json.dumps(forged))
    node.parameters[f"{PREFIX}kubernetes/restore"] = f"{INSTANCE} latest"
    result = boot(node, MASTER, published.bundle)
    assert result.status == 1
    assert not (node.root / "var/lib/etcd").exists()


def test_a_standing_master_goes_back_and_keeps_the_data_of_now(master: NodeMachine) -> None:
    (master.root / "var/lib/etcd/member/db").write_text("data of now")
    save_snapshot(master, "20260101T000000Z", "older keys")
    own = master.read("etc/kubernetes/pki/ca.key")
    result = master.run(master.script("etcd-restore.sh"), "latest")
    assert result.status == 0, result.output
    assert master.read("var/lib/etcd/member/db") == "older keys"
    (kept,) = (master.root / "var/lib").glob("etcd.before-*")
    assert (kept / "member/db").read_text() == "data of now"
    assert master.read("etc/kubernetes/pki/ca.key") == own
    assert {path.name for path in (master.root / "etc/kubernetes/manifests").iterdir()} == {
        "etcd.yaml", "kube-apiserver.yaml", "kube-controller-manager.yaml", "kube-scheduler.yaml",
    }  # fmt: skip


def test_a_restore_that_fails_leaves_the_control_plane_as_it_was(master: NodeMachine) -> None:
    (master.root / "var/lib/etcd/member/db").write_text("data of now")
    save_snapshot(master, "20260101T000000Z")
    master.stub("pgrep", "exit 0")
    result = master.run(master.script("etcd-restore.sh"), "latest")
    assert result.status == 1
    assert "etcd or the API server still runs: nothing was changed" in result.output
    assert master.read("var/lib/etcd/member/db") == "data of now"
    assert (master.root / "etc/kubernetes/manifests/etcd.yaml").exists()


def test_a_snapshot_that_does_not_exist_is_answered_with_those_that_do(master: NodeMachine) -> None:
    save_snapshot(master, "20260101T000000Z")
    result = master.run(master.script("etcd-restore.sh"), "20260101T0000")
    assert result.status == 1
    assert "there is no complete snapshot '20260101T0000'" in result.output
    assert "there are: 20260101T000000Z" in result.output
    listed = master.run(master.script("etcd-restore.sh"), "list")
    assert listed.output == "20260101T000000Z\n"


# --- certificates and upgrades


def test_certificates_are_renewed_around_a_saved_etcd(master: NodeMachine) -> None:
    result = master.run(master.script("renew-certificates.sh"))
    assert result.status == 0, result.output
    assert len(master.objects(SNAPSHOTS)) == 3
    assert ["kubeadm", "certs", "renew", "all"] in master.calls()
    assert (master.root / "etc/kubernetes/manifests/kube-apiserver.yaml").exists()


def test_a_snapshot_that_fails_stops_the_renewal(master: NodeMachine) -> None:
    (master.fake / "etcd-content").write_text("corrupt")
    assert master.run(master.script("renew-certificates.sh")).status == 1
    assert ["kubeadm", "certs", "renew", "all"] not in master.calls()


def test_the_master_is_upgraded_after_a_snapshot(master: NodeMachine) -> None:
    result = master.run(master.script("upgrade-node.sh"), "1.37.1")
    assert result.status == 0, result.output
    assert len(master.objects(SNAPSHOTS)) == 3
    assert "baseurl=https://pkgs.k8s.io/core:/stable:/v1.37/rpm/\n" in master.read("etc/yum.repos.d/kubernetes.repo")
    assert ["kubeadm", "upgrade", "apply", "v1.37.1", "--yes"] in master.calls()
    assert [call[-1] for call in master.calls("dnf")] == ["kubeadm-1.37.1", "kubectl-1.37.1"]
    master.forget()
    result = again(master)
    assert result.status == 0, result.output
    assert not master.calls("dnf"), "a later boot does not take the upgrade back"


def test_a_worker_is_upgraded_by_its_own_configuration(node: NodeMachine, published: Published) -> None:
    hand_over(node)
    assert boot(node, AUTH, published.bundle).status == 0
    result = node.run(node.script("upgrade-node.sh"), "1.36.4")
    assert result.status == 0, result.output
    assert ["kubeadm", "upgrade", "node"] in node.calls()
    assert not [call for call in node.calls("kubeadm") if call[1:3] == ["upgrade", "apply"]]


@pytest.mark.parametrize("version", ["", "latest", "v1.36.4", "1.36"])
def test_an_upgrade_wants_a_whole_version(master: NodeMachine, version: str) -> None:
    result = master.run(master.script("upgrade-node.sh"), version)
    assert result.status == 1
    assert "say which version" in result.output
    assert not master.calls("dnf")


# --- the runbooks


def runbooks() -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(RUNBOOKS.glob("eco2-*.md")) if path.name in OWN_RUNBOOKS}


OWN_RUNBOOKS = (
    "eco2-certificate-rotation.md",
    "eco2-control-plane-restore.md",
    "eco2-kubernetes-upgrade.md",
    "eco2-node-loss.md",
)


def test_there_is_a_runbook_for_each_of_the_four() -> None:
    assert tuple(runbooks()) == OWN_RUNBOOKS


@pytest.mark.parametrize("name", OWN_RUNBOOKS)
def test_every_script_that_a_runbook_names_is_on_the_node(master: NodeMachine, name: str) -> None:
    text = runbooks()[name]
    for script in re.findall(r"/opt/eco2/bootstrap/([\w.-]+)", text):
        assert master.script(script).exists(), script
        assert master.mode(f"opt/eco2/bootstrap/{script}") & 0o100, script


@pytest.mark.parametrize("name", OWN_RUNBOOKS)
def test_every_unit_that_a_runbook_names_is_installed(master: NodeMachine, name: str) -> None:
    commands = r"(?:--unit|start|restart|list-timers|timer) (eco2-[\w-]+(?:\.timer)?)"
    for unit in re.findall(commands, runbooks()[name]):
        file = unit if unit.endswith(".timer") else f"{unit}.service"
        assert (master.root / "etc/systemd/system" / file).exists(), unit


@pytest.mark.parametrize("name", OWN_RUNBOOKS)
def test_every_parameter_that_a_runbook_names_is_one_that_a_script_reads_or_writes(name: str) -> None:
    scripts = "".join(path.read_text() for path in SCRIPTS)
    for parameter in re.findall(r"/eco2/prod/(kubernetes/[\w-]+)", runbooks()[name]):
        assert re.search(rf"{parameter}(?![\w-])", scripts), parameter


@pytest.mark.parametrize("name", OWN_RUNBOOKS)
def test_every_page_that_a_runbook_points_to_exists(name: str) -> None:
    for page in re.findall(r"\]\(([\w-]+\.md)\)", runbooks()[name]):
        assert (RUNBOOKS / page).exists(), page
    for page in re.findall(r"`((?:infra|tools|docs)/[\w/.-]+)`", runbooks()[name]):
        assert (REPOSITORY / page).exists(), page


def test_every_runbook_that_a_script_names_exists() -> None:
    named = {page for path in SCRIPTS for page in re.findall(r"docs/runbooks/[\w-]+\.md", path.read_text())}
    assert len(named) >= 3
    for page in named:
        assert (REPOSITORY / page).exists(), page


def test_the_restore_runbook_says_what_the_master_asks_for(node: NodeMachine, published: Published) -> None:
    save_snapshot(node, "20260101T000000Z")
    asked = re.findall(r"aws ssm put-parameter .*--value '", boot(node, MASTER, published.bundle).output)
    assert len(asked) == 1
    assert asked[0] in runbooks()["eco2-control-plane-restore.md"]
