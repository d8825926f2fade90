"""A pretend EC2 instance: eco2's bootstrap really runs on it, with stand-ins for the host's tools, S3 and the Parameter Store."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.names import Names
from infra.settings.eco2 import IMAGES, Eco2, GitOps
from infra.settings.model import Network
from infra.systems.eco2 import versions
from infra.systems.eco2.bootstrap import Bundle
from infra.systems.eco2.context import Context
from tests.deploy.pretend_machine import RECORDER, Machine, Result

TOOLS = (
    "dnf", "rpm", "systemctl", "modprobe", "sysctl", "swapoff", "curl", "aws", "kubeadm", "kubectl", "ctr", "pgrep", "sleep",
    "uname", "gpg",
)  # fmt: skip

INSTANCE = "i-0123456789abcdef0"
PROVIDER_ID = f"aws:///ap-northeast-2a/{INSTANCE}"
PREFIX = "/eco2/prod/"
SNAPSHOTS, CHECKSUMS = "eco2-test-etcd-snapshots", "eco2-test-etcd-checksums"

TOKEN = "abcdef.0123456789abcdef"
CA_HASH = f"sha256:{'0123456789abcdef' * 4}"
ENCRYPTION_KEY = "c2VjcmV0LWVuY3J5cHRpb24ta2V5LTMyLWJ5dGVzISE="


def signing_key() -> str:
    """As openssl makes one."""
    made = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.decode().strip()


SERVICE_ACCOUNT_KEY = signing_key()
SECRETS = (TOKEN, SERVICE_ACCOUNT_KEY.splitlines()[3], ENCRYPTION_KEY, "imds-session-token")

PARAMETERS = {
    "kubernetes/service-account-keys": SERVICE_ACCOUNT_KEY,
    "kubernetes/encryption-keys": ENCRYPTION_KEY,
}
"""What a master of before has made."""

AWS = r"""
value() { # OPTION, of the call's arguments
  local wanted=$1 previous=""
  shift
  for word in "$@"; do
    if [ "$previous" = "$wanted" ]; then echo "$word"; return; fi
    previous=$word
  done
}
if [ -e "$FAKE/aws-is-down" ]; then echo "Could not connect to the endpoint URL" >&2; exit 255; fi
case "$1 $2" in
  "ssm get-parameter")
    name=$(value --name "$@")
    if [ -e "$FAKE/denied$name" ]; then echo "An error occurred (AccessDeniedException)" >&2; exit 254; fi
    if [ ! -e "$FAKE/parameters$name" ]; then echo "An error occurred (ParameterNotFound)" >&2; exit 254; fi
    cat "$FAKE/parameters$name"
    echo
    ;;
  "ssm put-parameter")
    text=$(value --value "$@") name=$(value --name "$@")
    case " $* " in
      *" --overwrite "*) ;;
      *) if [ -e "$FAKE/parameters$name" ]; then echo "An error occurred (ParameterAlreadyExists)" >&2; exit 254; fi ;;
    esac
    for place in written parameters; do
      mkdir -p "$FAKE/$place$(dirname "$name")"
      cp "${text#file://}" "$FAKE/$place$name"
    done
    ;;
  "s3 cp")
    from=${*: -2:1} to=${*: -1}
    for word in from to; do
      case ${!word} in s3://*) printf -v "$word" '%s' "$FAKE/s3/${!word#s3://}" ;; esac
    done
    if [ ! -e "$from" ]; then echo "fatal error: An error occurred (404) when calling HeadObject" >&2; exit 1; fi
    mkdir -p "$(dirname "$to")"
    cp "$from" "$to"
    ;;
  "s3api put-object")
    to=$FAKE/s3/$(value --bucket "$@")/$(value --key "$@")
    if [ -e "$to" ]; then echo "An error occurred (PreconditionFailed) when calling the PutObject operation" >&2; exit 254; fi
    mkdir -p "$(dirname "$to")"
    cp "$(value --body "$@")" "$to"
    ;;
  "s3api list-objects-v2")
    cd "$FAKE/s3/$(value --bucket "$@")" || exit 254
    found=$(find . -type f | sed 's#^\./##' | sort | tr '\n' '\t')
    echo "${found:-None}"
    ;;
  *) echo "unexpected: aws $*" >&2; exit 2 ;;
esac
"""

CURL = r"""
case "${*: -1}" in
  */openid/v1/jwks) cat "$FAKE/jwks-outside" ;;
  */latest/api/token) echo imds-session-token ;;
  */meta-data/*)
    read -r header
    [ "$header" = "X-aws-ec2-metadata-token: imds-session-token" ] || exit 22
    cat "$FAKE/imds/$(basename "${*: -1}")"
    ;;
  *)
    while [ $# -gt 1 ]; do
      if [ "$1" = --output ]; then out=$2; fi
      shift
    done
    cp "$FAKE/downloads/$(basename "$1")" "$out"
    ;;
esac
"""

RPM = r"""
for package in "$@"; do
  case $package in
    --*) ;;
    *) compgen -G "$FAKE/rpm/$package" >/dev/null || compgen -G "$FAKE/rpm/$package-[0-9]*" >/dev/null || exit 1 ;;
  esac
done
"""

DNF = r"""
if [ "$1" = install ]; then
  shift
  for word in "$@"; do
    case $word in --* | dnf-command* | kubernetes | 2023.*) ;; *) touch "$FAKE/rpm/$word" ;; esac
  done
fi
"""

KUBEADM = r"""
kubernetes=$ROOT/etc/kubernetes
config() { # keeps what --config names
  while [ $# -gt 0 ]; do
    if [ "$1" = --config ]; then cp "$2" "$FAKE/$name.yaml"; fi
    shift
  done
}
case "$1 $2" in
  "config images")
    [ "$3" = list ] && printf 'registry.k8s.io/%s\n' kube-apiserver:v1.36.3 pause:3.10.2 etcd:3.6.8-0
    ;;
  "init phase") ;;
  init\ *)
    name=kubeadm-init config "$@"
    [ -s "$kubernetes/pki/sa.key" ] && [ -s "$kubernetes/pki/sa.pub" ] || { echo "no service account key"; exit 1; }
    for file in encryption/config policies/audit policies/authentication; do
      [ -s "$kubernetes/$file.yaml" ] || { echo "no $file"; exit 1; }
    done
    mkdir -p "$kubernetes/manifests" "$kubernetes/pki/etcd"
    touch "$kubernetes/manifests/"{etcd,kube-apiserver,kube-controller-manager,kube-scheduler}.yaml "$kubernetes/kubelet.conf"
    if [ -e "$FAKE/init-dies-early" ]; then rm "$FAKE/init-dies-early"; echo "preflight"; exit 1; fi
    mkdir -p "$ROOT/var/lib/etcd/member"
    [ -e "$kubernetes/pki/ca.crt" ] || cp "$FAKE/ca.crt" "$kubernetes/pki/ca.crt"
    for file in ca.key front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key; do
      [ -e "$kubernetes/pki/$file" ] || echo "authority $file" >"$kubernetes/pki/$file"
    done
    if [ -e "$FAKE/init-dies-late" ]; then rm "$FAKE/init-dies-late"; echo "timed out"; exit 1; fi
    touch "$kubernetes/admin.conf"
    [ -e "$FAKE/registered" ] || cat "$FAKE/provider-id" >"$FAKE/registered"
    ;;
  join\ *)
    name=kubeadm-join config "$@"
    mkdir -p "$kubernetes/pki"
    if [ -e "$FAKE/join-fails" ]; then touch "$kubernetes/bootstrap-kubelet.conf"; echo "error: discovery"; exit 1; fi
    echo conf >"$kubernetes/kubelet.conf"
    touch "$kubernetes/pki/ca.crt"
    [ -e "$FAKE/registered" ] || cat "$FAKE/provider-id" >"$FAKE/registered"
    ;;
  "token create") cat "$FAKE/token" ;;
  reset\ *) rm -rf "$kubernetes/manifests" "$kubernetes/"*.conf "$kubernetes/pki" "$ROOT/var/lib/etcd" ;;
esac
"""

KUBECTL = r"""
case " $* " in
  *" get node "*)
    if [ -s "$FAKE/registered" ]; then cat "$FAKE/registered"; else
      case " $* " in *" --ignore-not-found "*) exit 0 ;; esac
      echo 'Error from server (NotFound): nodes "x" not found' >&2
      exit 1
    fi
    ;;
  *" get --raw /openid/v1/jwks "*) cat "$FAKE/jwks" ;;
  *" delete node "*) rm -f "$FAKE/registered" ;;
  *" get applications.argoproj.io "*) [ -e "$FAKE/applied" ] || exit 1 ;;
  *" apply "*" eco2-bootstrap --filename - "*) cat >"$FAKE/definitions" ;;
  *" apply "*root-application*) touch "$FAKE/applied" ;;
esac
"""

# A kubelet that starts registers the instance where no Node object is; the cloud controller removes the lost node in the end.
SYSTEMCTL = r"""
case "$*" in
  "restart kubelet" | "start kubelet") [ -s "$FAKE/registered" ] || cat "$FAKE/provider-id" >"$FAKE/registered" ;;
esac
"""

CTR = r"""
work=$ROOT/var/lib/eco2/etcd
case " $* " in
  *" images list "*) echo registry.k8s.io/etcd:3.6.8-0 ;;
  *" snapshot save "*) cat "$FAKE/etcd-content" >"$work/etcd.db" ;;
  *" snapshot status "*)
    if grep -q corrupt "$work/etcd.db"; then echo "snapshot file integrity check failed" >&2; exit 1; fi
    printf '{"hash":1,"revision":7,"totalKey":%s,"totalSize":9}\n' "$(wc -w <"$work/etcd.db")"
    ;;
  *" snapshot restore "*) mkdir -p "$work/restored/member" && cp "$work/etcd.db" "$work/restored/member/db" ;;
esac
"""

HELM = r"""
case "$1" in
  list)
    for release in "$FAKE/helm/"*; do
      if [ -e "$release" ] && [ "$7" = "^${release##*/}\$" ]; then echo "${release##*/}"; fi
    done
    exit 0
    ;;
  pull)
    if [ -e "$FAKE/registry-is-down" ]; then rm "$FAKE/registry-is-down"; echo "Error: no such host" >&2; exit 1; fi
    if [ -e "$FAKE/another-chart" ]; then echo "another chart"; else printf '%s' "chart $2"; fi >"$8/$2-$6.tgz"
    ;;
  template) echo "definitions of $2" ;;
  upgrade)
    mkdir -p "$FAKE/helm" && touch "$FAKE/helm/$3"
    ;;
esac
"""

GPG = """
cat <<KEYS
pub:-:4096:1:234654DA9A296436:1661353228:1798513653::-:::scSC::::::23::0:
fpr:::::::::$(cat "$FAKE/fingerprint"):
uid:-::::1661353228::0000000000000000000000000000000000000000::isv\\x3akubernetes OBS Project::::::::::0:
KEYS
"""

STUBS = {
    "aws": AWS, "curl": CURL, "rpm": RPM, "dnf": DNF, "kubeadm": KUBEADM, "kubectl": KUBECTL, "systemctl": SYSTEMCTL, "ctr": CTR,
    "helm": HELM, "gpg": GPG, "pgrep": "exit 1", "uname": "echo x86_64",
}  # fmt: skip


def helm_archive() -> bytes:
    """What get.helm.sh serves: an archive with the program in it, here the recording stand-in."""
    content = RECORDER.encode()
    packed = io.BytesIO()
    with tarfile.open(mode="w:gz", fileobj=packed) as archive:
        entry = tarfile.TarInfo("linux-amd64/helm")
        entry.size, entry.mode = len(content), 0o755
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


CREDENTIAL_PROVIDER = b"#!/bin/bash\necho pretend credential provider\n"
HELM_ARCHIVE = helm_archive()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def context() -> Context:
    """The context of a stack `prod` with its own names."""
    settings = Eco2(
        domain="eco2.example.com",
        bucket_prefix="eco2-test",
        network=Network(cidr="10.2.0.0/16", zones={"a": 0, "c": 1, "d": 2}, nat="single"),
        gitops=GitOps(repository="https://github.com/example/edge-platform"),
        images=dict.fromkeys(IMAGES, "1.0.0"),
    )
    return Context(
        settings=settings,
        names=Names(system="eco2", stack="prod"),
        account="290008131187",
        region="ap-northeast-2",
        protect=True,
        tags={},
    )


@dataclass
class NodeMachine(Machine):
    """A machine with an instance's metadata, an object store and a package database."""

    def run(self, *command: Path | str, env: Mapping[str, str] | None = None) -> Result:
        """What is written to the Parameter Store is there the next time."""
        result = super().run(*command, env=env)
        written = self.fake / "written"
        self.parameters |= {
            f"/{path.relative_to(written)}": path.read_text().rstrip("\n")
            for path in written.rglob("*")
            if path.is_file()
        }
        return result

    def object(self, bucket: str, key: str) -> Path:
        path = self.fake / "s3" / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def script(self, name: str) -> Path:
        return self.root / "opt/eco2/bootstrap" / name

    def objects(self, bucket: str) -> list[str]:
        base = self.fake / "s3" / bucket
        return sorted(str(path.relative_to(base)) for path in base.rglob("*") if path.is_file())

    def kept(self) -> dict[str, bytes]:
        """Every file of the machine but its locks and logs, by path."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }


def make_node(tmp_path: Path, bundle: Bundle, authority: bytes) -> NodeMachine:
    """A fresh Amazon Linux 2023 instance, and a published bundle."""
    root, fake = tmp_path / "root", tmp_path / "fake"
    for folder in ("etc", "dev", "run", "root", "tmp", "var/lib", "opt"):
        (root / folder).mkdir(parents=True)
    for folder in ("bin", "imds", "downloads", "rpm", "s3/eco2-test-etcd-snapshots"):
        (fake / folder).mkdir(parents=True)
    (root / "etc/os-release").write_text('NAME="Amazon Linux"\nID="amzn"\nVERSION_ID="2023"\n')
    (root / "etc/fstab").write_text("UUID=1 / xfs defaults 0 0\n/swapfile none swap sw 0 0\n")
    recorder = fake / "recorder"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    for tool in TOOLS:
        (fake / "bin" / tool).symlink_to(recorder)
    (fake / "bin/python3").symlink_to(shutil.which("python3", path=os.path.dirname(sys.executable)) or sys.executable)
    machine = NodeMachine(root, fake, {f"{PREFIX}{name}": value for name, value in PARAMETERS.items()})
    for tool, body in STUBS.items():
        machine.stub(tool, body)
    files = {
        "imds/instance-id": INSTANCE,
        "imds/local-ipv4": "10.2.32.5",
        "imds/availability-zone": "ap-northeast-2a",
        "provider-id": PROVIDER_ID,
        "token": TOKEN,
        "etcd-content": "many keys of the cluster",
        "fingerprint": versions.KUBERNETES_KEY,
        "downloads/repomd.xml.key": "the key",
        "jwks": '{"keys": [{"kid": "first"}]}',
        "jwks-outside": '{"keys": [{"kid": "first"}]}',
    }
    for name, text in files.items():
        (fake / name).write_text(text)
    (fake / "ca.crt").write_bytes(authority)
    (fake / "downloads/helm-v3.21.4-linux-amd64.tar.gz").write_bytes(HELM_ARCHIVE)
    (fake / "downloads/ecr-credential-provider-linux-amd64").write_bytes(CREDENTIAL_PROVIDER)
    machine.object("eco2-test-bootstrap", bundle.key).write_bytes(bundle.content)
    return machine


def assert_no_secret(machine: Machine, *outputs: str) -> None:
    """No secret in any recorded argument or in anything printed."""
    seen = [argument for call in machine.calls() for argument in call] + list(outputs)
    for text in seen:
        for secret in SECRETS:
            assert secret not in text, f"a secret shows in: {text}"


def option(call: Sequence[str], name: str) -> str:
    """The word after an option."""
    return call[call.index(name) + 1]
