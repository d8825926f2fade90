"""The picture of each system of both stacks in a real Chromium, light and dark, is the one that somebody looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.html.page import page
from rehearsal.recording import Recording
from tests.html import pictures
from tests.html.conftest import report_of
from tests.html.parsed import parsed

NAMES = [(stack, name) for stack in pictures.STACKS for name in pictures.names()]


def pages(dev: Recording, prod: Recording) -> dict[str, str]:
    return {stack: page(report_of(recording, stack)) for stack, recording in (("dev", dev), ("prod", prod))}


@pytest.fixture(scope="module")
def taken(dev: Recording, prod: Recording, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of pictures for each stack."""
    found = {}
    for stack, text in pages(dev, prod).items():
        found[stack] = tmp_path_factory.mktemp(stack)
        pictures.taken(text, found[stack])
    return found


def compared(taken: dict[str, Path], end: str = "") -> dict[tuple[str, str], int]:
    pairs = [(pictures.stored(stack, name), taken[stack] / f"{name}{end}.png") for stack, name in NAMES]
    return dict(zip(NAMES, pictures.differing(pairs), strict=True))


@pytest.mark.judges
def test_each_picture_is_the_one_that_was_looked_at(taken: dict[str, Path]) -> None:
    differ = {one: pixels for one, pixels in compared(taken).items() if pixels > pictures.TOLERANCE}
    assert differ == {}, f"look at them in {taken}; if they are as they should be: `python -m tests.html.pictures`"


@pytest.mark.judges
def test_a_picture_without_one_of_its_boxes_is_another_one(taken: dict[str, Path]) -> None:
    same = {one: pixels for one, pixels in compared(taken, pictures.SPOILED).items() if pixels <= pictures.TOLERANCE}
    assert same == {}


def test_every_system_with_a_picture_is_compared_and_no_other_is_stored(dev: Recording, prod: Recording) -> None:
    for text in pages(dev, prod).values():
        seen = parsed(text)
        figures = [one.attributes["id"] for one in seen.of("figure")]
        assert {id_.partition("-")[0] for id_ in figures} == {*pictures.DRAWN}
    assert {path.stem for path in pictures.FOLDER.glob("*")} == {f"{stack}-{name}" for stack, name in NAMES}


def test_what_is_stored_is_small() -> None:
    assert sum(path.stat().st_size for path in pictures.FOLDER.glob("*")) < 400_000
