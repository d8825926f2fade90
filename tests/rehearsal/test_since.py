"""What `make up` says of the difference to the run before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rehearsal.report.since import since


def saved(path: Path, **resources: dict[str, Any]) -> Path:
    entries = [
        {"urn": f"urn:pulumi:dev::x::a:b:C::{name}", "id": f"{name}-0a1b2c3d", "outputs": {}, "inputs": {}, **each}
        for name, each in resources.items()
    ]
    path.write_text(json.dumps({"resources": entries}))
    return path


def test_what_came_went_and_changed_is_named(tmp_path: Path) -> None:
    before = saved(tmp_path / "a", gone={}, kept={}, other={"inputs": {"size": 1}})
    now = saved(tmp_path / "b", new={}, kept={}, other={"inputs": {"size": 2}})
    difference = since(before, now)
    assert difference
    assert difference.lines() == ["1 added: new", "1 removed: gone", "1 changed: other"]


def test_what_the_account_makes_up_anew_is_no_difference(tmp_path: Path) -> None:
    files = [
        saved(tmp_path / run, vpc={"id": f"vpc-{run}"}, net={"inputs": {"vpcId": f"vpc-{run}", "cidr": "10.0.0.0/24"}})
        for run in ("00aa11bb", "22cc33dd")
    ]
    difference = since(*files)
    assert difference
    assert difference.lines() == ["nothing"]


def test_many_are_counted_and_a_few_are_named(tmp_path: Path) -> None:
    difference = since(saved(tmp_path / "a"), saved(tmp_path / "b", **{f"r{n:02}": {} for n in range(12)}))
    assert difference
    assert difference.lines() == ["12 added: r00, r01, r02, r03, r04, r05, r06, r07 and 4 more"]


def test_a_first_run_is_compared_with_nothing(tmp_path: Path) -> None:
    assert since(tmp_path / "none", saved(tmp_path / "b")) is None
