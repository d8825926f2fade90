"""The report of the production stack, as `make up` would write it."""

from __future__ import annotations

from datetime import date

import pytest

from policy.catalog import NAMES
from policy.configured import platform_of
from policy.exemptions import load_exemptions
from rehearsal.html.page import Report, page
from rehearsal.judging import judged, seen_by_rules
from rehearsal.recording import Recording
from rehearsal.report.saved import Masker
from tests.html.parsed import Parsed, parsed

REVIEWED = date(2026, 11, 28)


def report_of(recording: Recording, stack: str = "prod") -> Report:
    exemptions = load_exemptions(NAMES)
    return Report(
        project="edge-platform",
        stack=stack,
        region="ap-northeast-2",
        systems=tuple(platform_of(stack)["systems"]),
        recording=recording,
        judgement=judged(seen_by_rules(recording), exemptions, REVIEWED),
        exemptions=exemptions,
        mask=Masker(recording),
    )


@pytest.fixture(scope="session")
def report(prod: Recording) -> Report:
    return report_of(prod)


@pytest.fixture(scope="session")
def text(report: Report) -> str:
    return page(report)


@pytest.fixture(scope="session")
def seen(text: str) -> Parsed:
    return parsed(text)
