"""Habits of moto and botocore that cost a rehearsal time: they look the same things up for every call and every client."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def save_time() -> None:
    """It does nothing the second time."""
    _list_services_once()
    _list_methods_once()


def _list_services_once() -> None:
    """Every client and every handler looks through the folders of all of botocore's services."""
    from botocore.loaders import Loader

    list_services = Loader.list_available_services
    known: dict[tuple[Any, ...], list[str]] = {}

    def list_available_services(self: Any, type_name: str) -> list[str]:
        place = (*self.search_paths, type(self.file_loader), type_name)
        if place not in known:
            known[place] = list_services(self, type_name)
        return known[place]

    Loader.list_available_services = list_available_services  # type: ignore[method-assign]


def _list_methods_once() -> None:
    """Every call looks through the handler's members for its methods."""
    from moto.core import responses, utils

    responses.method_names_from_class = cache(utils.method_names_from_class)  # type: ignore[attr-defined]
