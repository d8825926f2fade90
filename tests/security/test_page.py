"""docs/security.md is what the stacks are, and what it says of a role is what IAM would decide."""

from __future__ import annotations

import re

from rehearsal.recording import Recording
from tests.security.graph import held, roles
from tests.security.page import render
from tests.stacks import ROOT


def test_the_page_is_up_to_date(dev: Recording, prod: Recording) -> None:
    assert (ROOT / "docs/security.md").read_text() == render({"dev": dev, "prod": prod}), "run `make docs`"


def test_every_role_is_on_it(prod: Recording) -> None:
    assert len(roles(prod, "prod")) == len(prod.of("aws:iam/role:Role")) > 20


def test_who_reads_which_secret(prod: Recording) -> None:
    found = {one.name: one.secrets for one in roles(prod, "prod")}
    assert found["eco2-<stack>-postgres-backup"] == ()
    assert found["delivery-<stack>-images"] == ()
    assert found["delivery-<stack>-drift"] == found["delivery-<stack>-preview"] == ()
    assert "what the state holds (alias/edge-platform-state-<stack>)" in found["delivery-<stack>-deploy"]
    assert "/wealist/<stack>/db/" in found["delivery-<stack>-deploy"], "it makes them"
    assert "/eco2/<stack>/jwt/" in found["eco2-<stack>-external-secrets"]
    assert not [one for one in found["eco2-<stack>-external-secrets"] if one.startswith("/wealist/")]
    assert found["wealist-<stack>-monitoring-role"] == ("/wealist/<stack>/monitoring/",)
    assert [one for one, secrets in found.items() if "the master's password of wealist-<stack>-rds" in secrets] == [
        "wealist-<stack>-database-init-role"
    ]


def test_each_of_the_clusters_secrets_names_its_parameters(prod: Recording) -> None:
    assert len(held(prod, "prod")) > 10
    assert all(one.parameters for one in held(prod, "prod"))


def test_what_holds_a_boundary_is_there() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", (ROOT / "tests/security/page.md").read_text())
    assert len(named) > 6
    assert [path for path in named if not (ROOT / path).exists()] == []
