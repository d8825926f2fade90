"""The prod and dev stacks as rules see them at a preview, made once for all the tests."""

from __future__ import annotations

import pytest

from policy.rules.model import Resource
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording
from tests.policy.broken import at_a_preview


@pytest.fixture(scope="session")
def prod_resources(prod: Recording) -> list[Resource]:
    return [at_a_preview(one) for one in seen_by_rules(prod)]


@pytest.fixture(scope="session")
def dev_resources(dev: Recording) -> list[Resource]:
    return [at_a_preview(one) for one in seen_by_rules(dev)]
