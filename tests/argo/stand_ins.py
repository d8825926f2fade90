"""The archives of the charts that the rendered Applications name, in repositories as their owners have them.

Those that are inside a Go module are packed from it, under the version that is asked for. All others are stood in by what was
recorded of them (tests/inventory): accounts, workloads, services and definitions by name, and one object of each other kind, empty
but for what its kind demands. Argo CD's own has its settings besides, as its chart makes them of the values.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.systems.eco2 import projects, versions
from infra.systems.eco2.placement import STORAGE_CLASS
from tests.argo.outside import Outside
from tests.mesh.manifests import Manifest
from tests.tools import required_charts, required_definitions, required_kafka, required_tool
from tests.trial.world import PODS, release_of
from tools import modules
from tools.chart_sources import SOURCES
from tools.definitions import KubernetesLoader, definitions

ARGO_MODULE = "github.com/argoproj/argo-cd/v3"
INVENTORY = PODS.with_name("charts.json")
NETWORK_KINDS = versions.CALICO_KINDS.release
PACKED: Mapping[str, Sequence[str]] = {
    # By `make helm.build` of its repository.
    "external-secrets": ("external-secrets.io", "generators.external-secrets.io"),
    # By a chart that it depends on, `kyverno-api`.
    "kyverno": ("policies.kyverno.io",),
}
"""Groups of kinds whose definitions a chart in a module lacks, and has where it is served."""

HOOKED = "argo-cd-argocd-redis-secret-init"
"""The one workload of those charts that is a hook: Helm's before an installation and an upgrade, Argo CD's before a sync."""

Files = dict[str, bytes]


def publish(world: Outside, objects: Sequence[Manifest]) -> dict[tuple[str, str], str]:
    """Put every chart that an Application names where it says; the SHA-256 of each by its name and version."""
    sums = {}
    asked: dict[tuple[str, str, str], list[Manifest]] = {}
    for application in (one for one in objects if one["kind"] == "Application" and release_of(one)):
        source = application["spec"]["source"]
        asked.setdefault((source["repoURL"], source["chart"], source["targetRevision"]), []).append(application)
    for (url, name, version), applications in asked.items():
        content = _archive(applications)
        place = world.place(url)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}-{version}.tgz").write_bytes(content)
        sums[name, version] = hashlib.sha256(content).hexdigest()
        _index(place / "index.yaml", name, version, sums[name, version])
    return sums


def _index(path: Path, name: str, version: str, digest: str) -> None:
    """A repository's list of what it has, with one chart more."""
    known: Manifest = {"apiVersion": "v1", "entries": {}}
    if path.exists():
        known = yaml.safe_load(path.read_text())
    entry = {
        "apiVersion": "v2",
        "name": name,
        "version": version,
        "urls": [f"{name}-{version}.tgz"],
        "digest": digest,
    }
    known["entries"].setdefault(name, []).append(entry)
    path.write_text(yaml.safe_dump(known))


def _archive(applications: Sequence[Manifest]) -> bytes:
    """Of a chart that these bring, each under a name of its own."""
    (first, *others) = applications
    source = first["spec"]["source"]
    release = source["helm"]["releaseName"]
    if release in SOURCES:
        assert not others, f"{release}: a chart of a module is rendered for each that brings it"
        return _of_module(release, source["chart"], source["targetRevision"])
    files = {} if release != versions.ARGO_CD.release else _settings()
    for one in applications:
        files |= _stood_in(one["spec"]["source"], _objects(one))
    return _packed(source["chart"], files)


def _objects(application: Manifest) -> list[Manifest]:
    release = application["spec"]["source"]["helm"]["releaseName"]
    if release == NETWORK_KINDS:
        return _network_kinds()
    return list(_recorded(release, application["spec"]["destination"]["namespace"]))


def _of_module(release: str, name: str, version: str) -> bytes:
    """By Helm. Without the definitions of Calico's, which are a chart of their own at the version that is asked for."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / name
        shutil.copytree(required_charts() / release, folder)
        if release == versions.CALICO.release:
            shutil.rmtree(folder / "crds")
        _complete(release, folder)
        about = folder / "Chart.yaml"
        about.write_text(re.sub(r"^name: .*$", f"name: {name}", about.read_text(), flags=re.MULTILINE))
        command: list[str | Path] = [required_tool("helm"), "package", folder, "--version", version]
        subprocess.run([*command, "--destination", made], check=True, capture_output=True)
        return (Path(made) / f"{name}-{version}.tgz").read_bytes()


def _complete(release: str, folder: Path) -> None:
    """With the definitions of these kinds, which a chart gets when it is packed."""
    groups = PACKED.get(release, ())
    found = definitions([required_definitions()], lambda text: any(f"  group: {one}\n" in text for one in groups))
    for one in found:
        (folder / "crds").mkdir(exist_ok=True)
        (folder / "crds" / f"{one['metadata']['name']}.yaml").write_text(json.dumps(one))


def _stood_in(source: Manifest, objects: Sequence[Manifest]) -> Files:
    """Objects of a release as a file of a chart; Helm gives out the asked one's without reading it as a template."""
    about = {"apiVersion": "v2", "name": source["chart"], "version": source["targetRevision"]}
    return {
        "Chart.yaml": json.dumps(about).encode(),
        "values.yaml": b"{}\n",
        f"objects/{source['helm']['releaseName']}.yaml": "---\n".join(
            f"{json.dumps(one)}\n" for one in objects
        ).encode(),
        "templates/objects.yaml": b'{{ .Files.Get (printf "objects/%s.yaml" .Release.Name) }}\n',
    }


def _packed(name: str, files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(mode="w:gz", fileobj=packed) as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _network_kinds() -> list[Manifest]:
    """Calico's definitions, which the module's chart, an older one, has beside its objects; with two fields that it lacks."""
    found = []
    for path in sorted((required_charts() / versions.CALICO.release / "crds").rglob("*.yaml")):
        found += [one for one in yaml.load_all(path.read_text(), Loader=KubernetesLoader) if one]
    for one in found:
        if one["metadata"]["name"] == "installations.operator.tigera.io":
            pools = _deep(one["spec"]["versions"][0]["schema"]["openAPIV3Schema"], *_POOLS)["items"]["properties"]
            pools |= {"assignmentMode": {"type": "string"}, "disableNewAllocations": {"type": "boolean"}}
    return found


_POOLS = ("properties", "spec", "properties", "calicoNetwork", "properties", "ipPools")
"""Where 3.32.1 has two fields more than the module (tests/cluster/test_charts.py, NEWER_FIELDS)."""


def _deep(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value[key]
    return value


def _recorded(release: str, namespace: str) -> Iterator[Manifest]:
    seen = json.loads(INVENTORY.read_text())["charts"][release]
    yield from (_definitions()[name] for name in seen["definitions"])
    for account in seen["accounts"]:
        yield _named("v1", "ServiceAccount", *account.split("/"))
    recorded = json.loads(PODS.read_text())[release]
    budgets = [one for one in recorded if one["kind"] == "PodDisruptionBudget"]
    workloads = [one for one in recorded if one not in budgets]
    yield from budgets
    for workload in workloads:
        yield _running(workload)
    for service, ports in seen["services"].items():
        home, name = service.split("/")
        yield _service(home, name, ports, workloads)
    done = {"CustomResourceDefinition", "ServiceAccount", "Service", "Pod", *(one["kind"] for one in recorded)}
    for kind in seen["kinds"]:
        version, _, name = kind.rpartition("/")
        if name not in done and (name, release) not in _OF_VALUES:
            yield _of_kind(version, name, release, namespace, workloads)


_OF_VALUES = {("ConfigMap", "argo-cd"), ("Secret", "argo-cd")}
"""Those that `_settings` makes."""


def _named(version: str, kind: str, namespace: str | None, name: str, **more: Any) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def _running(workload: Manifest) -> Manifest:
    """As recorded, which is what a scheduler sees, and as bound as every pod of a chart is (tests/cluster/test_charts.py)."""
    found: Manifest = json.loads(json.dumps(workload))
    pod = found["spec"]["template"]["spec"]
    pod["securityContext"] = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if found["metadata"]["name"] == HOOKED:
        found["metadata"]["annotations"] = {
            "helm.sh/hook": "pre-install,pre-upgrade",
            "helm.sh/hook-delete-policy": "before-hook-creation",
        }
    return found


def _service(namespace: str, name: str, ports: Mapping[str, str], workloads: Sequence[Manifest]) -> Manifest:
    """Before the pods of the workload of that name, or of the chart's first: what it selects was not recorded."""
    named = [one for one in workloads if one["metadata"]["name"] == name]
    selector = (named or workloads)[0]["spec"]["selector"]["matchLabels"]
    told = [{"name": f"port-{port}", "port": int(port)} for port in ports]
    return _named("v1", "Service", namespace, name, spec={"selector": selector, "ports": told})


def _of_kind(version: str, kind: str, release: str, namespace: str, workloads: Sequence[Manifest]) -> Manifest:
    """One object of a kind with what the kind demands, called like the release."""
    cluster = f"{version.rpartition('/')[0]}/{kind}" in {*projects.CHART_KINDS}
    name = {"StorageClass": STORAGE_CLASS, "CSIDriver": "ebs.csi.aws.com"}.get(kind, release)
    return _named(version, kind, None if cluster else namespace, name, **_bodies(kind, release, namespace, workloads))


def _bodies(kind: str, release: str, namespace: str, workloads: Sequence[Manifest]) -> Manifest:
    # Of a Deployment: nobody can say how many pods of a DaemonSet are enough, and its budget would be Degraded.
    labels = next(
        one["spec"]["selector"] for one in workloads if one["kind"] in ("Deployment", "StatefulSet", "DaemonSet")
    )
    labels = next((one["spec"]["selector"] for one in workloads if one["kind"] == "Deployment"), labels)
    role = {"apiGroup": "rbac.authorization.k8s.io", "name": release}
    subject = [{"kind": "ServiceAccount", "name": release, "namespace": namespace}]
    webhook = {
        "name": f"{release}.stand-in.test",
        "clientConfig": {"service": {"name": release, "namespace": namespace, "path": "/"}},
        "rules": [
            {"apiGroups": ["stand-in.test"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["*"]}
        ],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    bodies: dict[str, Manifest] = {
        "Alertmanager": {"spec": {"replicas": 1}},
        "CSIDriver": {"spec": {"attachRequired": True, "podInfoOnMount": False}},
        "Certificate": {
            "spec": {"secretName": release, "dnsNames": [f"{release}.{namespace}.svc"], "issuerRef": {"name": release}}
        },
        "ClusterRole": {"rules": []},
        "ClusterRoleBinding": {"roleRef": {**role, "kind": "ClusterRole"}, "subjects": subject},
        "ConfigMap": {"data": {}},
        "Issuer": {"spec": {"selfSigned": {}}},
        "MutatingWebhookConfiguration": {"webhooks": [webhook]},
        "NetworkPolicy": {"spec": {"podSelector": labels, "policyTypes": ["Ingress"]}},
        "PodDisruptionBudget": {"spec": {"maxUnavailable": 1, "selector": labels}},
        "Prometheus": {"spec": {"replicas": 1}},
        "PrometheusRule": {"spec": {"groups": []}},
        "Role": {"rules": []},
        "RoleBinding": {"roleRef": {**role, "kind": "Role"}, "subjects": subject},
        "Secret": {"type": "Opaque"},
        "ServiceMonitor": {"spec": {"selector": labels, "endpoints": []}},
        "StorageClass": {
            "provisioner": "ebs.csi.aws.com",
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowVolumeExpansion": True,
        },
        "ValidatingWebhookConfiguration": {"webhooks": [webhook]},
    }
    return bodies[kind]


@cache
def _definitions() -> dict[str, Manifest]:
    """Every operator's definitions that can be had, by name."""
    wanted = {
        name
        for release, seen in json.loads(INVENTORY.read_text())["charts"].items()
        if release not in (versions.CALICO.release, NETWORK_KINDS)
        for name in seen["definitions"]
    }

    def may_be(text: str) -> bool:
        name = re.search(r"^  name: \"?([\w.-]+)", text, re.MULTILINE)
        return name is not None and name[1] in wanted

    folders = [required_definitions(), required_kafka() / "crds"]
    found = {one["metadata"]["name"]: one for one in definitions(folders, may_be)}
    return {name: found.get(name) or _no_more_than_a_name(name) for name in wanted}


def _no_more_than_a_name(name: str) -> Manifest:
    """A definition that nobody has, of a kind of which nothing is made here."""
    plural, _, group = name.partition(".")
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    names = {"plural": plural, "singular": plural.removesuffix("s"), "kind": plural.removesuffix("s").capitalize()}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    return _named("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, name, spec=spec)


def _settings() -> Files:
    """Argo CD's own, from its module, with the values over them, as its chart does it."""
    base = modules.download("argocd", ARGO_MODULE) / "manifests/base/config/argocd-cm.yaml"
    return {
        "argocd-cm.json": json.dumps(yaml.safe_load(base.read_text())["data"]).encode(),
        "templates/settings.yaml": _SETTINGS.encode(),
    }


_SETTINGS = """\
{{- $base := .Files.Get "argocd-cm.json" | fromJson }}
{{- $of := dict "argocd-cm" (mustMergeOverwrite $base .Values.configs.cm) }}
{{- $_ := set $of "argocd-cmd-params-cm" .Values.configs.params }}
{{- $_ := set $of "argocd-rbac-cm" .Values.configs.rbac }}
{{- $_ := set $of "argocd-gpg-keys-cm" .Values.configs.gpg.keys }}
{{- $_ := set $of "argocd-ssh-known-hosts-cm" (dict "ssh_known_hosts" "") }}
{{- $_ := set $of "argocd-tls-certs-cm" dict }}
{{- range $name, $data := $of }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
  namespace: {{ $.Release.Namespace }}
  labels: {app.kubernetes.io/name: {{ $name }}, app.kubernetes.io/part-of: argocd}
data:
  {{- range $key, $value := $data }}
  {{ $key | quote }}: {{ $value | toString | quote }}
  {{- end }}
{{- end }}
---
apiVersion: v1
kind: Secret
metadata:
  name: argocd-secret
  namespace: {{ .Release.Namespace }}
  labels: {app.kubernetes.io/name: argocd-secret, app.kubernetes.io/part-of: argocd}
type: Opaque
"""
