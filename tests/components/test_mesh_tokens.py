"""A tenant's own tokens: what the builders write, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.components.mesh.authorization import (
    AllowArgs,
    Anyone,
    Bearer,
    ExternalAuthorizationArgs,
    Preflight,
    allow,
    external_authorization,
)
from infra.components.mesh.filters.local_replies import ANSWERED, json_errors, local_replies, token_missing
from infra.components.mesh.objects import Place
from infra.components.mesh.tokens import RequireTokenArgs, Tokens, TokensArgs, request_authentication, require_token

PLACE, EDGE, HOST = Place(name="books-token", namespace="istio-system"), {"istio": "gateway"}, "books.example.com"
PUBLIC_KEY = {"kty": "RSA", "n": "AQAB", "e": "AQAB"}
TOKENS = Tokens(issuer="https://login.example.org/", audiences=["books"], jwks_uri="https://login.example.org/keys")
READ = TokensArgs(place=PLACE, workload=EDGE, tokens=[TOKENS])
REQUIRED = RequireTokenArgs(
    place=PLACE, workload=EDGE, hosts=[HOST], ports=[8080], issuer=TOKENS.issuer, public=["/health"]
)
READER = Bearer(issuer=TOKENS.issuer, paths=["/books/*"], hosts=[HOST], claims={"scope": ["books:read"]})


def test_tokens_are_for_an_audience_and_stay_at_the_gateway() -> None:
    assert request_authentication(READ)["jwtRules"] == [
        {
            "issuer": "https://login.example.org/",
            "audiences": ["books"],
            "jwksUri": "https://login.example.org/keys",
            "forwardOriginalToken": False,
        }
    ]


def test_claims_become_headers_and_words_of_a_claim_are_parted() -> None:
    told = replace(TOKENS, forwarded={"x-user-id": "sub"}, spaced=["may"], passed_on=True)
    (rule,) = request_authentication(replace(READ, tokens=[told]))["jwtRules"]
    assert rule["outputClaimToHeaders"] == [{"header": "x-user-id", "claim": "sub"}]
    assert rule["spaceDelimitedClaims"] == ["may"]
    assert rule["forwardOriginalToken"] is True


def test_a_required_token_names_its_issuer_and_the_host_with_any_port() -> None:
    assert require_token(replace(REQUIRED, preflights=True))["rules"] == [
        {
            "from": [{"source": {"notRequestPrincipals": ["https://login.example.org//*"]}}],
            "to": [
                {
                    "operation": {
                        "hosts": [HOST, f"{HOST}:*"],
                        "ports": ["8080"],
                        "notPaths": ["/health"],
                        "notMethods": ["OPTIONS"],
                    }
                }
            ],
        }
    ]


def test_an_allowance_by_token_names_issuer_host_path_and_claims() -> None:
    (rule,) = allow(
        AllowArgs(place=PLACE, workload=EDGE, callers=[replace(READER, methods=["GET"], addresses=["10.0.0.0/8"])])
    )["rules"]
    assert rule == {
        "from": [{"source": {"requestPrincipals": ["https://login.example.org//*"], "remoteIpBlocks": ["10.0.0.0/8"]}}],
        "to": [{"operation": {"paths": ["/books/*"], "hosts": [HOST, f"{HOST}:*"], "methods": ["GET"]}}],
        "when": [{"key": "request.auth.claims[scope]", "values": ["books:read"]}],
    }  # fmt: skip


def test_a_preflight_is_one_by_its_headers() -> None:
    (rule,) = allow(AllowArgs(place=PLACE, workload=EDGE, callers=[Preflight(paths=["/x"], hosts=[HOST])]))["rules"]
    assert rule["to"][0]["operation"]["methods"] == ["OPTIONS"]
    assert {one["key"] for one in rule["when"]} == {
        "request.headers[origin]", "request.headers[access-control-request-method]",
    }  # fmt: skip


def test_the_clusters_authorizer_is_not_asked_about_hosts_with_tokens_of_their_own() -> None:
    asked = ExternalAuthorizationArgs(place=PLACE, workload=EDGE, provider="x", paths=["/api/*"], not_hosts=[HOST])
    assert external_authorization(asked)["rules"][0]["to"][0]["operation"]["notHosts"] == [HOST, f"{HOST}:*"]


def test_replies_of_the_gateway_say_no_more_than_their_status() -> None:
    mappers = json_errors([HOST])
    assert len(mappers) == len(ANSWERED) + 1
    texts = json.dumps(mappers)
    assert "LOCAL_REPLY_BODY" not in texts
    assert "RESPONSE_CODE_DETAILS" not in texts
    assert token_missing(PLACE)["status_code"] == 401


def loose(callers: object) -> Callable[[], object]:
    return lambda: allow(AllowArgs(place=PLACE, workload=EDGE, callers=[callers]))  # type: ignore[list-item]


REFUSED: dict[str, tuple[str, Callable[[], object]]] = {
    "for anybody's service": ("without an audience", lambda: read(audiences=[])),
    "no keys": ("one of both", lambda: read(jwks_uri=None)),
    "keys from two places": ("one of both", lambda: read(jwks=json.dumps({"keys": [PUBLIC_KEY]}))),
    "keys in the clear": ("could sign tokens", lambda: read(jwks_uri="http://login.example.org/keys")),
    "no key set": ("no JSON Web Key Set", lambda: read(jwks_uri=None, jwks="[]")),
    "an empty one": ("holds no key", lambda: read(jwks_uri=None, jwks='{"keys": []}')),
    "a private key": ("a key that signs", lambda: read(jwks_uri=None, jwks=json.dumps({"keys": [{**PUBLIC_KEY, "d": "x"}]}))),
    "a shared secret": ("a key that signs", lambda: read(jwks_uri=None, jwks='{"keys": [{"kty": "oct", "k": "x"}]}')),
    "any issuer": ("is no issuer", lambda: read(issuer="*")),
    "every gateway": ("by which pods", lambda: request_authentication(replace(READ, workload={}))),
    "required of any issuer": ("which issuer", lambda: require_token(replace(REQUIRED, issuer="*"))),
    "public by pattern": ("is a pattern", lambda: require_token(replace(REQUIRED, public=["/books/*"]))),
    "any host": ("not the name of one host", lambda: require_token(replace(REQUIRED, hosts=["*.example.com"]))),
    "any claim": ("written out", loose(replace(READER, claims={"scope": ["*"]}))),
    "a claim of nothing": ("written out", loose(replace(READER, claims={"scope": []}))),
    "a token on any host": ("of a host", loose(replace(READER, hosts=[]))),
    "a token of any issuer": ("is no issuer", loose(replace(READER, issuer="*"))),
    "a preflight of every path": ("named paths only", loose(Preflight(paths=[], hosts=[HOST]))),
    "anyone, everywhere": ("named paths only", loose(Anyone(paths=[]))),
    "nothing to map": ("no reply to map", lambda: local_replies([])),
    "errors of no host": ("of which hosts", lambda: json_errors([])),
}  # fmt: skip


def read(**changes: object) -> object:
    return request_authentication(replace(READ, tokens=[replace(TOKENS, **changes)]))  # type: ignore[arg-type]


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_open_more_than_it_says_is_refused(what: str) -> None:
    said, refused = REFUSED[what]
    with pytest.raises(ValueError, match=said):
        refused()
