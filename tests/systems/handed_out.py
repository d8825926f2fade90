"""What the contract's `Cluster` says, field by field, in plain values; and where the same stands in what was registered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pulumi

from infra.components.aws.dns import AliasTarget
from infra.contract import Cluster
from rehearsal.recording import Recording, Registered
from rehearsal.values import reveal


def said(cluster: Cluster) -> pulumi.Output[dict[str, Any]]:
    """`<room>.<field>` of all that is a value; how objects are delivered is not."""
    found = {
        f"{room.name}.{field.name}": _plain(getattr(getattr(cluster, room.name), field.name))
        for room in fields(cluster)
        for field in fields(getattr(cluster, room.name))
    }
    return pulumi.Output.all(**{name: value for name, value in found.items() if name not in DELIVERED})


def _plain(value: Any) -> Any:
    match value:
        case AliasTarget():
            return {"dnsName": value.dns_name, "zoneId": value.zone_id}
        case pulumi.ComponentResource():
            return value.bucket  # type: ignore[attr-defined]
        case _ if hasattr(value, "__dataclass_fields__"):
            return {field.name: getattr(value, field.name) for field in fields(value)}
        case _:
            return value


DELIVERED = frozenset({"platform.objects", "platform.edge_objects"})
"""Options of resources: seen in which folder a tenant's objects are written to."""


def kubernetes(recording: Recording, kind: str, name: str) -> Any:
    """The only object of that kind and name."""
    (found,) = (
        reveal(each.inputs)
        for each in recording
        if each.type.endswith(f":{kind}") and each.inputs.get("metadata", {}).get("name") == name
    )
    return found


def _aws(recording: Recording, name: str) -> Registered:
    (found,) = (each for each in recording if each.name == name and each.custom)
    return found


def _values(recording: Recording, release: str) -> Any:
    return _spec(recording, "Application", release)["source"]["helm"]["valuesObject"]


def _mesh(recording: Recording) -> Any:
    return _values(recording, "istiod")["meshConfig"]


def _spec(recording: Recording, kind: str, name: str) -> Any:
    return kubernetes(recording, kind, name)["spec"]


def _home(recording: Recording, application: str) -> str:
    return str(_spec(recording, "Application", application)["destination"]["namespace"])


def _release(recording: Recording, application: str) -> str:
    return str(_spec(recording, "Application", application)["source"]["helm"]["releaseName"])


def _wave(recording: Recording, kind: str, name: str) -> int:
    return int(kubernetes(recording, kind, name)["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])


def _reference(recording: Recording) -> str:
    meta = kubernetes(recording, "Gateway", "guestbook-gateway")["metadata"]
    return f"{meta['namespace']}/{meta['name']}"


def _store(recording: Recording) -> dict[str, str]:
    """The store whose role reads below the path: that of the tenant's parameters."""
    policy = recording.one("Policy", "eco2-role-parameters-guestbook-parameters-guestbook")["policy"]
    (read,) = (one["Resource"] for one in json.loads(policy)["Statement"] if "ssm:GetParameter" in one["Action"])
    store = kubernetes(recording, "ClusterSecretStore", "guestbook-parameters")["metadata"]["name"]
    return {"store": store, "path": read.partition(":parameter")[2].removesuffix("/*")}


def _workers_label(recording: Recording) -> dict[str, str]:
    """What the autoscaler knows of the tenants' nodes before there is one."""
    tags = {tag["key"]: tag["value"] for tag in reveal(_aws(recording, "eco2-tenants-asg").inputs)["tags"]}
    known = "k8s.io/cluster-autoscaler/node-template/label/"
    return {key.removeprefix(known): value for key, value in tags.items() if key.startswith(known)}


def _edge_name(recording: Recording) -> str:
    (name,) = (each.name for each in recording if each.inputs.get("metadata", {}).get("name") == "guestbook-gateway")
    return name.removesuffix("-gateway-gateway")


def _certificates(recording: Recording) -> dict[str, str]:
    """By the host of the listener's rule, the certificate that the listener was given for it."""
    return {
        rule.name.removeprefix("eco2-api-host-"): reveal(_aws(recording, f"{rule.name}-certificate").inputs)[
            "certificateArn"
        ]
        for rule in recording.of("ListenerRule")
        if rule.name.startswith("eco2-api-host-")
    }


def _entrance(recording: Recording) -> dict[str, str]:
    (alias,) = reveal(_aws(recording, "eco2-dns-api-a").inputs)["aliases"]
    return {"dnsName": alias["name"], "zoneId": alias["zoneId"]}


def _boundary(recording: Recording) -> str:
    return str(reveal(_aws(recording, "eco2-role-parameters-guestbook").inputs)["permissionsBoundary"])


STANDS: dict[str, Callable[[Recording], Any]] = {
    "gateway.reference": _reference,
    "gateway.namespace": lambda it: _home(it, "ingress-gateway"),
    # The chart's own label: its release's name.
    "gateway.labels": lambda it: {"istio": _release(it, "ingress-gateway")},
    "gateway.port": lambda it: {one["name"]: one for one in _values(it, "ingress-gateway")["service"]["ports"]}["http"][
        "targetPort"
    ],
    "gateway.principal": lambda it: (
        f"{_mesh(it)['trustDomain']}/ns/{_home(it, 'ingress-gateway')}/sa/{_release(it, 'ingress-gateway')}"
    ),
    "gateway.trusted_proxies": lambda it: _mesh(it)["defaultConfig"]["gatewayTopology"]["numTrustedProxies"],
    "mesh.root_namespace": lambda it: _mesh(it)["rootNamespace"],
    "mesh.trust_domain": lambda it: _mesh(it)["trustDomain"],
    "mesh.authorizers": lambda it: [
        one["name"] for one in _mesh(it)["extensionProviders"] if "envoyExtAuthzGrpc" in one
    ],
    "mesh.checked_paths": lambda it: tuple(
        _spec(it, "AuthorizationPolicy", "ext-authz-policy")["rules"][0]["to"][0]["operation"]["paths"]
    ),
    "mesh.rules_wave": lambda it: _wave(it, "AuthorizationPolicy", "ext-authz-policy"),
    "mesh.routes_wave": lambda it: _wave(it, "VirtualService", "auth-vs"),
    "platform.edge_name": _edge_name,
    "platform.issuer_host": lambda it: _aws(it, "eco2-issuer-provider")["url"].removeprefix("https://"),
    "platform.issuer_provider": lambda it: _aws(it, "eco2-issuer-provider").id,
    "platform.pod_security": lambda it: kubernetes(it, "Namespace", "guestbook")["metadata"]["labels"][
        "pod-security.kubernetes.io/enforce-version"
    ],
    "platform.workloads_wave": lambda it: _wave(it, "Deployment", "auth-api"),
    "platform.node_selector": _workers_label,
    "platform.storage_class": lambda it: _values(it, "aws-ebs-csi-driver")["storageClasses"][0]["name"],
    "platform.secrets": _store,
    "platform.monitoring_namespace": lambda it: _home(it, "prometheus"),
    # As kube-prometheus-stack names its Service; 9090 is Prometheus' own port.
    "platform.prometheus_url": lambda it: (
        f"http://{_values(it, 'prometheus')['fullnameOverride']}-prometheus.{_home(it, 'prometheus')}.svc:9090"
    ),
    "platform.spans": lambda _: None,
    "aws.account": lambda it: _aws(it, "eco2-api-alb").id.split(":")[4],
    "aws.region": lambda it: _aws(it, "eco2-api-alb").id.split(":")[3],
    "aws.domain": lambda it: _aws(it, "eco2-dns-zone")["name"],
    "aws.zone_id": lambda it: _aws(it, "eco2-dns-zone").id,
    "aws.listener_arn": lambda it: _aws(it, "eco2-api-https").id,
    "aws.certificate_arns": _certificates,
    "aws.key_arn": lambda it: _aws(it, "eco2-encryption-key").outputs["arn"],
    "aws.access_logs": lambda it: _aws(it, "eco2-access-logs").id,
    "aws.entrance": _entrance,
    "aws.role_boundary": _boundary,
}
"""Each field, as what was registered has it."""
