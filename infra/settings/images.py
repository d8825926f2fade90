"""What a stack file says of images: a release each, by its tag and its content."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Annotated

from pydantic import AfterValidator

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _release(image: str) -> str:
    tag, at, digest = image.partition("@")
    if tag == "latest":
        raise ValueError("allowed: the tag of a release; `latest` names another image tomorrow")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", tag) or (at and not DIGEST.fullmatch(digest)):
        raise ValueError(
            "allowed: <tag>@sha256:<64 hexadecimal digits>, as the workflow `images` prints it, or <tag> alone"
        )
    return image


ImageRelease = Annotated[str, AfterValidator(_release)]


def check_releases(images: Collection[str], names: Sequence[str]) -> None:
    """`ValueError` unless there is a release for each of the names, and for no other."""
    if missing := [name for name in names if name not in images]:
        raise ValueError(f"images has no {', '.join(missing)}: allowed: a release for each of {', '.join(names)}")
    if unknown := [name for name in images if name not in names]:
        raise ValueError(f"images has {', '.join(unknown)}: allowed: {', '.join(names)}")
