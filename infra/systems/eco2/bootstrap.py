"""What eco2's machines run to become nodes, put together from the files under deploy/eco2/bootstrap/ (eco2.md: 노드 배치).

A node's user data is a small loader: it fetches the bundle that this module makes, by its checksum, and runs it. Neither holds a
secret: those are in the Parameter Store, and each node's role says which of them it may read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shlex
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from infra.components.aws.scripts import render_user_data
from infra.systems.eco2 import first_charts, projects, versions
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import CONTROL_PLANE_TAINT, DEDICATED, INSTANCE_TAG, NODES, ROLE_LABEL, Node
from infra.systems.eco2.network import cluster_tag
from infra.systems.eco2.placement import TENANT

FILES = Path(__file__).parents[3] / "deploy" / "eco2" / "bootstrap"

CIPHERS = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
"""What TLS 1.2 may use on the control plane and the kubelets; TLS 1.3 chooses for itself."""

AT_RUN_TIME = frozenset(
    {
        "NODE_NAME", "NODE_IP", "PROVIDER_ID", "NODE_TAINTS",
        "TOKEN", "CA_HASH", "ENCRYPTION_KEYS", "PAUSE_IMAGE",
    }
)  # fmt: skip
"""The placeholders that a node fills itself; every other is filled here."""

CONTROL_PLANE, TENANTS = "control-plane", "tenants"
"""The master's role, and the label of the tenants' group."""

_PLACEHOLDER = re.compile(r"@([A-Z0-9_]+)@")


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A tar.gz with all that a node runs: `key` is where it goes in the bootstrap bucket, and changes with its content."""

    content: bytes
    sha256: str
    key: str


def bundle(context: Context) -> Bundle:
    """The scripts, the rendered configuration, and the values of the charts that precede Argo CD; the same bytes each time."""
    content = _archive({**_scripts(), **rendered(context), **_platform(context)})
    digest = hashlib.sha256(content).hexdigest()
    return Bundle(content=content, sha256=digest, key=f"bootstrap/{digest}.tar.gz")


def user_data(context: Context, node: Node, made: Bundle) -> str:
    """The user data of one of the documented nodes, base64: it registers with its name and its taint."""
    return _user_data(context, node_settings(node), made)


def tenant_user_data(context: Context, made: Bundle) -> str:
    """The user data of the workers for the mesh's tenants, base64: they are named by their instance, and take every pod."""
    return _user_data(context, node_settings(None), made)


def node_settings(node: Node | None) -> dict[str, str]:
    """What makes a node different from another; None is a tenants' worker. The taints are JSON, which YAML contains."""
    return {
        "NODE_NAME": node.name if node else "",
        "NODE_ROLE": node.role if node else TENANT,
        "NODE_TAINTS": json.dumps(node_taints(node)),
    }


def rendered(context: Context) -> dict[str, bytes]:
    """The configuration as the bundle has it; the placeholders of `AT_RUN_TIME` are still in it."""
    values = _values(context)
    files = {
        f"{folder}/{path.name}": _fill(path, values).encode()
        for folder in ("config", "files", "systemd")
        for path in (FILES / folder).iterdir()
    }
    return {**files, "settings.env": _settings(context).encode(), "nodes.json": _json(_admission(context))}


def node_taints(node: Node | None) -> list[dict[str, str]]:
    """The taints of a documented node; None is one of the tenants' workers."""
    if node is None:
        return []
    if node.role == CONTROL_PLANE:
        return [{"key": CONTROL_PLANE_TAINT, "effect": "NoSchedule"}]
    return [{"key": DEDICATED, "value": node.dedicated, "effect": "NoSchedule"}]


def node_labels(node: Node | None) -> dict[str, str]:
    """The labels that the master gives it."""
    return {ROLE_LABEL: node.role, DEDICATED: node.dedicated} if node else {ROLE_LABEL: TENANT}


def _admission(context: Context) -> dict[str, object]:
    """What the master's `admission.py` goes by: who may become a node, and with which labels and taints."""

    def known(node: Node | None) -> dict[str, object]:
        profile = context.names.physical(f"node-{node.role if node else TENANT}")
        return {
            "profile": f"arn:aws:iam::{context.account}:instance-profile/{profile}",
            "labels": node_labels(node),
            "taints": node_taints(node),
        }

    (tag,) = cluster_tag(context)
    (master,) = (node.name for node in NODES if node.role == CONTROL_PLANE)
    group = {"group": context.names.physical(TENANTS, "asg"), "prefix": f"k8s-{TENANT}-", **known(None)}
    return {
        "region": context.region,
        "key": f"alias/{context.names.prefix}",
        "cluster_tag": tag,
        "join_path": f"{context.parameter_path}/kubernetes/join",
        "instance_tag": INSTANCE_TAG,
        "instance_arn": f"arn:aws:ec2:{context.region}:{context.account}:instance/",
        "master": master,
        "nodes": {node.name: known(node) for node in NODES},
        "tenants": group if context.settings.tenant_workers else None,
    }


def _user_data(context: Context, node: Mapping[str, str], made: Bundle) -> str:
    settings = {
        "REGION": context.region,
        "BUNDLE_BUCKET": context.bucket("bootstrap"),
        "BUNDLE_KEY": made.key,
        "BUNDLE_SHA256": made.sha256,
        **node,
    }
    return render_user_data([FILES / "load.sh"], settings)


def _scripts() -> dict[str, bytes]:
    names = {path.name for pattern in ("*.sh", "*.py") for path in FILES.glob(pattern)} - {"load.sh"}
    return {name: (FILES / name).read_bytes() for name in names}


def _values(context: Context) -> dict[str, str]:
    settings = context.settings.kubernetes
    return {
        "CLUSTER_NAME": context.names.prefix,
        "CONTROL_PLANE_HOST": context.control_plane_host,
        "ISSUER_HOST": context.issuer_host,
        "KUBERNETES_VERSION": versions.KUBERNETES,
        "KUBERNETES_MINOR": versions.KUBERNETES.rpartition(".")[0],
        "POD_CIDR": settings.pod_cidr,
        "SERVICE_CIDR": settings.service_cidr,
        "CLUSTER_DNS": str(IPv4Network(settings.service_cidr)[10]),
        "SNAPSHOT_MINUTES": str(settings.snapshot_minutes),
        "CIPHERS": ",".join(CIPHERS),
        "CIPHER_LIST": json.dumps(CIPHERS),
    }


def _fill(path: Path, values: Mapping[str, str]) -> str:
    text = path.read_text()
    if unknown := set(_PLACEHOLDER.findall(text)) - values.keys() - AT_RUN_TIME:
        raise ValueError(f"{path.name} asks for {', '.join(sorted(unknown))}, which nobody fills")
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def _settings(context: Context) -> str:
    root = projects.root_application(context)["metadata"]
    settings = {
        "REGION": context.region,
        "PARAMETER_PATH": context.parameter_path,
        "CONTROL_PLANE_HOST": context.control_plane_host,
        "ISSUER_BUCKET": context.bucket("issuer"),
        "ISSUER_HOST": context.issuer_host,
        "SNAPSHOT_BUCKET": context.bucket("etcd-snapshots"),
        "CHECKSUM_BUCKET": context.bucket("etcd-checksums"),
        "SNAPSHOT_LOCK": context.settings.kubernetes.snapshot_lock.upper(),
        "SNAPSHOT_DAYS": str(context.settings.kubernetes.snapshot_retention_days),
        "KMS_KEY": f"alias/{context.names.prefix}",
        "AMAZON_LINUX_RELEASE": versions.AMAZON_LINUX,
        "KUBERNETES_VERSION": versions.KUBERNETES,
        "KUBERNETES_KEY": versions.KUBERNETES_KEY,
        "CONTAINERD_VERSION": versions.CONTAINERD,
        "RUNC_VERSION": versions.RUNC,
        "ECR_PROVIDER_VERSION": versions.ECR_CREDENTIAL_PROVIDER,
        "ECR_PROVIDER_SHA256": versions.ECR_CREDENTIAL_PROVIDER_SHA256,
        "HELM_VERSION": versions.HELM,
        "HELM_SHA256": versions.HELM_SHA256,
        "ROOT_APPLICATION": root["name"],
        "ROOT_APPLICATION_NAMESPACE": root["namespace"],
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())


def _platform(context: Context) -> dict[str, bytes]:
    """The charts that the master installs before Argo CD can, in their order, and the objects that start Argo CD."""
    rows, files = [], {}
    for chart, values in first_charts.bootstrap_charts(context):
        path = f"charts/{chart.release}.json"
        files[path] = _json(values)
        how = "apply" if chart.definitions else "install"
        pinned = (chart.repository, chart.chart, chart.version, chart.sha256 or "-")
        rows.append((how, chart.release, chart.namespace, *pinned, path))
    return {
        **files,
        "charts.tsv": "".join("\t".join(row) + "\n" for row in rows).encode(),
        "root-project.json": _json(projects.root_project(context)),
        "charts-project.json": _json(projects.charts_project(context)),
        "root-application.json": _json(projects.root_application(context)),
    }


def _json(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, indent=2, sort_keys=True).encode() + b"\n"


def _archive(files: Mapping[str, bytes]) -> bytes:
    """A tar.gz that depends on nothing but the files' names and contents."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as compressed,
        tarfile.open(mode="w", fileobj=compressed, format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o755 if name.endswith(".sh") else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
