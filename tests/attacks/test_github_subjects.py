"""Who tries to be one of GitHub's roles: a fork, a pull request, another repository, another environment, a recycled name.

How subjects are spelled: docs.github.com, "OpenID Connect reference", and for those with immutable ids the changelog of
2026-04-23 with github/docs#45221 (`repo:octocat@123456/my-repo@456789:…`, default since 2026-07-15); read 2026-11-28.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from policy.catalog import ALL_RULES
from policy.rules.model import Stack
from policy.run import examine, guarded
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording
from tests.iam import trusts
from tests.stacks import ACCOUNT, REGION, changed_stack, program

ISSUER = "token.actions.githubusercontent.com"
PIPELINE = "wealist-github-actions-role"
OWN = "OrangesCloud/wealist-project"
WITH_IDS = "OrangesCloud@1001/wealist-project@2002"
STRANGERS = (
    "repo:OrangesCloud/wealist-project:ref:refs/heads/deploy-prod",
    "repo:OrangesCloud/wealist-project:pull_request",
    "repo:OrangesCloud/wealist-project:environment:dev",
    "repo:OrangesCloud/wealist-project:environment:prod-preview",
    "repo:OrangesCloud/wealist-project2:environment:prod",
    "repo:OrangesCloud/another:environment:prod",
    "repo:orangescloud/another:ref:refs/heads/main",
    "repo:stranger/wealist-project:environment:prod",
    "repo:OrangesCloud@9/wealist-project@9:environment:prod",
)


def may_be(stack: Recording, role: str, subject: str, audience: str = "sts.amazonaws.com") -> bool:
    return trusts(stack.one("aws:iam/role:Role", role), issuer=ISSUER, sub=subject, aud=audience)


@pytest.fixture(scope="module")
def wealist_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Recording]:
    """prod's wealist alone, with other settings for GitHub."""

    def stand(**github: Any) -> Recording:
        folder = tmp_path_factory.mktemp("prod")
        changes = {"platform.systems": ["wealist"], **{f"wealist.github.{key}": to for key, to in github.items()}}
        with open_cloud(region=REGION, account=ACCOUNT, manifests=folder / "manifests") as cloud:
            return run(program, changed_stack(folder, "prod", changes), cloud)

    return stand


def test_the_pipeline_is_its_repositorys_in_the_environment_of_the_stack(prod: Recording, dev: Recording) -> None:
    assert may_be(prod, PIPELINE, f"repo:{OWN}:environment:prod")
    assert may_be(dev, PIPELINE, f"repo:{OWN}:environment:dev")
    assert not may_be(dev, PIPELINE, f"repo:{OWN}:environment:prod")
    assert not may_be(prod, PIPELINE, f"repo:{OWN}:environment:prod", audience="https://github.com/OrangesCloud")


@pytest.mark.parametrize("subject", STRANGERS)
def test_nobody_else_becomes_wealists_pipeline(prod: Recording, subject: str) -> None:
    assert not may_be(prod, PIPELINE, subject)


@pytest.mark.parametrize("subject", STRANGERS)
@pytest.mark.parametrize("label", ["deploy", "drift", "images", "preview"])
def test_nobody_else_becomes_a_delivery_role(prod: Recording, label: str, subject: str) -> None:
    assert not may_be(prod, f"delivery-{label}-role", subject)


def test_a_subject_with_ids_is_trusted_where_the_settings_spell_it_so(wealist_with: Callable[..., Recording]) -> None:
    stack = wealist_with(repositories=[WITH_IDS])
    assert may_be(stack, PIPELINE, f"repo:{WITH_IDS}:environment:prod")
    # Whoever gets the name once it is free has other ids, or is asked for none.
    assert not may_be(stack, PIPELINE, f"repo:{OWN}:environment:prod")
    assert not may_be(stack, PIPELINE, "repo:OrangesCloud@1001/wealist-project@9:environment:prod")


@pytest.fixture(scope="module")
def as_documented(wealist_with: Callable[..., Recording]) -> Recording:
    return wealist_with(repositories=[OWN], subjects_like=["repo:OrangesCloud/*", "repo:orangescloud/*"])


def test_the_documents_subjects_can_be_had_and_the_policies_say_so(as_documented: Recording) -> None:
    stack = as_documented
    # What the attacker wins with them: any branch of any of the organisation's repositories.
    assert may_be(stack, PIPELINE, "repo:OrangesCloud/another:ref:refs/heads/x")
    assert may_be(stack, PIPELINE, f"repo:{OWN}:environment:prod")
    assert not may_be(stack, PIPELINE, "repo:OrangesCloud/another:ref:refs/heads/x", audience="sigstore")
    resources = [guarded(one) for one in seen_by_rules(stack)]
    findings, _ = examine(ALL_RULES, Stack(resources), [one for one in resources if one.name == PIPELINE])
    of_role = {(one.rule.name, one.rule.mandatory) for one in findings if one.resource.name == PIPELINE}
    assert of_role == {("iam-trust-subject-exact", True)}


def test_a_trust_policy_has_the_audience_in_every_statement(as_documented: Recording) -> None:
    for one in json.loads(as_documented.one("aws:iam/role:Role", PIPELINE)["assumeRolePolicy"])["Statement"]:
        assert one["Condition"]["StringEquals"][f"{ISSUER}:aud"] == "sts.amazonaws.com"
