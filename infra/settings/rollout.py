"""How a new release gets its requests: the part of a stack file that exchange and gateway_lab share (docs/adr/0037)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from infra.settings.model import Section


def _growing(weights: list[int]) -> list[int]:
    if weights != sorted(set(weights)):
        raise ValueError(f"weights {weights}: allowed: each more than the one before")
    return weights


Weights = Annotated[
    list[Annotated[int, Field(ge=1, le=100)]], Field(min_length=1, max_length=10), AfterValidator(_growing)
]


class Release(Section):
    """How a new release of a service gets its requests."""

    weights: Weights = [10, 30, 60]
    """Percent of the requests, step by step; after the last step it has all."""
    settle_seconds: Annotated[int, Field(ge=30, le=3600)] = 120
    """How long a step lasts before it is looked at; what is measured is measured over this time."""
    every_seconds: Annotated[int, Field(ge=10, le=600)] = 30
    """How often it is looked at then."""
    measurements: Annotated[int, Field(ge=1, le=100)] = 7
    """How many times; the first bad one ends the release."""
    least_requests: Annotated[int, Field(ge=1, le=100_000)] = 20
    """What the new release must have answered within `settle_seconds`: with fewer a step is not decided, and waits for a person."""
