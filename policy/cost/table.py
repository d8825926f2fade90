"""The tables of prices and of assumed use, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

FOLDER = Path(__file__).parent


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Entry):
    """Where prices are from: whose they are, of which day, when they were read, and `by` whom where it was not first hand."""

    what: Annotated[str, Field(min_length=10)]
    published: date | Literal["unknown"]
    read: date
    by: str = ""
    derived: bool = False


class Price(_Entry):
    """US dollars for one of `per`."""

    usd: Annotated[float, Field(gt=0)]
    per: str
    source: str


class Prices(_Entry):
    """All prices by region and key; `free` says why a type of resource costs nothing by itself."""

    sources: Mapping[str, Source]
    regions: Mapping[str, Mapping[str, Price]]
    free: Mapping[str, str]

    @model_validator(mode="after")
    def _sources_are_known(self) -> Prices:
        unknown = {one.source for prices in self.regions.values() for one in prices.values()} - self.sources.keys()
        if unknown:
            raise ValueError(f"no source is called {', '.join(sorted(unknown))}; there are {', '.join(self.sources)}")
        return self

    def price(self, region: str, key: str) -> Price | None:
        return self.regions.get(region, {}).get(key)


Amounts = Mapping[str, Annotated[float, Field(ge=0)]]


class Assumptions(_Entry):
    """A month of use: what a kind of resource is used for, and one of them by its logical name."""

    hours: Annotated[int, Field(ge=1)]
    use: Mapping[str, Amounts]
    named: Mapping[str, Amounts]

    def of(self, kind: str, name: str) -> Mapping[str, float]:
        """What is assumed for the resource of that logical name; `KeyError` for a kind that has none."""
        own = [amounts for pattern, amounts in self.named.items() if fnmatchcase(name, pattern)]
        return {**self.use[kind], **(own[-1] if own else {})}


@cache
def prices() -> Prices:
    return Prices.model_validate(_read("prices.yaml"))


@cache
def assumptions() -> Assumptions:
    return Assumptions.model_validate(_read("assumptions.yaml"))


def _read(name: str) -> object:
    return yaml.load((FOLDER / name).read_text(), Loader=yaml.CSafeLoader)
