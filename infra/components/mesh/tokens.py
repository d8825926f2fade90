"""A tenant's own tokens at the gateway: whose are read there, on which hosts one is required, what its claims open.

Istio's RequestAuthentication holds for all hosts of a gateway. So what a host requires names its issuer: a token of another
issuer, however valid, opens nothing there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi

from infra.components.mesh.filters.api_keys import CONDITION
from infra.components.mesh.hosts import with_any_port
from infra.components.mesh.objects import SECURITY, MeshComponent, Place, Spec, selector
from infra.components.mesh.paths import BadPattern, validate

ISSUER = re.compile(r"[^\s*]+")
SPACED = ("scope", "permission")
"""Claims that Istio reads as a list of words (OAuth's `scope` is one string); others are named in `spaced`."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Bearer tokens of `issuer`, letter by letter their `iss`, for one of `audiences`.

    The keys come from `jwks_uri`, which istiod fetches (and again every 20 minutes), or are given as `jwks`, a JSON Web Key Set of
    public ones. `forwarded` are headers that get a claim's value for the upstream, `{"x-user-id": "sub"}`; what a client sends of
    them is taken off, on every host of the gateway. The token itself is passed on only if `passed_on`. `spaced` are claims of
    words beside `scope` and `permission`.
    """

    issuer: str
    audiences: Sequence[str]
    jwks_uri: str | None = None
    jwks: str | None = None
    forwarded: Mapping[str, str] = field(default_factory=dict)
    spaced: Sequence[str] = ()
    passed_on: bool = False


@dataclass(frozen=True, kw_only=True)
class TokensArgs:
    """`workload` are the labels of the gateway's pods."""

    place: Place
    workload: Mapping[str, str]
    tokens: Sequence[Tokens]


def request_authentication(args: TokensArgs) -> Spec:
    """The spec; without an audience a token for anybody else's service would do, so one is required."""
    if not args.workload or not args.tokens:
        raise ValueError(f"{args.place.reference}: whose tokens are read, and by which pods?")
    for one in args.tokens:
        for wrong in _faults(one):
            raise ValueError(f"{args.place.reference}: {wrong}")
    return {**selector(args.workload), "jwtRules": [_rule(one) for one in args.tokens]}


def _faults(tokens: Tokens) -> Iterator[str]:
    if not ISSUER.fullmatch(tokens.issuer):
        yield f"'{tokens.issuer}' is no issuer"
    if not tokens.audiences:
        yield f"{tokens.issuer}: without an audience a token for another service would pass"
    if (tokens.jwks_uri is None) == (tokens.jwks is None):
        yield f"{tokens.issuer}: its keys come from jwks_uri, or are given as jwks: one of both"
    if tokens.jwks_uri is not None and not tokens.jwks_uri.startswith("https://"):
        yield f"{tokens.issuer}: who can answer for {tokens.jwks_uri} could sign tokens — allowed: https"
    if tokens.jwks is not None and (wrong := _no_public_keys(tokens.jwks)):
        yield f"{tokens.issuer}: jwks {wrong}"


def _no_public_keys(text: str) -> str:
    try:
        keys = json.loads(text)["keys"]
    except (ValueError, KeyError, TypeError):
        return 'is no JSON Web Key Set: {"keys": [...]}'
    if not keys:
        return "holds no key"
    private = [one for one in keys if one.get("kty") not in ("RSA", "EC", "OKP") or "d" in one]
    return "holds a key that signs: allowed are public ones (RSA, EC, OKP)" if private else ""


def _rule(tokens: Tokens) -> Spec:
    rule: Spec = {"issuer": tokens.issuer, "audiences": list(tokens.audiences)}
    if tokens.jwks_uri is not None:
        rule["jwksUri"] = tokens.jwks_uri
    if tokens.jwks is not None:
        rule["jwks"] = tokens.jwks
    if tokens.forwarded:
        rule["outputClaimToHeaders"] = [{"header": name, "claim": claim} for name, claim in tokens.forwarded.items()]
    if tokens.spaced:
        rule["spaceDelimitedClaims"] = list(tokens.spaced)
    rule["forwardOriginalToken"] = tokens.passed_on
    return rule


class RequestAuthentication(MeshComponent):
    """Whose tokens the gateway reads; a bad one is answered 401 there, one that is missing passes (`RequireToken`).

    Resources: a RequestAuthentication.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:RequestAuthentication"
    api_version, kind = SECURITY, "RequestAuthentication"

    def __init__(self, name: str, args: TokensArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, request_authentication(args), opts)


@dataclass(frozen=True, kw_only=True)
class RequireTokenArgs:
    """On `hosts` a request needs a token of `issuer`, but for the exact paths in `public`, and preflights (CORS) if `preflights`.

    With `api_keys` it may be, instead, a consumer's whose key the gateway knows (`filters.api_keys`).

    `ports` are those that the gateway's pods listen on: without them Istio would deny what is no HTTP on any other port too.

    Its name is in Envoy's reason of the refusal, by which `filters.local_replies` tells 401 from 403.
    """

    place: Place
    workload: Mapping[str, str]
    hosts: Sequence[str]
    ports: Sequence[int]
    issuer: str
    public: Sequence[str] = ()
    preflights: bool = False
    api_keys: bool = False


def require_token(args: RequireTokenArgs) -> Spec:
    """The spec: a DENY, which no allowance outweighs."""
    if not args.workload or not args.hosts or not args.ports or not ISSUER.fullmatch(args.issuer):
        raise ValueError(f"{args.place.reference}: a token of which issuer, on which hosts, at which pods?")
    for path in args.public:
        validate(path)
        if "*" in path or "{" in path:
            raise BadPattern(
                f"{args.place.reference}: '{path}' is a pattern; what is public is written out, path by path"
            )
    hosts = with_any_port(args.place.reference, args.hosts)
    operation: Spec = {"hosts": hosts, "ports": [str(port) for port in args.ports]}
    if args.public:
        operation["notPaths"] = list(args.public)
    if args.preflights:
        operation["notMethods"] = ["OPTIONS"]
    rule: Spec = {
        "from": [{"source": {"notRequestPrincipals": [f"{args.issuer}/*"]}}],
        "to": [{"operation": operation}],
    }
    if args.api_keys:
        rule["when"] = [{"key": CONDITION, "notValues": ["*"]}]
    return {**selector(args.workload), "action": "DENY", "rules": [rule]}


class RequireToken(MeshComponent):
    """Hosts that nobody enters without a token of their issuer.

    Resources: an AuthorizationPolicy of action DENY.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:RequireToken"
    api_version, kind = SECURITY, "AuthorizationPolicy"

    def __init__(self, name: str, args: RequireTokenArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, require_token(args), opts)
