"""`make preview` reads the page of renames as the engine does (`tests/rehearsal/test_engine_renames.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.preview.comparison import compare
from rehearsal.preview.snapshot import Snapshot
from tests.preview.renames import AFTER, BEFORE, ROWS, WITHOUT_ALIAS, advice, seen


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return seen(tmp_path_factory.mktemp("before"), BEFORE)


def test_an_alias_goes_on_with_what_there_was(before: Snapshot, tmp_path: Path) -> None:
    comparison = compare("test", before, seen(tmp_path, AFTER))
    assert comparison.changes == ()
    assert {now.name for _, now in comparison.renamed} >= {row.name(row.after) for row in ROWS}


def test_without_one_each_row_is_a_loss_and_its_own_alias_is_advised(before: Snapshot, tmp_path: Path) -> None:
    advised = advice(before, seen(tmp_path, WITHOUT_ALIAS))
    for row in ROWS:
        alias = advised[row.name(row.after)].replace("pulumi.", "")
        assert row.with_alias(alias) == row.after or '(parent="urn:pulumi:test::shop::platform:shop:Archive::' in alias
