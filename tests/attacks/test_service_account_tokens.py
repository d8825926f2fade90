"""A token for AWS, signed by the real API server with keys as the master makes them, and what AWS verifies it with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.components.aws.federation import AUDIENCE
from infra.components.aws.service_account_issuer import DISCOVERY_PATH, KEYS_PATH, discovery_document
from tests.attacks.control_plane import ControlPlane, control_plane
from tests.deploy.pretend_node import context

pytestmark = pytest.mark.verify

ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/controller"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("tokens")) as running:
        yield running


@pytest.fixture(scope="module")
def token(plane: ControlPlane) -> str:
    """What a controller's pod is given for STS."""
    plane.admin.request("POST", ACCOUNT.rpartition("/")[0], {"metadata": {"name": "controller"}})
    status, said = plane.admin.request("POST", f"{ACCOUNT}/token", {"spec": {"audiences": [AUDIENCE]}})
    assert status == 201, said
    return str(said["status"]["token"])


@pytest.fixture(scope="module")
def published(plane: ControlPlane) -> dict[str, Any]:
    """What `publish_keys` sends: the API server's own list."""
    status, said = plane.admin.request("GET", f"/{KEYS_PATH}")
    assert status == 200
    return said


def test_the_token_is_verified_with_what_is_published(token: str, published: dict[str, Any]) -> None:
    keys = jwt.PyJWKSet.from_dict(published)
    signed_with = keys[jwt.get_unverified_header(token)["kid"]]
    issuer = f"https://{context().issuer_host}"
    claims = jwt.decode(token, signed_with, algorithms=["RS256"], audience=AUDIENCE, issuer=issuer)
    assert claims["sub"] == "system:serviceaccount:default:controller"


def test_the_second_key_is_published_and_signs_nothing_yet(token: str, published: dict[str, Any]) -> None:
    (other,) = [one for one in published["keys"] if one["kid"] != jwt.get_unverified_header(token)["kid"]]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, jwt.PyJWK(other), algorithms=["RS256"], audience=AUDIENCE)


def test_what_is_published_holds_nothing_private(published: dict[str, Any]) -> None:
    for one in published["keys"]:
        assert one.keys() == {"use", "kty", "kid", "alg", "n", "e"}


def test_a_token_that_somebody_else_signs_is_not_verified(token: str, published: dict[str, Any]) -> None:
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(
        claims, rsa.generate_private_key(65537, 2048), algorithm="RS256", headers={"kid": header["kid"]}
    )
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(forged, jwt.PyJWKSet.from_dict(published)[header["kid"]], algorithms=["RS256"], audience=AUDIENCE)


def test_a_token_for_aws_is_none_for_the_api_server(plane: ControlPlane, token: str) -> None:
    assert plane.caller(token=token).request("GET", "/api/v1/namespaces")[0] == 401


def test_the_description_says_what_the_api_servers_own_does(plane: ControlPlane) -> None:
    status, said = plane.admin.request("GET", f"/{DISCOVERY_PATH}")
    assert status == 200
    ours = json.loads(discovery_document(context().issuer_host))
    assert {key: ours.get(key) for key in said} == said
