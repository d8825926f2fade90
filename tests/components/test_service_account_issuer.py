"""A cluster's keys as AWS reads them: the two documents, against keys and ids made by others."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from infra.components.aws.service_account_issuer import KEYS_PATH, discovery_document, key_id, key_set

PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA249XwEo9k4tM8fMxV7zx
OhcrP+WvXn917koM5Qr2ZXs4vo26e4ytdlrV0bQ9SlcLpQVSYjIxNfhTZdDt+ecI
zshKuv1gKIxbbLQMOuK1eA/4HALyEkFgmS/tleLJrhc65tKPMGD+pKQ/xhmzRuCG
51RoiMgbQxaCyYxGfNLpLAZK9L0Tctv9a0mJmGIYnIOQM4kC1A1I1n3EsXMWmeJU
j7OTh/AjjCnMnkgvKT2tpKxYQ59PgDgU8Ssc7RDSmSkLxnrv+OrN80j6xrw0OjEi
B4Ycr0PqfzZcvy8efTtFQ/Jnc4Bp1zUtFXt7+QeevePtQ2EcyELXE0i63T1CujRM
WwIDAQAB
-----END PUBLIC KEY-----
"""
"""The RSA key of Kubernetes' own tests (pkg/serviceaccount), with the id that they expect."""

KUBERNETES_KEY_ID = "JHJehTTTZlsspKHT-GaJxK7Kd1NQgZJu3fyK6K_QDYU"


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def test_a_keys_id_is_the_one_that_kubernetes_gives_it() -> None:
    assert key_id(PUBLIC_KEY) == KUBERNETES_KEY_ID


def test_every_key_is_in_the_set_with_its_own_numbers() -> None:
    made = [rsa.generate_private_key(65537, 2048).public_key() for _ in range(2)]
    pems = [
        one.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        for one in made
    ]
    keys = json.loads(key_set(pems))["keys"]
    assert [(number(one["n"]), number(one["e"])) for one in keys] == [(one.public_numbers().n, 65537) for one in made]
    assert [one["kid"] for one in keys] == [key_id(pem) for pem in pems]


def test_a_modulus_has_no_byte_more_than_it_needs() -> None:
    (key,) = json.loads(key_set([PUBLIC_KEY]))["keys"]
    assert (len(key["n"]), key["e"], "=" in key["n"]) == (342, "AQAB", False)


def test_a_key_that_aws_does_not_take_is_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = other.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ValueError, match="RS256 only"):
        key_set([pem])


def test_the_discovery_document_has_what_openid_connect_requires() -> None:
    document = json.loads(discovery_document("oidc.example.com"))
    assert document["issuer"] == "https://oidc.example.com"
    assert document["jwks_uri"] == f"https://oidc.example.com/{KEYS_PATH}"
    assert {"response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"} <= set(
        document
    )
