"""The benchmark's ratios: the least of all rounds counts, and only what is no noise is said to be worse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.bench import __main__ as bench
from tests.bench.__main__ import FILE, RATIOS, TOLERANCE, Measured, Ratio, Spent, measured, spent, worse
from tests.stacks import ROOT


def taking(seconds: Iterator[float]) -> Callable[[Path], Spent]:
    return lambda _: Spent(seconds=next(seconds), megabytes=100)


def ratio(run: list[float], against: list[float], times: int = 1) -> Ratio:
    return Ratio(name="a / b", run=taking(iter(run)), against=taking(iter(against)), times=times, aim=2)


def test_the_least_of_all_rounds_counts(tmp_path: Path) -> None:
    assert measured(ratio([9, 6, 7], [2, 3, 2.5]), 3, tmp_path).value == 3
    assert measured(ratio([6], [2], times=2), 1, tmp_path).value == 1.5


@pytest.mark.parametrize(
    ("recorded", "said"), [({"a / b": 3.0}, []), ({}, []), ({"a / b": 2.0}, ["a / b: 3.00, and 2.00 is recorded"])]
)
def test_only_what_noise_does_not_reach_is_worse(recorded: dict[str, float], said: list[str]) -> None:
    one = Measured(ratio=ratio([], []), run=Spent(seconds=3), against=Spent(seconds=1))
    assert worse([one], recorded) == said
    assert 1.2 < TOLERANCE < 1.5


def test_every_ratio_is_recorded() -> None:
    assert yaml.safe_load(FILE.read_text()).keys() == {ratio.name for ratio in RATIOS}


def test_a_run_that_ends_badly_says_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"ended with 1:\n(.|\n)*No module named nowhere"):
        spent(["nowhere"], tmp_path)


def test_plain_mocks_register_what_was_saved_and_its_cost_is_counted(tmp_path: Path) -> None:
    saved = tmp_path / "resources.json"
    stack = {"urn": "urn:a::b::pulumi:pulumi:Stack::s", "type": "pulumi:pulumi:Stack", "name": "s", "parent": ""}
    child = {"urn": "urn:a::b::x:y:Z$p:q:R::r", "type": "p:q:R", "name": "r", "parent": "urn:a::b::x:y:Z::z"}
    room = {"urn": "urn:a::b::x:y:Z::z", "type": "x:y:Z", "name": "z", "parent": stack["urn"]}
    rows = [{**stack, "custom": False}, {**child, "custom": True}, {**room, "custom": False}]
    saved.write_text(json.dumps({"resources": [{**row, "inputs": {"a": 1}} for row in rows]}))
    took = spent(["tests.bench.plain", saved], ROOT)
    assert took.seconds > 0
    assert took.megabytes > 20


def test_a_ratio_that_is_worse_fails_and_writing_makes_it_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "FILE", tmp_path / "ratios.yaml")
    for recorded, arguments, status in ((1.0, [], 1), (1.0, ["--write"], 0), (None, [], 0)):
        if recorded:
            (tmp_path / "ratios.yaml").write_text(yaml.safe_dump({"a / b": recorded}))
        monkeypatch.setattr(bench, "RATIOS", (ratio([3, 3, 3], [1, 1, 1]),))
        assert bench.main(arguments) == status
    assert "a / b: 3.00, and 1.00 is recorded" in capsys.readouterr().out
    assert yaml.safe_load((tmp_path / "ratios.yaml").read_text()) == {"a / b": 3.0}
