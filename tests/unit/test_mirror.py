"""`make mirror`: what is published is copied byte for byte, once, and what is there is compared."""

from __future__ import annotations

import subprocess

import pytest

from infra.systems.eco2 import versions
from tools.mirror import Another, copies, mirror

REGISTRY = "290008131187.dkr.ecr.ap-northeast-2.amazonaws.com"
PUBLISHED, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


class Programs:
    """The AWS CLI and skopeo, with a registry that has what is in `there`."""

    def __init__(self, there: dict[str, str]) -> None:
        self.there = there
        self.ran: list[tuple[str, ...]] = []

    def __call__(self, *words: str, given: str = "") -> str:
        self.ran.append(words)
        if words[:3] == ("aws", "ecr", "get-login-password"):
            return "the password"
        if words[:2] == ("skopeo", "login"):
            assert given == "the password"
            assert "the password" not in words
        if words[:2] == ("skopeo", "inspect"):
            image = words[-1]
            if image.startswith("docker://docker.io/"):
                return f"{PUBLISHED}\n"
            if image not in self.there:
                raise subprocess.CalledProcessError(1, "skopeo", stderr="reading manifest: Manifest Unknown: not found")
            return self.there[image]
        if words[:2] == ("skopeo", "copy"):
            self.there[words[-1]] = PUBLISHED
        return ""

    def copied(self) -> list[tuple[str, ...]]:
        return [words for words in self.ran if words[:2] == ("skopeo", "copy")]


def copied(programs: Programs) -> list[str]:
    return mirror(REGISTRY, "ap-northeast-2", "eco2-prod", programs)


def test_each_image_goes_to_its_repository_with_all_its_processors_and_its_digest() -> None:
    programs = Programs({})
    said = copied(programs)
    assert programs.copied() == [
        ("skopeo", "copy", "--all", "--preserve-digests", f"docker://docker.io/istio/{image}:{versions.ISTIO}",
         f"docker://{REGISTRY}/eco2-prod-istio/{image}:{versions.ISTIO}")
        for image in ("install-cni", "pilot", "proxyv2")
    ]  # fmt: skip
    assert said[0] == f"{REGISTRY}/eco2-prod-istio/install-cni:{versions.ISTIO}@{PUBLISHED}: copied"


def test_a_second_run_copies_nothing() -> None:
    programs = Programs(dict.fromkeys(copies(REGISTRY, "eco2-prod").values(), PUBLISHED))
    assert all(line.endswith(": was there") for line in copied(programs))
    assert programs.copied() == []


def test_another_image_under_the_name_is_an_error_and_stays() -> None:
    first = next(iter(copies(REGISTRY, "eco2-prod").values()))
    programs = Programs({first: OTHER})
    with pytest.raises(Another, match=f"{OTHER}, and .* is {PUBLISHED}"):
        copied(programs)
    assert programs.copied() == []


def test_a_registry_that_does_not_answer_is_not_taken_for_an_empty_one() -> None:
    class Silent(Programs):
        def __call__(self, *words: str, given: str = "") -> str:
            if words[:2] == ("skopeo", "inspect") and REGISTRY in words[-1]:
                raise subprocess.CalledProcessError(1, "skopeo", stderr="denied: not authorized")
            return super().__call__(*words, given=given)

    programs = Silent({})
    with pytest.raises(subprocess.CalledProcessError):
        copied(programs)
    assert programs.copied() == []
