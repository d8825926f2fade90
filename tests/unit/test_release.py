"""A new image gets into the stack file by one line, by tag and digest, or not at all."""

from __future__ import annotations

import pytest
import yaml

from tests.stacks import ROOT
from tools.release import NotReleased, main, released

NEW = f"sha-0123456789ab@sha256:{'c' * 64}"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_one_line_changes_and_the_comments_stay(stack: str) -> None:
    before = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    after = released(before, "ext-authz", NEW)
    (old,), (new,) = (
        [line for line in text.splitlines() if line not in other.splitlines()]
        for text, other in ((before, after), (after, before))
    )
    assert old.split(":")[0] == new.split(":")[0] == "      ext-authz"
    assert yaml.safe_load(after)["config"]["edge-platform:eco2"]["images"]["ext-authz"] == NEW


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_systems_only_image_is_a_line_of_its_section(stack: str) -> None:
    before = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    after = yaml.safe_load(released((ROOT / f"Pulumi.{stack}.yaml").read_text(), "auth", NEW))["config"]
    before["edge-platform:immersiverse"]["image"] = NEW
    assert after == before


@pytest.mark.parametrize(
    ("image", "release", "said"),
    [
        ("nginx", NEW, "no image of this project: allowed: auth-api"),
        ("ext-authz", "1.0.0", "has no digest"),
        ("ext-authz", "1.0.0@sha256:short", "64 hexadecimal digits"),
        ("ext-authz", f"latest@sha256:{'c' * 64}", "names another image tomorrow"),
        ("ext-authz", f"1.0.0@sha256:{'c' * 64}\n      celery: x", "64 hexadecimal digits"),
    ],
)
def test_anything_else_leaves_the_file_as_it_is(image: str, release: str, said: str) -> None:
    with pytest.raises(NotReleased, match=said):
        released((ROOT / "Pulumi.dev.yaml").read_text(), image, release)


def test_a_file_without_the_line_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(ROOT / "Pulumi.yaml"), "ext-authz", NEW]) == 1
    assert "no line for ext-authz below `images`" in capsys.readouterr().err
