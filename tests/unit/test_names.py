"""Names and tags."""

from __future__ import annotations

import pytest

from infra.names import LIMITS, Names, NameTooLong, within_limit
from infra.tags import base_tags, named


def test_a_physical_name_is_system_stack_and_part() -> None:
    assert Names(system="wealist", stack="prod").physical("user", "service") == "wealist-prod-user-service"


def test_a_logical_name_does_not_know_the_stack() -> None:
    assert Names(system="wealist", stack="prod").logical("network") == "wealist-network"


@pytest.mark.parametrize("kind", LIMITS)
def test_a_name_of_exactly_the_limit_passes_and_one_more_is_refused(kind: str) -> None:
    assert within_limit("x" * LIMITS[kind], kind)
    with pytest.raises(NameTooLong, match=f"AWS takes {LIMITS[kind]}"):
        within_limit("x" * (LIMITS[kind] + 1), kind)


def test_a_name_without_a_limit_may_be_long() -> None:
    assert within_limit("x" * 500, None)


def test_tags_from_the_stack_file_do_not_override_the_platforms() -> None:
    tags = base_tags(system="wealist", stack="prod", extra={"System": "other", "Owner": "team"})
    assert (tags["System"], tags["Owner"]) == ("wealist", "team")


def test_named_adds_the_name() -> None:
    assert named({"a": "b"}, "x") == {"a": "b", "Name": "x"}
