"""Imports the types of pulumi_aws one by one: it imports all of a service's when a program uses one of them; EC2 has 200."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import cache, partial
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

_SERVICE = re.compile(r"pulumi_aws\.\w+")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SHARED = ("_inputs", "_enums", "outputs")


@cache
def import_types_one_by_one() -> None:
    """Holds for the services that are imported from now on."""
    sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if _SERVICE.fullmatch(name) else None
        if spec and spec.loader and spec.submodule_search_locations:
            spec.loader = _Lazily(spec.loader)
        return spec


class _Lazily(Loader):
    """Loads a package whose attributes are looked for when they are asked for."""

    def __init__(self, whole: Loader) -> None:
        self._whole = whole

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(__getattr__=partial(self._attribute, module), __dir__=partial(self._names, module))

    def _attribute(self, package: ModuleType, name: str) -> Any:
        """What the module of that name has or, where that is not how it is called, the package as pulumi_aws makes it."""
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        found = _found(package, name)
        if found is None:
            self._load_whole(package)
            return getattr(package, name)
        setattr(package, name, found)
        return found

    def _names(self, package: ModuleType) -> list[str]:
        self._load_whole(package)
        return dir(package)

    def _load_whole(self, package: ModuleType) -> None:
        del package.__getattr__, package.__dir__
        self._whole.exec_module(package)


def _found(package: ModuleType, name: str) -> Any:
    """The type, function or module of that name, from the modules that may have it."""
    own = _WORD.sub("_", name).lower().removesuffix("_args").removesuffix("_output")
    for part in (own, *_SHARED):
        if not Path(package.__path__[0], f"{part}.py").is_file():
            continue
        module = import_module(f"{package.__name__}.{part}")
        if name in getattr(module, "__all__", ()):
            return getattr(module, name)
        if name == part:
            return module
    return None
