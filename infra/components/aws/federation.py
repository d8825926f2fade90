"""Who is somebody outside AWS: GitHub Actions' workflows and a cluster's service accounts. OIDC instead of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.aws.iam import Statement, policy_document
from infra.tags import Tags, named

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"


def github_provider_arn(account: str) -> str:
    """The ARN of the account's provider for GitHub, whoever made it."""
    return f"arn:aws:iam::{account}:oidc-provider/{ISSUER}"


def github_provider(name: str, tags: Tags, opts: pulumi.ResourceOptions | None = None) -> pulumi.Output[str]:
    """Make the account's provider for GitHub and give its ARN. AWS trusts GitHub's certificate by its own store: no thumbprint."""
    provider = aws.iam.OpenIdConnectProvider(
        name, url=f"https://{ISSUER}", client_id_lists=[AUDIENCE], tags=named(tags, ISSUER), opts=opts
    )
    return provider.arn


def trust_github(
    provider_arn: pulumi.Input[str], subjects: Sequence[str], *, like: Sequence[str] = ()
) -> pulumi.Output[str]:
    """A trust policy for workflows whose subject is one of `subjects`, letter by letter, with AWS as audience.

    `like` are further subjects in which `*` stands for any text: whoever makes such a subject anywhere becomes the role.
    """
    tests = [("StringEquals", subjects), ("StringLike", like)]
    return policy_document(*(_trust(provider_arn, operator, values) for operator, values in tests if values))


def _trust(provider_arn: pulumi.Input[str], operator: str, subjects: Sequence[str]) -> Statement:
    condition: dict[str, dict[str, pulumi.Input[Any]]] = {"StringEquals": {f"{ISSUER}:aud": AUDIENCE}}
    condition.setdefault(operator, {})[f"{ISSUER}:sub"] = list(subjects)
    return Statement(
        actions=["sts:AssumeRoleWithWebIdentity"], principals={"Federated": provider_arn}, condition=condition
    )


def trust_service_account(
    provider: pulumi.Input[str], *, issuer_host: str, namespace: str, service_account: str
) -> pulumi.Output[str]:
    """A trust policy for one Kubernetes service account, by a token of that issuer that is meant for AWS."""
    return policy_document(
        Statement(
            actions=["sts:AssumeRoleWithWebIdentity"],
            principals={"Federated": provider},
            condition={
                "StringEquals": {
                    f"{issuer_host}:aud": AUDIENCE,
                    f"{issuer_host}:sub": f"system:serviceaccount:{namespace}:{service_account}",
                }
            },
        )
    )
