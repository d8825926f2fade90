"""Tokens of the cluster's accounts, made by a real kube-apiserver: who may ask for whose, and which role of AWS each becomes.

External Secrets is taken over here, with the rights that its own chart gives it; and every account tries every role.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from infra.components.aws.federation import AUDIENCE
from infra.components.cluster.accounts import ROLE_ANNOTATION
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.attacks.test_github_subjects import ISSUER
from tests.cluster.api_server import ApiServer, Verdict, api_server
from tests.cluster.charts import parts, rendered
from tests.iam import policies_of, trusts
from tests.mesh.manifests import Manifest
from tools.chart_sources import SOURCES

pytestmark = pytest.mark.verify

TAKEN_OVER = "system:serviceaccount:external-secrets:external-secrets"
GUARD = "external-secrets-tokens"
VICTIM = ("argocd", "argocd-application-controller")


def kubernetes(recording: Recording) -> list[Manifest]:
    return [reveal(one.inputs) for one in recording if one.custom and one.type.startswith("kubernetes:")]


def accounts(recording: Recording) -> dict[tuple[str, str], str]:
    """Every account that prod renders, or gives a chart, with a role of AWS; and the role's name."""
    found = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one["metadata"]
        .get("annotations", {})
        .get(ROLE_ANNOTATION)
        for one in kubernetes(recording)
        if one["kind"] == "ServiceAccount"
    }
    return {account: arn.rpartition("/")[2] for account, arn in found.items() if arn}


@pytest.fixture(scope="module")
def guard(prod: Recording) -> list[Manifest]:
    return [one for one in kubernetes(prod) if one["metadata"]["name"] == GUARD]


@pytest.fixture(scope="module")
def rights() -> list[Manifest]:
    """What External Secrets' chart lets its account do."""
    kinds = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"}
    return [one for one in rendered("external-secrets") if one["kind"] in kinds]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, prod: Recording, rights: list[Manifest]) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("api-server"), []) as running:
        whose = {VICTIM, ("gateway-lab", "default"), ("kube-system", "default"), *accounts(prod)}
        spaces = {one["metadata"].get("namespace", "external-secrets") for one in rights} | {one for one, _ in whose}
        for name in sorted(spaces - {"kube-system"}):
            running.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for namespace, name in sorted(whose):
            about = {"name": name, "namespace": namespace}
            running.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about})
        for one in rights:
            verdict = running.create(one)
            assert verdict.status in (201, 409), verdict.message
        yield running


def ask(server: ApiServer, account: tuple[str, str], *audiences: str, user: str | None = TAKEN_OVER) -> Verdict:
    path = f"/api/v1/namespaces/{account[0]}/serviceaccounts/{account[1]}/token"
    return server.request("POST", path, {"spec": {"audiences": [*audiences]}}, user=user)


@pytest.fixture(scope="module")
def guarded(server: ApiServer, guard: list[Manifest]) -> ApiServer:
    """Once the guard holds; what it says of whoever it is not about does not show that."""
    assert {one["kind"] for one in guard} == {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    assert ask(server, VICTIM).status == 201, "without it the attack wins: the chart's rights are a token of anybody"
    for one in guard:
        verdict = server.create(one)
        assert verdict.status == 201, verdict.message
    deadline = time.monotonic() + 30
    while ask(server, VICTIM).status == 201:
        assert time.monotonic() < deadline, "the guard never held"
        time.sleep(0.1)
    return server


STORES = [("gateway", "parameters"), ("gateway-lab", "parameters"), ("immersiverse", "parameters")]


@pytest.mark.parametrize("account", STORES, ids="/".join)
def test_it_asks_for_the_tokens_of_the_tenants_stores(guarded: ApiServer, account: tuple[str, str]) -> None:
    verdict = ask(guarded, account, AUDIENCE)
    assert verdict.status == 201, verdict.message
    claims = jwt.decode(verdict.body["status"]["token"], options={"verify_signature": False})
    assert (claims["aud"], claims["sub"]) == ([AUDIENCE], f"system:serviceaccount:{account[0]}:{account[1]}")


@pytest.mark.parametrize(
    ("account", "audiences"),
    [
        (VICTIM, ()),
        (VICTIM, (AUDIENCE,)),
        (("kube-system", "default"), ()),
        (("gateway-lab", "default"), (AUDIENCE,)),
        (("gateway", "svc-wallet"), (AUDIENCE,)),
        # For the API server itself, or for it too.
        (("gateway", "parameters"), ()),
        (("gateway", "parameters"), ("https://issuer.test",)),
        (("gateway", "parameters"), (AUDIENCE, "https://issuer.test")),
    ],
)
def test_it_becomes_nobody_else(guarded: ApiServer, account: tuple[str, str], audiences: tuple[str, ...]) -> None:
    verdict = ask(guarded, account, *audiences)
    assert (verdict.status, GUARD in verdict.message) == (403, True), verdict.message


def test_others_are_not_its_affair(guarded: ApiServer) -> None:
    """Such as a kubelet, which asks for the pods of its node."""
    assert ask(guarded, VICTIM, user=None).status == 201


def test_no_other_chart_that_can_be_rendered_may_ask_for_anybodys_token() -> None:
    asking = {
        release
        for release in SOURCES.keys() & parts().keys()
        for one in rendered(release)
        for rule in (one.get("rules") or () if one["kind"] in ("ClusterRole", "Role") else ())
        if _asks(rule)
    }
    assert asking == {"external-secrets"}


def test_the_cloud_controller_has_the_rights_of_the_controllers_that_it_runs() -> None:
    """Its chart's own list has every account's token, every Service and every volume: it is for controllers that are off here."""
    (role,) = [one for one in rendered("aws-cloud-controller-manager") if one["kind"] == "ClusterRole"]
    kinds = {resource for rule in role["rules"] for resource in rule["resources"]}
    assert kinds == {"nodes", "nodes/status", "events", "leases", "tokenreviews", "subjectaccessreviews"}
    assert not [rule for rule in role["rules"] if "*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])]


def _asks(rule: dict[str, Any]) -> bool:
    resources, verbs = {*rule.get("resources", ())}, {*rule.get("verbs", ())}
    core = bool({*rule.get("apiGroups", ())} & {"", "*"}) and not rule.get("resourceNames")
    return core and bool(resources & {"serviceaccounts/token", "*"}) and bool(verbs & {"create", "*"})


def test_every_account_becomes_its_own_role_and_no_other(guarded: ApiServer, prod: Recording) -> None:
    """With the claims of tokens as the API server makes them, for every role that trusts the cluster."""
    own = accounts(prod)
    assert {role for role in own.values() if role.startswith("exchange-")} == {
        "exchange-prod-svc-risk-control", "exchange-prod-svc-trading-api", "exchange-prod-svc-wallet",
    }  # fmt: skip
    (issuer,) = {one["url"].removeprefix("https://") for one in prod.of("OpenIdConnectProvider")} - {ISSUER}
    trusting = [one for one in prod.of("aws:iam/role:Role") if issuer in one["assumeRolePolicy"]]
    assert set(own.values()) <= {one["name"] for one in trusting}
    for (namespace, name), role in {**own, ("gateway-lab", "default"): None, VICTIM: None}.items():
        verdict = ask(guarded, (namespace, name), AUDIENCE, user=None)
        claims = jwt.decode(verdict.body["status"]["token"], options={"verify_signature": False})
        taken = [one["name"] for one in trusting if trusts(one, issuer=issuer, sub=claims["sub"], aud=claims["aud"][0])]
        assert taken == ([role] if role else []), f"{namespace}/{name}"
        # A token that a pod of it has for the API server, brought to AWS.
        plain = ask(guarded, (namespace, name), user=None).body["status"]["token"]
        audience = jwt.decode(plain, options={"verify_signature": False})["aud"][0]
        assert not [one for one in trusting if trusts(one, issuer=issuer, sub=claims["sub"], aud=audience)]


def test_what_an_exchange_service_may_do_in_aws_is_to_add_to_its_own_folder(prod: Recording) -> None:
    services = ("svc-risk-control", "svc-trading-api", "svc-wallet")
    (bucket,) = {
        resource.rpartition("/")[0].removesuffix("/*").partition("/")[0]
        for service in services
        for one in policies_of(prod, f"exchange-prod-{service}").statements
        for resource in ([one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"])
        if resource.startswith("arn:aws:s3:::")
    }
    for service in services:
        mine = policies_of(prod, f"exchange-prod-{service}")
        for other in services:
            for action in (
                "s3:PutObject",
                "s3:GetObject",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
                "s3:BypassGovernanceRetention",
            ):
                may = mine.allow(action, f"{bucket}/{other}/2026/11/29/a.json")
                assert may is (service == other and action == "s3:PutObject"), (service, action, other)
