"""What Helm once wrote is asked again only where nothing is different that it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.systems.eco2 import versions
from tests.cluster import charts
from tests.cluster.charts import NotRendered, digest, unread

RELEASE = "external-dns"


class Helm:
    """In Helm's place: the value of `provider` is in what it writes, `refused` it does not take."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, release: str, values: Mapping[str, Any], _: Path | None = None) -> str:
        self.asked += 1
        if values.get("provider") == "refused":
            raise NotRendered("no such provider")
        return f"{release} {values.get('provider')}"


@pytest.fixture(autouse=True)
def helm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Helm:
    stand_in = Helm()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(charts, "template", stand_in)
    made_with(monkeypatch, "helm-1", "charts-1")
    return stand_in


def made_with(monkeypatch: pytest.MonkeyPatch, helm: str, of: str) -> None:
    monkeypatch.setattr(charts, "required_tool", lambda _: Path("/tools", helm, "helm"))
    monkeypatch.setattr(charts, "required_charts", lambda: Path("/charts", of))


def test_the_same_is_asked_once(helm: Helm) -> None:
    assert digest(RELEASE, {"provider": "aws"}) == digest(RELEASE, {"provider": "aws"})
    assert helm.asked == 1


def test_other_values_are_asked_and_told_apart(helm: Helm) -> None:
    assert digest(RELEASE, {"provider": "aws"}) != digest(RELEASE, {"provider": "azure"})
    assert digest(RELEASE, {"nmae": "aws"}) == digest(RELEASE, {"nmae": "azure"})
    assert helm.asked == 4


@pytest.mark.parametrize("other", [("helm-2", "charts-1"), ("helm-1", "charts-2")], ids=["helm", "charts"])
def test_another_helm_and_another_chart_are_asked(
    helm: Helm, other: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest(RELEASE, {"provider": "aws"})
    made_with(monkeypatch, *other)
    digest(RELEASE, {"provider": "aws"})
    assert helm.asked == 2


def test_what_is_asked_of_helm_otherwise_is_asked_again(helm: Helm, monkeypatch: pytest.MonkeyPatch) -> None:
    digest(RELEASE, {"provider": "aws"})
    monkeypatch.setattr(versions, "KUBERNETES", "1.0.0")
    digest(RELEASE, {"provider": "aws"})
    assert helm.asked == 2


def test_a_refusal_is_not_kept(helm: Helm) -> None:
    for _ in range(2):
        with pytest.raises(NotRendered):
            digest(RELEASE, {"provider": "refused"})
    assert helm.asked == 2


def test_a_chart_that_somebody_looks_at_is_asked_each_time(helm: Helm, tmp_path: Path) -> None:
    for _ in range(2):
        digest(RELEASE, {"provider": "aws"}, tmp_path)
    assert helm.asked == 2


def test_what_is_kept_says_the_same_of_values_that_no_template_reads() -> None:
    for _ in range(2):
        assert unread(RELEASE, more={"provider": "aws", "nmae": "aws"}) == ["nmae"]
