"""Every row of the page of renames on the engine: with its alias nothing happens, without it something is made anew."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from rehearsal.engine.events import Step
from rehearsal.engine.stack import Changes
from rehearsal.inprocess import ProgramFailed
from tests.preview.renames import AFTER, BEFORE, RESOURCES, ROWS, WITHOUT_ALIAS, Row, advice, seen, write
from tests.rehearsal.engine_rig import open_rig

pytestmark = pytest.mark.verify


@dataclass(frozen=True, kw_only=True)
class Renamed:
    """A stack that stood, and what the engine says of the program with other names."""

    without_alias: list[Step]
    refused: str
    as_advised: Changes
    with_alias: Changes
    later: Changes


@pytest.fixture(scope="module")
def advised(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The rows with what `make preview` advises; before the rig, since there is one account."""
    before, without = (seen(tmp_path_factory.mktemp("seen"), calls) for calls in (BEFORE, WITHOUT_ALIAS))
    found = advice(before, without)
    return [row.with_alias(found[row.name(row.after)]) for row in ROWS]


@pytest.fixture(scope="module")
def renamed(advised: list[str], tmp_path_factory: pytest.TempPathFactory) -> Renamed:
    with open_rig(tmp_path_factory.mktemp("renames"), secrets=False) as rig:
        stack, steps, refused = rig.stack(), list[Step](), ""
        write(rig.root, BEFORE)
        assert stack.up() == {"create": RESOURCES}
        write(rig.root, WITHOUT_ALIAS)
        try:
            stack.preview(steps.append)
        except ProgramFailed as error:
            refused = str(error)
        write(rig.root, advised)
        as_advised = stack.preview()
        write(rig.root, AFTER)
        with_alias = stack.up()
        write(rig.root, WITHOUT_ALIAS)
        return Renamed(
            without_alias=steps, refused=refused, as_advised=as_advised, with_alias=with_alias, later=stack.up()
        )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_without_an_alias_the_engine_makes_it_anew_and_deletes_the_old_one(renamed: Renamed, row: Row) -> None:
    begun = {(step.operation, step.name) for step in renamed.without_alias if not step.type.startswith("platform:")}
    assert {("create", row.name(row.after)), ("delete", row.name(row.before))} <= begun


def test_the_engine_stops_at_what_is_protected_alone(renamed: Renamed) -> None:
    named = re.findall(r"^([\w-]+): .*cannot be deleted because it is protected", renamed.refused, re.MULTILINE)
    assert sorted(named) == ["shop-archive", "shop-files"]


def test_with_its_alias_nothing_happens_nor_when_that_is_taken_away_later(renamed: Renamed) -> None:
    assert renamed.with_alias == renamed.later == {"same": RESOURCES}


def test_nothing_happens_with_the_aliases_that_the_preview_advises(renamed: Renamed) -> None:
    assert renamed.as_advised == {"same": RESOURCES}
