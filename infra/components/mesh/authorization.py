"""Who may call what: AuthorizationPolicies. Istio evaluates CUSTOM first, then DENY, then ALLOW."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi

from infra.components.mesh.filters import api_keys
from infra.components.mesh.hosts import with_any_port
from infra.components.mesh.objects import SECURITY, MeshComponent, Place, Spec, selector
from infra.components.mesh.paths import matches, validate

PRINCIPAL = re.compile(r"[a-z0-9.-]+/ns/[a-z0-9-]+/sa/[a-z0-9.-]+")


def principal(namespace: str, account: str, *, trust_domain: str = "cluster.local") -> str:
    """A workload's SPIFFE id, as Istio writes it in policies: without the scheme."""
    return f"{trust_domain}/ns/{namespace}/sa/{account}"


@dataclass(frozen=True, kw_only=True)
class ExternalAuthorizationArgs:
    """Requests for `paths`, but for those in `not_paths`, are asked about at `provider`, a name from the mesh's configuration.

    `not_methods` are never asked about: a browser's preflight (OPTIONS) carries no credentials, and this runs before CORS. Nor are
    `not_hosts`: there a token of another issuer is required (`tokens.RequireToken`).
    """

    place: Place
    workload: Mapping[str, str]
    provider: str
    paths: Sequence[str]
    not_paths: Sequence[str] = ()
    not_methods: Sequence[str] = ()
    not_hosts: Sequence[str] = ()


def external_authorization(args: ExternalAuthorizationArgs) -> Spec:
    """The spec; a CUSTOM policy without paths or a workload would ask about too much or too little, so both are required."""
    if not args.paths or not args.workload:
        raise ValueError(f"{args.place.reference}: an external authorization names its workload and its paths")
    for pattern in (*args.paths, *args.not_paths):
        validate(pattern)
    if repeated := {one for one in args.not_paths if list(args.not_paths).count(one) > 1}:
        raise ValueError(f"{args.place.reference}: listed twice: {', '.join(sorted(repeated))}")
    operation: Spec = {"paths": list(args.paths)}
    if args.not_paths:
        operation["notPaths"] = list(args.not_paths)
    if args.not_methods:
        operation["notMethods"] = list(args.not_methods)
    if args.not_hosts:
        operation["notHosts"] = with_any_port(args.place.reference, args.not_hosts)
    return {
        **selector(args.workload),
        "action": "CUSTOM",
        "provider": {"name": args.provider},
        "rules": [{"to": [{"operation": operation}]}],
    }


def is_checked(spec: Spec, path: str, method: str = "GET") -> bool:
    """Whether a CUSTOM policy's spec asks its provider about a request: any rule whose any operation matches."""
    operations = [target["operation"] for rule in spec.get("rules", ()) for target in rule["to"]]
    return any(
        any(matches(pattern, path) for pattern in one.get("paths", ("*",)))
        and not any(matches(pattern, path) for pattern in one.get("notPaths", ()))
        and method not in one.get("notMethods", ())
        for one in operations
    )


class ExternalAuthorization(MeshComponent):
    """The edge asks an external service about requests (eco2.md, Istio resources: `ext-authz-policy`).

    Resources: an AuthorizationPolicy of action CUSTOM.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:ExternalAuthorization"
    api_version, kind = SECURITY, "AuthorizationPolicy"

    def __init__(self, name: str, args: ExternalAuthorizationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, external_authorization(args), opts)


class DefaultDeny(MeshComponent):
    """Nothing may be called in the namespace that no `Allow` names; in the mesh's root namespace, nothing in the whole mesh.

    Resources: an AuthorizationPolicy with an empty spec: an ALLOW policy without a rule, which nothing matches.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:DefaultDeny"
    api_version, kind = SECURITY, "AuthorizationPolicy"

    def __init__(self, name: str, place: Place, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, place, {}, opts)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Workloads that may call, and what: ports and, for HTTP, paths and methods. Nothing given means everything of that kind."""

    principals: Sequence[str]
    ports: Sequence[int] = ()
    paths: Sequence[str] = ()
    methods: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Anyone:
    """Callers without an identity, as at the gateway; they may call these paths only, of these hosts if any are given.

    `addresses` are the networks (CIDR) that a client may come from, as the load balancer saw it.
    """

    paths: Sequence[str]
    hosts: Sequence[str] = ()
    ports: Sequence[int] = ()
    methods: Sequence[str] = ()
    addresses: Sequence[str] = ()
    principals: Sequence[str] = field(default=(), init=False)


@dataclass(frozen=True, kw_only=True)
class Bearer:
    """Callers with a token of `issuer` (see `tokens`), which holds one of the values of each of `claims`.

    `{"scope": ["trade:write"]}`; of `scope`, which is a string of words, one word is meant, and of a list one of its members.
    """

    issuer: str
    paths: Sequence[str]
    hosts: Sequence[str]
    methods: Sequence[str] = ()
    claims: Mapping[str, Sequence[str]] = field(default_factory=dict)
    addresses: Sequence[str] = ()
    ports: Sequence[int] = field(default=(), init=False)
    principals: Sequence[str] = field(default=(), init=False)


@dataclass(frozen=True, kw_only=True)
class KeyHolder:
    """`consumer`, by an API key of its (see `filters.api_keys`)."""

    consumer: str
    paths: Sequence[str]
    hosts: Sequence[str]
    methods: Sequence[str] = ()
    addresses: Sequence[str] = field(default=(), init=False)
    ports: Sequence[int] = field(default=(), init=False)
    principals: Sequence[str] = field(default=(), init=False)


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """A browser that asks whether it may call (CORS): no credentials, no body, and the route's policy answers it."""

    paths: Sequence[str]
    hosts: Sequence[str]
    methods: Sequence[str] = field(default=("OPTIONS",), init=False)
    addresses: Sequence[str] = field(default=(), init=False)
    ports: Sequence[int] = field(default=(), init=False)
    principals: Sequence[str] = field(default=(), init=False)


AtTheEdge = Anyone | Bearer | KeyHolder | Preflight


@dataclass(frozen=True, kw_only=True)
class AllowArgs:
    """`workload` are the labels of who is called."""

    place: Place
    workload: Mapping[str, str]
    callers: Sequence[Caller | AtTheEdge]


def allow(args: AllowArgs) -> Spec:
    """The spec; what would open more than it says (no workload, no caller, a rule without a principal) is refused."""
    if not args.workload or not args.callers:
        raise ValueError(f"{args.place.reference}: an allowance names its workload and its callers")
    for caller in args.callers:
        for wrong in _faults(caller):
            raise ValueError(f"{args.place.reference}: {wrong}")
    return {
        **selector(args.workload),
        "action": "ALLOW",
        "rules": [_rule(args.place.reference, caller) for caller in args.callers],
    }


def _faults(caller: Caller | AtTheEdge) -> Iterator[str]:
    if isinstance(caller, Caller) and not caller.principals:
        yield "a caller without a principal would be anyone"
    if not isinstance(caller, Caller) and not caller.paths:
        yield "anyone may call named paths only"
    if isinstance(caller, Bearer | KeyHolder | Preflight) and not caller.hosts:
        yield "tokens, keys and preflights are of a host: another's paths may have the same names"
    for one in caller.principals:
        if not PRINCIPAL.fullmatch(one):
            yield f"'{one}' is not <trust domain>/ns/<namespace>/sa/<account>"
    if isinstance(caller, Bearer):
        yield from _claims_faults(caller)
    if isinstance(caller, KeyHolder) and not api_keys.NAME.fullmatch(caller.consumer):
        yield f"'{caller.consumer}' is no consumer's name"
    for pattern in caller.paths:
        validate(pattern)


def _claims_faults(caller: Bearer) -> Iterator[str]:
    if "*" in caller.issuer or not caller.issuer:
        yield f"'{caller.issuer}' is no issuer"
    for claim, values in caller.claims.items():
        if not claim or not values or any(not value or "*" in value for value in values):
            yield f"the claim {claim} has values, written out: {', '.join(values) or 'none is given'}"


def _rule(reference: str, caller: Caller | AtTheEdge) -> Spec:
    rule: Spec = {}
    if source := _source(caller):
        rule["from"] = [{"source": source}]
    if operation := _operation(reference, caller):
        rule["to"] = [{"operation": operation}]
    if conditions := list(_conditions(caller)):
        rule["when"] = conditions
    return rule


def _source(caller: Caller | AtTheEdge) -> Spec:
    found = {
        "principals": list(caller.principals),
        "requestPrincipals": [f"{caller.issuer}/*"] if isinstance(caller, Bearer) else [],
        "remoteIpBlocks": [] if isinstance(caller, Caller) else list(caller.addresses),
    }
    return {key: values for key, values in found.items() if values}


def _operation(reference: str, caller: Caller | AtTheEdge) -> Spec:
    found = {
        "ports": [str(port) for port in caller.ports],
        "paths": list(caller.paths),
        "hosts": [] if isinstance(caller, Caller) else with_any_port(reference, caller.hosts),
        "methods": list(caller.methods),
    }
    return {key: values for key, values in found.items() if values}


def _conditions(caller: Caller | AtTheEdge) -> Iterator[Spec]:
    if isinstance(caller, Bearer):
        for claim, values in caller.claims.items():
            yield {"key": f"request.auth.claims[{claim}]", "values": list(values)}
    if isinstance(caller, KeyHolder):
        yield {"key": api_keys.CONDITION, "values": [caller.consumer]}
    if isinstance(caller, Preflight):
        # What Envoy's CORS filter takes for one; any other OPTIONS would go on to the upstream.
        for header in ("origin", "access-control-request-method"):
            yield {"key": f"request.headers[{header}]", "values": ["*"]}


class Allow(MeshComponent):
    """The edges into one workload.

    Resources: an AuthorizationPolicy of action ALLOW.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:Allow"
    api_version, kind = SECURITY, "AuthorizationPolicy"

    def __init__(self, name: str, args: AllowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, allow(args), opts)
