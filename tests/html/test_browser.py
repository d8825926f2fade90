"""The report of both stacks in a real Chromium without a network: axe, search, keyboard, light, dark, narrow, on paper."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from rehearsal.html.page import page
from rehearsal.recording import Recording
from tests.html.conftest import report_of
from tests.html.parsed import Parsed, parsed
from tests.stacks import ROOT
from tests.tools import required_command, required_outsiders

pytestmark = pytest.mark.judges

VIEWS = ("light 1400", "dark 480")
THEMES = ("light", "dark")


@pytest.fixture(scope="module", params=["dev", "prod"])
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def seen(stack: str, dev: Recording, prod: Recording) -> Parsed:
    return parsed(page(report_of({"dev": dev, "prod": prod}[stack], stack)))


@pytest.fixture(scope="module")
def folder(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(stack)


@pytest.fixture(scope="module")
def looked(stack: str, dev: Recording, prod: Recording, folder: Path) -> dict[str, dict[str, Any]]:
    (folder / "report.html").write_text(page(report_of({"dev": dev, "prod": prod}[stack], stack)))
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


def test_it_prints_the_same_whatever_the_theme(looked: dict[str, dict[str, Any]], folder: Path) -> None:
    assert looked
    light, dark = (pages(folder / f"{theme}.pdf") for theme in THEMES)
    assert light == dark
    assert 20 < len(light) < 100
    assert painted(folder, "light") == painted(folder, "dark")


def test_its_letters_can_be_read_on_paper(looked: dict[str, dict[str, Any]], folder: Path) -> None:
    """One picture that is too wide has Chromium make everything smaller."""
    assert looked
    boxes = _run("pdftotext", "-bbox", folder / "light.pdf", "-")
    heights = [float(low) - float(high) for high, low in re.findall(r'yMin="([\d.]+)" .*?yMax="([\d.]+)"', boxes)]
    assert len(heights) > 5_000
    assert median(heights) > 7.5


def test_nothing_is_missing_on_paper(looked: dict[str, dict[str, Any]], folder: Path, seen: Parsed) -> None:
    """Each headline, each machine and each row's first word; lines break inside of words."""
    assert looked
    printed = squeezed("".join(pages(folder / "dark.pdf")))
    headlines = [one.text for one in seen.elements if one.tag in ("h2", "h3", "h4", "h5")]
    firsts = [row[0] for rows in seen.tables.values() for row in rows]
    assert len(headlines) > 30
    assert [one for one in [*headlines, *firsts] if squeezed(one) not in printed] == []


@pytest.mark.parametrize("theme", THEMES)
def test_paper_is_white_and_no_page_is_empty(looked: dict[str, dict[str, Any]], folder: Path, theme: str) -> None:
    """Ink is between a thousandth and a fifth of a page, and its edge has none: nothing is cut."""
    assert looked
    for number, (width, pixels) in enumerate(painted(folder, theme), 1):
        ink = sum(255 - pixel for pixel in pixels) / 255 / len(pixels)
        assert 0.001 < ink < 0.2, number
        edge = pixels[:width] + pixels[-width:] + pixels[::width] + pixels[width - 1 :: width]
        assert min(edge) > 250, number


def pages(path: Path) -> list[str]:
    return _run("pdftotext", "-raw", path, "-").split("\f")


def painted(folder: Path, theme: str) -> list[tuple[int, bytes]]:
    """Each page in grey."""
    _run("pdftoppm", "-r", "20", "-gray", folder / f"{theme}.pdf", folder / theme)
    found = [grey(path) for path in sorted(folder.glob(f"{theme}-*.pgm"))]
    assert len(found) > 20
    return found


def squeezed(text: str) -> str:
    """Without what a line's end adds or takes."""
    return re.sub(r"[\W_]", "", text)


def grey(path: Path) -> tuple[int, bytes]:
    """The width and the pixels of a grey picture as poppler writes it."""
    _, width, height, _, pixels = path.read_bytes().split(maxsplit=4)
    assert len(pixels) == int(width) * int(height)
    return int(width), pixels


def _run(program: str, *arguments: str | Path) -> str:
    done = subprocess.run([required_command(program), *arguments], capture_output=True, text=True, check=True)
    return done.stdout
