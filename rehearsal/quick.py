"""Habits of moto and botocore that cost a rehearsal time: they look the same things up for every call and every client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property, partialmethod
from typing import Any


@cache
def save_time() -> None:
    """It does nothing the second time."""
    _list_services_when_asked()
    _list_methods_once()


def _list_services_when_asked() -> None:
    """To see that there is a service of one name, botocore looks through the folders of all four hundred, for each kind of file."""
    from botocore.loaders import Loader

    list_services = Loader.list_available_services
    Loader.list_available_services = partialmethod(_Services, list_services)  # type: ignore[assignment]


class _Services(Sequence[str]):
    """`Loader.list_available_services`, listed when somebody wants more than to know whether one of them is there."""

    def __init__(self, loader: Any, list_services: Callable[[Any, str], list[str]], type_name: str) -> None:
        self._loader, self._list, self._type_name = loader, list_services, type_name

    def __contains__(self, name: object) -> bool:
        from botocore.exceptions import DataNotFoundError

        try:
            return bool(self._loader.list_api_versions(name, self._type_name))
        except DataNotFoundError:
            return False

    @cached_property
    def _all(self) -> list[str]:
        return self._list(self._loader, self._type_name)

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index: Any) -> Any:
        return self._all[index]


def _list_methods_once() -> None:
    """Every call looks through the handler's members for its methods."""
    from moto.core import responses, utils

    responses.method_names_from_class = cache(utils.method_names_from_class)  # type: ignore[attr-defined]
