"""Exemptions go by what a stack is, whatever its name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from infra.settings.model import Platform
from policy import configured
from policy.catalog import NAMES
from policy.exemptions import load_exemptions
from policy.run import Finding, Judgement
from policy.tiers import PRODUCTION, THROWAWAY, TIERS, tier_of
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run as run_program
from rehearsal.judging import judged, seen_by_rules
from rehearsal.recording import Recording
from tests.policy.test_run import box, exemption, run
from tests.stacks import ACCOUNT, REGION, changed_stack, program, stack_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project that the pack is in."""
    monkeypatch.setattr(configured, "_ROOT", tmp_path)
    configured.forget()
    yield tmp_path
    configured.forget()


OWN = {
    "wealist.domain": "staging.example.com",
    "wealist.bucket_prefix": "wealist-staging",
    "wealist.network.cidr": "10.21.0.0/16",
}
"""What two stacks of an account may not share."""


def make(folder: Path, stack: str, like: str, *systems: str) -> None:
    """A third stack's file, or that of the one it is like."""
    changed_stack(folder, like, {"platform.systems": list(systems), **({} if stack == like else OWN)})
    (folder / f"Pulumi.{like}.yaml").rename(folder / f"Pulumi.{stack}.yaml")


@pytest.mark.parametrize(("like", "tier"), [("dev", THROWAWAY), ("prod", PRODUCTION)])
def test_a_stack_of_another_name_is_what_its_file_says(
    folder: Path, like: str, tier: str, request: pytest.FixtureRequest
) -> None:
    make(folder, "staging", like, "wealist")
    make(folder, like, like, "wealist")
    assert (tier_of("staging"), tier_of(like), tier_of("another")) == (tier, tier, PRODUCTION)
    real: Recording = request.getfixturevalue(like)
    other, same = _judged(_built(folder, "staging")), _judged(real.part("wealist"))
    assert len(other.exempted) == len(same.exempted) > 5
    assert _names(other.stopping) == _names(same.stopping)
    assert other.stale == same.stale


def _built(folder: Path, stack: str) -> Recording:
    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder) as cloud:
        return run_program(program, stack_file(stack, folder), cloud)


def _judged(recording: Recording) -> Judgement:
    return judged(seen_by_rules(recording), load_exemptions(NAMES))


def _names(findings: Iterable[Finding]) -> set[tuple[str, str]]:
    return {(one.rule.name, one.resource.name) for one in findings}


def test_what_a_throwaway_stack_may_a_production_stack_may_not(folder: Path) -> None:
    make(folder, "brief", "dev", "wealist")
    make(folder, "live", "prod", "wealist")
    kept = exemption("throwaway/a")
    assert [len(run([box("a", stack=name, open=True, lid="on")], kept).stopping) for name in ("brief", "live")] == [
        0,
        1,
    ]


@pytest.mark.parametrize("text", [None, "config: {}\n", "config:\n  edge-platform:platform: {tier: any}\n", ""])
def test_a_stack_of_which_nothing_is_known_is_production(folder: Path, text: str | None) -> None:
    if text is not None:
        (folder / "Pulumi.other.yaml").write_text(text)
    assert tier_of("other") == PRODUCTION


def test_the_engines_configuration_counts_more_than_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(folder, "staging", "dev", "wealist")
    monkeypatch.setenv("PULUMI_STACK", "staging")
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"edge-platform:platform": json.dumps({"tier": "production"})}))
    assert tier_of("staging") == PRODUCTION


def test_the_tiers_are_those_that_a_stack_file_may_say() -> None:
    assert get_args(Platform.model_fields["tier"].annotation) == TIERS
