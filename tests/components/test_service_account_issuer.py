"""A cluster as an identity provider: the description that AWS reads first. The keys are the control plane's: tests/attacks/."""

from __future__ import annotations

import json

from infra.components.aws.service_account_issuer import KEYS_PATH, discovery_document


def test_the_discovery_document_has_what_openid_connect_requires() -> None:
    document = json.loads(discovery_document("oidc.example.com"))
    assert document["issuer"] == "https://oidc.example.com"
    assert document["jwks_uri"] == f"https://oidc.example.com/{KEYS_PATH}"
    assert {"response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"} <= set(
        document
    )
