"""Every text that both stacks hand to AWS, spoiled one at a time: it is refused by name, or listed with why it is taken."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.provider import Rejected
from rehearsal.recording import Recording
from rehearsal.values import Props, reveal
from tests.witness.taken import CHARACTER, LENGTH, TAKEN, VALUE

SPOILED = {CHARACTER: "a\x07b", LENGTH: "x" * 140_000, VALUE: "no-such-value"}
Path = tuple[str | int, ...]


@pytest.fixture(scope="module")
def answers(dev: Recording, prod: Recording) -> dict[tuple[str, str], str | None]:
    """`type path`, what is spoiled → what the embedded cloud says of it, `None` where it takes it."""
    return dict(_answers([*prod, *dev]))


def _answers(resources: list[Any]) -> Iterator[tuple[tuple[str, str], str | None]]:
    from moto import mock_aws

    from rehearsal.aws import SERVICES
    from rehearsal.aws.provider import AwsProvider

    seen: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES", "false")
        with mock_aws():
            aws = AwsProvider(SERVICES, region="ap-northeast-2")
            for resource in resources:
                inputs = reveal(resource.inputs)
                for path in _texts(inputs) if resource.type.startswith("aws:") else ():
                    place = f"{resource.type.removeprefix('aws:')} {_shown(path)}"
                    if place not in seen:
                        seen.add(place)
                        for what, text in SPOILED.items():
                            yield (place, what), _said(aws, resource.type, _changed(inputs, path, text))


def _texts(node: Any, path: Path = ()) -> Iterator[Path]:
    match node:
        case dict():
            for key, value in node.items():
                yield from _texts(value, (*path, key))
        case [first, *_]:
            yield from _texts(first, (*path, 0))
        case str():
            yield path


def _changed(node: Any, path: Path, text: str) -> Any:
    if not path:
        return text
    if isinstance(node, dict):
        return {key: _changed(value, path[1:], text) if key == path[0] else value for key, value in node.items()}
    return [_changed(value, path[1:], text) if index == path[0] else value for index, value in enumerate(node)]


def _shown(path: Path) -> str:
    written = "".join("[]" if isinstance(one, int) else f".{one}" for one in path).lstrip(".")
    return re.sub(r"(^|\.)tags\..*", r"\1tags.*", written)


def _said(aws: Any, type_: str, inputs: Props) -> str | None:
    try:
        aws.check("urn", type_, inputs)
    except Rejected as refusal:
        return str(refusal)
    return None


def _listed(place: str, what: str) -> list[str]:
    return [one.places for one in TAKEN if what in one.spoiled and re.fullmatch(one.places, place)]


def test_what_is_taken_is_listed(answers: dict[tuple[str, str], str | None]) -> None:
    taken = [where for where, said in answers.items() if said is None]
    assert [where for where in taken if not _listed(*where)] == []


def test_what_is_listed_is_taken(answers: dict[tuple[str, str], str | None]) -> None:
    """An entry whose places are all refused by now is to go."""
    needed = {places for where, said in answers.items() if said is None for places in _listed(*where)}
    assert [(one.why, one.places) for one in TAKEN if one.places not in needed] == []


def test_a_refusal_names_the_input(answers: dict[tuple[str, str], str | None]) -> None:
    nameless = {
        place: said
        for (place, _), said in answers.items()
        if said is not None
        and not any(key.lower().rstrip("s") in said.lower() for key in re.findall(r"\w+", place.split()[-1]))
    }
    assert nameless == {}


def test_most_is_refused(answers: dict[tuple[str, str], str | None]) -> None:
    assert len(answers) > 1000
    for what in (CHARACTER, LENGTH):
        said = [refusal for (_, spoiled), refusal in answers.items() if spoiled == what]
        assert sum(1 for one in said if one) > 0.6 * len(said)
