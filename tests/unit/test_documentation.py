"""The pages keep their word: what they name is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.stacks import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def every_test() -> set[str]:
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.ClassDef):
                found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return found


def test_every_test_that_the_wealist_page_names_exists() -> None:
    page = (ROOT / "docs" / "systems" / "wealist.md").read_text()
    named = set(re.findall(r"`((?:Test\w+::)?test_\w+)`", page))
    assert len(named) > 50
    assert named - every_test() == set()


def test_the_wealist_page_names_every_test_of_the_document() -> None:
    page = (ROOT / "docs" / "systems" / "wealist.md").read_text()
    tree = ast.parse((ROOT / "tests" / "systems" / "test_wealist.py").read_text())
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    facts = {one for one in every_test() if one.split("::")[0] in classes and "::test_" in one}
    assert {fact for fact in facts if fact not in page} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", re.sub(r"`[^`]*`", "", page.read_text())):
        if "://" not in target:
            assert (page.parent / target).exists(), target
