"""The report in a real Chromium without a network: axe, search, the contents by keyboard, light, dark, narrow, on paper."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.stacks import ROOT
from tests.tools import required_command, required_outsiders

pytestmark = pytest.mark.judges

VIEWS = ("light 1400", "dark 480")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def looked(text: str, folder: Path) -> dict[str, dict[str, Any]]:
    (folder / "report.html").write_text(text)
    done = subprocess.run(
        [
            required_outsiders(), ROOT / "tests/html/look.py",
            required_command("chromium"), folder / "report.html", folder,
        ],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(looked: dict[str, dict[str, Any]], view: str) -> None:
    assert looked[view]["violations"] == []
    assert looked[view]["violations turned"] == []


@pytest.mark.parametrize("view", VIEWS)
def test_it_asks_for_nothing_and_complains_of_nothing(looked: dict[str, dict[str, Any]], view: str) -> None:
    assert looked[view]["asked"] == []
    assert looked[view]["said"] == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_search_shows_what_has_all_the_words_and_leaving_it_all(looked: dict[str, dict[str, Any]], view: str) -> None:
    seen = looked[view]
    assert 0 < seen["rows"] == seen["matching"] < seen["every"] == seen["after"]
    assert seen["status"] == f"{seen['rows']} of {seen['every']} rows, {seen['boxes']} boxes"


@pytest.mark.parametrize("view", VIEWS)
def test_every_link_of_the_contents_leads_somewhere_by_keyboard(looked: dict[str, dict[str, Any]], view: str) -> None:
    assert looked[view]["lost"] == []
    assert looked[view]["links"] > 10


@pytest.mark.parametrize("view", VIEWS)
def test_it_follows_the_readers_theme_and_can_be_turned(looked: dict[str, dict[str, Any]], view: str) -> None:
    theme = view.partition(" ")[0]
    assert looked[view]["theme"] == theme
    assert {looked[view]["turned"], theme} == {"light", "dark"}


@pytest.mark.parametrize("view", VIEWS)
def test_it_is_no_wider_than_the_window(looked: dict[str, dict[str, Any]], view: str) -> None:
    assert looked[view]["too wide"] is False


def test_it_prints(looked: dict[str, dict[str, Any]], folder: Path) -> None:
    """The same on paper, whatever the theme: no page is left empty by what is hidden there."""
    assert looked
    light, dark = ((folder / f"{theme}.pdf").read_bytes() for theme in ("light", "dark"))
    assert light.startswith(b"%PDF-")
    pages = [content.count(b"/Type /Page\n") for content in (light, dark)]
    assert pages[0] == pages[1] > 5
