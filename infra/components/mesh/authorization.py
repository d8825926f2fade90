"""Who may call what: AuthorizationPolicies. Istio evaluates CUSTOM first, then DENY, then ALLOW."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi

from infra.components.mesh.objects import SECURITY, MeshComponent, Place, Spec, selector
from infra.components.mesh.paths import matches, validate

PRINCIPAL = re.compile(r"[a-z0-9.-]+/ns/[a-z0-9-]+/sa/[a-z0-9.-]+")
HOST = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


def principal(namespace: str, account: str, *, trust_domain: str = "cluster.local") -> str:
    """A workload's SPIFFE id, as Istio writes it in policies: without the scheme."""
    return f"{trust_domain}/ns/{namespace}/sa/{account}"


@dataclass(frozen=True, kw_only=True)
class ExternalAuthorizationArgs:
    """Requests for `paths`, but for those in `not_paths`, are asked about at `provider`, a name from the mesh's configuration.

    `not_methods` are never asked about: a browser's preflight (OPTIONS) carries no credentials, and this runs before CORS.
    """

    place: Place
    workload: Mapping[str, str]
    provider: str
    paths: Sequence[str]
    not_paths: Sequence[str] = ()
    not_methods: Sequence[str] = ()


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
    return {
        **selector(args.workload),
        "action": "CUSTOM",
        "provider": {"name": args.provider},
        "rules": [{"to": [{"operation": operation}]}],
    }


def _with_any_port(reference: str, hosts: Sequence[str]) -> list[str]:
    """Hosts as Istio compares them, letter by letter with what the client sent: a port may follow."""
    if vague := [host for host in hosts if not HOST.fullmatch(host)]:
        raise ValueError(f"{reference}: '{vague[0]}' is not the name of one host")
    return [pattern for host in hosts for pattern in (host, f"{host}:*")]


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
    """Workloads that may call, and what: ports and, for HTTP, paths. Nothing given means everything of that kind."""

    principals: Sequence[str]
    ports: Sequence[int] = ()
    paths: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Anyone:
    """Callers without an identity, as at the gateway; they may call these paths only, of these hosts if any are given."""

    paths: Sequence[str]
    hosts: Sequence[str] = ()
    ports: Sequence[int] = ()
    principals: Sequence[str] = field(default=(), init=False)


@dataclass(frozen=True, kw_only=True)
class AllowArgs:
    """`workload` are the labels of who is called."""

    place: Place
    workload: Mapping[str, str]
    callers: Sequence[Caller | Anyone]


def allow(args: AllowArgs) -> Spec:
    """The spec; what would open more than it says (no workload, no caller, a rule without a principal) is refused."""
    if not args.workload or not args.callers:
        raise ValueError(f"{args.place.reference}: an allowance names its workload and its callers")
    return {
        **selector(args.workload),
        "action": "ALLOW",
        "rules": [_rule(args.place.reference, caller) for caller in args.callers],
    }


def _rule(reference: str, caller: Caller | Anyone) -> Spec:
    if isinstance(caller, Caller) and not caller.principals:
        raise ValueError(f"{reference}: a caller without a principal would be anyone")
    if isinstance(caller, Anyone) and not caller.paths:
        raise ValueError(f"{reference}: anyone may call named paths only")
    for one in caller.principals:
        if not PRINCIPAL.fullmatch(one):
            raise ValueError(f"{reference}: '{one}' is not <trust domain>/ns/<namespace>/sa/<account>")
    for pattern in caller.paths:
        validate(pattern)
    rule: Spec = {}
    if caller.principals:
        rule["from"] = [{"source": {"principals": list(caller.principals)}}]
    if operation := _operation(reference, caller):
        rule["to"] = [{"operation": operation}]
    return rule


def _operation(reference: str, caller: Caller | Anyone) -> Spec:
    hosts = caller.hosts if isinstance(caller, Anyone) else ()
    found = {
        "ports": [str(port) for port in caller.ports],
        "paths": list(caller.paths),
        "hosts": _with_any_port(reference, hosts),
    }
    return {key: values for key, values in found.items() if values}


class Allow(MeshComponent):
    """The edges into one workload.

    Resources: an AuthorizationPolicy of action ALLOW.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:Allow"
    api_version, kind = SECURITY, "AuthorizationPolicy"

    def __init__(self, name: str, args: AllowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, allow(args), opts)
