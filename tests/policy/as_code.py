"""Spoiled objects for three judges: the Python rules, the Rego rules and Kyverno's policies must say the same of each.

Each is an object that prod renders for the exchange's namespace, with one thing made bad, and the name of the rule that finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policy.mutation.model import GONE
from policy.mutation.paths import parse, replaced
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.mesh.manifests import Manifest
from tests.stacks import ROOT

POLICIES = ROOT / "deploy/exchange/policies"
REGO, KYVERNO = POLICIES / "rego", POLICIES / "kyverno"
NAMESPACE = "gateway"
SHARED = {"objects"}
"""Of the Rego files: what the rules read."""

WORKLOADS = ("Deployment", "Rollout")
POD = "spec.template.spec"
FIRST = f"{POD}.containers[0]"
RELEASE = "290008131187.dkr.ecr.ap-northeast-2.amazonaws.com/exchange-prod-svc-wallet:1.0.0"
DIGEST = "@sha256:525318f44fb00e415c8c64258e94b634af019f2b494a2dbfc7ce36c3272499ab"


@dataclass(frozen=True, kw_only=True)
class Row:
    """`change` holds a value at a property path, `GONE` for what is taken away, made to the object `<kind>/<name>`.

    `elsewhere` is where the object is rendered, if not in the exchange's own namespace: the row has it there.
    """

    what: str
    object: str
    change: Mapping[str, Any]
    rules: frozenset[str]
    elsewhere: str | None = None


def _row(rule: str, what: str, at: str, path: str, value: Any, **more: Any) -> Row:
    return Row(what=what, object=at, change={path: value}, rules=frozenset({rule}), **more)


def _pod(rule: str, what: str, path: str, value: Any) -> Row:
    return _row(f"kubernetes-{rule}", what, "workload/svc-wallet", path, value)


def _service(what: str, path: str, value: Any) -> Row:
    return _row("kubernetes-service-internal", what, "Service/svc-wallet", path, value)


def _network(rule: str, what: str, path: str, value: Any) -> Row:
    return _row(f"kubernetes-network-{rule}", what, "NetworkPolicy/svc-wallet", path, value)


def _allow(what: str, path: str, value: Any) -> Row:
    return _row("mesh-allow-named", what, "AuthorizationPolicy/svc-wallet", path, value)


def _token(what: str, path: str, value: Any) -> Row:
    at = "RequestAuthentication/exchange-tokens"
    return _row("mesh-own-tokens-read-safely", what, at, f"spec.jwtRules[0].{path}", value, elsewhere="istio-system")


def _called(what: str, path: str, value: Any) -> Row:
    return _row("mesh-destination-mtls", what, "DestinationRule/svc-wallet", path, value)


def _outside(what: str, path: str, value: Any) -> Row:
    return _row("mesh-egress-named", what, "ServiceEntry/external-hosts", path, value)


CONTEXT, SECURITY = f"{POD}.securityContext", f"{FIRST}.securityContext"
SOURCE, OPERATION = "spec.rules[0].from[0].source", "spec.rules[0].to[0].operation"
ROWS: Sequence[Row] = (
    _pod("run-as-non-root", "root is let in", f"{CONTEXT}.runAsNonRoot", False),
    _pod("run-as-non-root", "nothing is said of root", f"{CONTEXT}.runAsNonRoot", GONE),
    _pod("run-as-non-root", "a container says otherwise than its pod", f"{SECURITY}.runAsNonRoot", False),
    _pod("no-root-user", "it runs as root", f"{CONTEXT}.runAsUser", 0),
    _pod("no-root-user", "a container runs as root", f"{SECURITY}.runAsUser", 0),
    _pod("no-root-user", "in root's group", f"{CONTEXT}.runAsGroup", 0),
    _pod("no-root-user", "its files are of root's group", f"{CONTEXT}.fsGroup", 0),
    _pod("no-root-user", "in root's group beside its own", f"{CONTEXT}.supplementalGroups", [0]),
    _pod("no-privilege-escalation", "it may become root", f"{SECURITY}.allowPrivilegeEscalation", True),
    _pod("no-privilege-escalation", "nothing is said of becoming root", f"{SECURITY}.allowPrivilegeEscalation", GONE),
    Row(
        what="it is privileged",
        object="workload/svc-wallet",
        # The API server takes the one only with the other.
        change={f"{SECURITY}.privileged": True, f"{SECURITY}.allowPrivilegeEscalation": True},
        rules=frozenset({"kubernetes-no-privileged-container", "kubernetes-no-privilege-escalation"}),
    ),
    _pod("capabilities-dropped", "it has a capability more", f"{SECURITY}.capabilities.add", ["NET_ADMIN"]),
    _pod("capabilities-dropped", "it keeps some", f"{SECURITY}.capabilities.drop", ["NET_RAW"]),
    _pod("capabilities-dropped", "it keeps all", f"{SECURITY}.capabilities", GONE),
    _pod("seccomp-profile", "every system call", f"{CONTEXT}.seccompProfile.type", "Unconfined"),
    _pod("seccomp-profile", "no profile", f"{CONTEXT}.seccompProfile", GONE),
    _pod("read-only-root-filesystem", "it writes to its image", f"{SECURITY}.readOnlyRootFilesystem", False),
    _pod("no-host-namespace", "the host's network", f"{POD}.hostNetwork", True),
    _pod("no-host-namespace", "the host's processes", f"{POD}.hostPID", True),
    _pod("no-host-namespace", "the host's memory", f"{POD}.hostIPC", True),
    _pod("no-host-port", "a port of the host", f"{FIRST}.ports[0].hostPort", 8080),
    _pod("volume-kinds", "the host's files", f"{POD}.volumes[+]", {"name": "x", "hostPath": {"path": "/"}}),
    _pod("image-by-digest", "an image by its tag", f"{FIRST}.image", RELEASE),
    _pod("image-registry", "an image from elsewhere", f"{FIRST}.image", f"ghcr.io/somebody/svc-wallet:1.0.0{DIGEST}"),
    _pod("image-registry", "a registry that begins alike", f"{FIRST}.image", f"public.ecr.aws.example.com/x{DIGEST}"),
    _pod(
        "image-registry",
        "an image of a container that comes first",
        f"{POD}.initContainers",
        [
            {
                "name": "istio-proxy",
                "image": f"docker.io/istio/proxyv2:1.31.0{DIGEST}",
                "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "1Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
            }
        ],
    ),
    _pod("resources-set", "no limit of memory", f"{FIRST}.resources.limits", GONE),
    _pod("resources-set", "no request of CPU", f"{FIRST}.resources.requests.cpu", GONE),
    _pod("no-api-token", "a token of the API", f"{POD}.automountServiceAccountToken", True),
    _pod("no-api-token", "nothing is said of a token", f"{POD}.automountServiceAccountToken", GONE),
    _pod("own-service-account", "the account of everybody", f"{POD}.serviceAccountName", "default"),
    _row(
        "kubernetes-service-account-without-token",
        "an account that hands out tokens",
        "ServiceAccount/svc-wallet",
        "automountServiceAccountToken",
        True,
    ),
    _service("a port on every node", "spec.type", "NodePort"),
    _service("a load balancer of its own", "spec.type", "LoadBalancer"),
    _service("anybody's address", "spec.externalIPs", ["203.0.113.7"]),
    _network("ingress-named", "everybody may come in", "spec.ingress[0].from", GONE),
    _network("ingress-named", "the whole internet", "spec.ingress[0].from[0]", {"ipBlock": {"cidr": "0.0.0.0/0"}}),
    _network("ingress-named", "every pod of the cluster", "spec.ingress[0].from[0]", {"namespaceSelector": {}}),
    _network("ports-named", "every port", "spec.ingress[0].ports", GONE),
    _network("ports-named", "a range of ports", "spec.egress[0].ports[0].endPort", 9999),
    _network("workload-named", "for every pod of the namespace", "spec.podSelector", {}),
    _row("mesh-mtls-no-exception", "plain text too", "PeerAuthentication/default", "spec.mtls.mode", "PERMISSIVE"),
    _row("mesh-mtls-no-exception", "plain text alone", "PeerAuthentication/default", "spec.mtls.mode", "DISABLE"),
    Row(
        what="plain text on one port",
        object="PeerAuthentication/default",
        # A port's own mode is one workload's.
        change={
            "spec.selector": {"matchLabels": {"app.kubernetes.io/name": "svc-wallet"}},
            "spec.portLevelMtls": {"8080": {"mode": "PERMISSIVE"}},
        },
        rules=frozenset({"mesh-mtls-no-exception"}),
    ),
    _allow("for every workload", "spec.selector", GONE),
    _allow("for anybody", "spec.rules[0].from", GONE),
    _allow("all of everything", "spec.rules[0]", {}),
    _allow("for every principal", f"{SOURCE}.principals", ["*"]),
    _allow("for all but some", f"{SOURCE}.notNamespaces", ["x"]),
    _allow("every port and path", f"{OPERATION}", {"methods": ["GET"]}),
    _allow("all paths but some", f"{OPERATION}.notPaths", ["/x"]),
    _token("tokens of no named issuer", "issuer", GONE),
    _token("tokens for anybody", "audiences", GONE),
    _token("keys by plain http", "jwksUri", "http://login.example.com/.well-known/jwks.json"),
    _token("keys from wherever the issuer says", "jwksUri", GONE),
    _token("a token in the address", "fromParams", ["token"]),
    _called("in the clear", "spec.trafficPolicy.tls.mode", "DISABLE"),
    _called("nothing is said of TLS", "spec.trafficPolicy.tls", GONE),
    _called("any certificate will do", "spec.trafficPolicy.tls.insecureSkipVerify", True),
    _outside("every host", "spec.hosts[0]", "*.example.com"),
    _outside("in the clear", "spec.ports[0].protocol", "HTTP"),
    _outside("for every namespace", "spec.exportTo", ["*"]),
    _row(
        "mesh-traffic-captured",
        "without a sidecar",
        "workload/svc-wallet",
        'spec.template.metadata.labels["sidecar.istio.io/inject"]',
        "false",
    ),
    _row(
        "mesh-traffic-captured",
        "round its sidecar",
        "workload/svc-wallet",
        'spec.template.metadata.annotations["traffic.sidecar.istio.io/excludeInboundPorts"]',
        "8080",
    ),
)
COMPARED = frozenset(rule for row in ROWS for rule in row.rules)


def rendered(recording: Recording) -> list[Manifest]:
    """Every Kubernetes object of the stack."""
    return [reveal(one.inputs) for one in recording if one.type.startswith("kubernetes:")]


def origin(row: Row, objects: Iterable[Manifest]) -> Manifest:
    """The object of a row as it is rendered."""
    kind, _, name = row.object.partition("/")
    kinds = WORKLOADS if kind == "workload" else (kind,)
    (found,) = [
        one
        for one in objects
        if one["kind"] in kinds
        and (one["metadata"].get("namespace"), one["metadata"]["name"]) == (row.elsewhere or NAMESPACE, name)
    ]
    return found


def unspoiled(row: Row, objects: Iterable[Manifest]) -> Manifest:
    """The same where the row has it."""
    return dict(replaced(origin(row, objects), ("metadata", "namespace"), NAMESPACE))


def spoiled(row: Row, objects: Iterable[Manifest]) -> Manifest:
    made = unspoiled(row, objects)
    for path, value in row.change.items():
        made = replaced(made, parse(path), value)
    return made


def all_spoiled(recording: Recording) -> dict[str, Manifest]:
    """Every row's object, by the row's name."""
    objects = rendered(recording)
    return {identity(row): spoiled(row, objects) for row in ROWS}


def whole(recording: Recording) -> list[Manifest]:
    """Every object as it is rendered, and that of every row where the row has it."""
    objects = rendered(recording)
    return [*objects, *(unspoiled(row, objects) for row in ROWS)]


def written_rules(folder: Path, kind: str) -> set[str]:
    """The rules that a folder has a file for."""
    return {path.stem for path in folder.glob(f"*.{kind}") if not path.stem.endswith("_test")} - SHARED


def identity(row: Row) -> str:
    return f"{row.object}: {row.what}"
