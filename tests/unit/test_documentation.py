"""The pages keep their word: what they name is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from infra.settings.model import SystemName
from tests.stacks import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


SYSTEMS = {
    "wealist": ("test_wealist.py",),
    "eco2": ("test_eco2_*.py",),
    "exchange": ("test_exchange*.py",),
    "gateway_lab": ("test_gateway_lab.py",),
}
"""The systems' pages, and the files of tests whose every test they name."""


def found_in(path: Path) -> set[str]:
    """`test_x`, or `TestY::test_x` for one in a class."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return {one for one in found if one.split("::")[-1].startswith("test_")}


def every_test() -> set[str]:
    return {one for path in (ROOT / "tests").rglob("test_*.py") for one in found_in(path)}


@pytest.mark.parametrize("system", list(SYSTEMS))
def test_every_test_that_a_systems_page_names_exists(system: str) -> None:
    page = (ROOT / "docs" / "systems" / f"{system}.md").read_text()
    named = set(re.findall(r"`((?:Test\w+::)?test_\w+)`", page))
    assert len(named) > 15
    assert named - every_test() == set()


@pytest.mark.parametrize("system", list(SYSTEMS))
def test_a_systems_page_names_every_test_of_the_document(system: str) -> None:
    page = (ROOT / "docs" / "systems" / f"{system}.md").read_text()
    files = [path for pattern in SYSTEMS[system] for path in (ROOT / "tests" / "systems").glob(pattern)]
    facts = {one for path in files for one in found_in(path) if "::" in one}
    assert {fact for fact in facts if fact not in page} == set()


@pytest.mark.parametrize("system", get_args(SystemName))
def test_the_readme_has_each_system_with_its_page_and_in_its_picture(system: str) -> None:
    readme = (ROOT / "README.md").read_text()
    (row,) = (line for line in readme.splitlines() if line.startswith(f"| `{system}` | "))
    assert re.search(rf"\(docs/(systems/)?{system}\.md\)", row)
    picture = readme.partition("```mermaid")[2].partition("```")[0]
    # This repository's own workflows are no system of anybody's document.
    assert system in picture or system == "delivery"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", re.sub(r"`[^`]*`", "", page.read_text())):
        if "://" not in target:
            assert (page.parent / target).exists(), target
