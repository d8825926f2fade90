"""Every box and every challenge of api-gateway-lab.md is shown by something that exists, or said to be open."""

from __future__ import annotations

import re

from infra.systems.gateway_lab.document import CHALLENGES, CHECKPOINTS
from tests.mesh.gateway_lab_boxes import OPEN, SHOWN
from tests.stacks import ROOT

BOXES = {box for group in (*CHECKPOINTS.values(), *CHALLENGES.values()) for box in group}


def test_each_box_is_shown_or_open() -> None:
    assert set(SHOWN) | set(OPEN) == BOXES
    assert set(SHOWN) & set(OPEN) == set()


def test_what_shows_a_box_exists() -> None:
    """By the text of the tables: the modules themselves make keys and tokens as they are read."""
    tables = (ROOT / "tests/mesh/gateway_lab_cases.py").read_text()
    tests = {
        name
        for path in [*(ROOT / "tests").glob("*/test_gateway_lab*.py"), *(ROOT / "tests/lab").glob("test_*.py")]
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    cases = set(re.findall(r'(?:case|Mutation)\(f?"([^"]+)"', re.sub(r"\(\s*\n\s*", "(", tables)))
    # Those that are made for each service, and for each bad token.
    cases |= {"user-service: without a token, one is asked for", "a bad token: foreign", "a bad token: expired"}
    named = {name for names in SHOWN.values() for name in names}
    assert named - tests - cases == set()


def test_the_page_says_what_is_open() -> None:
    page = (ROOT / "docs/systems/gateway_lab.md").read_text()
    assert [box for box in BOXES if box not in page] == []
