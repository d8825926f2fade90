"""The score that may not drop, as data (`policy/mutation/floor.yaml`)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from policy.mutation.score import Score

FILE = Path(__file__).parent / "floor.yaml"

_HEAD = """\
# The mutation score that may not drop, by area: how many flips are tried over all stacks, and how many of 100 a rule notices.
# `make mutate WRITE=1` writes it again; a lower number needs a reason in the commit.
"""


class FloorError(Exception):
    """The file cannot be read; the message is for the person who edits it."""


class Floor(BaseModel):
    """What an area may not fall below."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flips: int = Field(gt=0)
    percent: float = Field(ge=0, le=100)


_FLOORS = TypeAdapter(dict[str, Floor])


def load_floors(path: Path = FILE) -> dict[str, Floor]:
    """The floors of the file; `FloorError` says what is wrong with it, or that there is none."""
    try:
        return _FLOORS.validate_python(yaml.safe_load(path.read_text()))
    except FileNotFoundError:
        raise FloorError(f"{path.name} is missing; `make mutate WRITE=1` writes it") from None
    except yaml.YAMLError as error:
        raise FloorError(f"{path.name} is no YAML: {getattr(error, 'problem', error)}") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise FloorError(f"{path.name}: {problems}; an area has `flips` and `percent`") from None


def save_floors(score: Score, path: Path = FILE) -> None:
    """Make this score the floor."""
    content = {area: floor.model_dump() for area, floor in floors(score).items()}
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as draft:
        draft.write(_HEAD + yaml.safe_dump(content, default_flow_style=None, width=120))
    os.chmod(draft.name, 0o644)
    os.replace(draft.name, path)


def percent(noticed: int, all_: int) -> float:
    """Rounded down to a tenth, so that a hundred means all."""
    return noticed * 1000 // all_ / 10


def floors(score: Score) -> dict[str, Floor]:
    """What the score would be as a floor."""
    return {
        area: Floor(flips=all_, percent=percent(noticed, all_)) for area, (noticed, all_) in score.by_area().items()
    }


def drops(score: Score, least: Mapping[str, Floor]) -> Iterator[str]:
    """Where the score is below its floor."""
    now = floors(score)
    for area in least:
        if area not in now:
            yield f"{area}: no flips are left, and there were {least[area].flips}"
            continue
        if now[area].percent < least[area].percent:
            yield f"{area}: {now[area].percent} % are noticed, and {least[area].percent} % were"
        if now[area].flips < least[area].flips:
            yield f"{area}: {now[area].flips} flips are tried, and {least[area].flips} were"
    for area in sorted(now.keys() - least.keys()):
        yield f"{area}: it has no floor yet; `make mutate WRITE=1` writes it"
