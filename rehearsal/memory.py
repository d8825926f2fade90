"""Keeps moto and botocore small: they load much at start that a rehearsal never looks at.

Nothing is taken away: instance types, their offerings, the documents of AWS's policies and the shapes of service models are read
or unpacked when somebody asks for them, and of the service models only the prose is dropped, but for what limits a value.
"""

from __future__ import annotations

import ctypes
import gzip
import json
import marshal
import sys
from collections.abc import Callable, ItemsView, ValuesView
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

_TYPES, _OFFERINGS = "ec2/resources/instance_types.json", "instance_type_offerings"

LIMITING_PROSE = ("characters in length", "a-z, A-Z, 0-9, spaces")

_MALLOPT = {-8: 1, -1: 128 * 1024, -3: 128 * 1024}
"""glibc's M_ARENA_MAX, M_TRIM_THRESHOLD, M_MMAP_THRESHOLD: one arena, and large blocks go back when they are freed."""


@cache
def save_memory() -> None:
    """Call before the first use of moto; it does nothing the second time."""
    _give_back_what_is_freed()
    _keep_models_once()
    _keep_shapes_packed()
    if "moto.ec2.models.instance_types" not in sys.modules:
        _load_instance_types_on_demand()


def _give_back_what_is_freed() -> None:
    """Reading a large file leaves holes, which glibc keeps by default; other C libraries have no such switch."""
    with suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        for option, value in _MALLOPT.items():
            libc.mallopt(option, value)


def _keep_models_once() -> None:
    """botocore reads a service model for every session, and moto opens several at import: EC2's six times, 4 MB each."""
    from botocore.loaders import JSONFileLoader
    from moto.core.loaders import Loader

    class MotoFileLoader(JSONFileLoader):
        pass

    JSONFileLoader.load_file = _load_file  # type: ignore[method-assign,assignment]
    Loader.FILE_LOADER_CLASS = MotoFileLoader


def _load_file(loader: Any, file_path: str) -> Any:
    """`JSONFileLoader.load_file`. botocore and moto add their extras to the models that they read: those they do not share."""
    return _content(type(loader).__name__ if _has_extras(file_path) else "", file_path)


@cache
def _has_extras(file_path: str) -> bool:
    import moto

    path = Path(file_path)
    service, version = path.parts[-3:-1]
    folders = path.parent, Path(moto.__file__).parent / service.replace("-", "") / version
    return any(found for folder in folders for found in folder.glob(f"{path.name}.*extras*"))


@cache
def _content(shared_by: str, file_path: str) -> Any:
    """The content of the file with one of botocore's two suffixes, `None` if there is none."""
    plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
    if plain.is_file():
        return json.loads(plain.read_bytes(), object_pairs_hook=_without_prose)
    if packed.is_file():
        return json.loads(gzip.decompress(packed.read_bytes()), object_pairs_hook=_without_prose)
    return None


def _without_prose(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A member may be called `documentation` too: then its value is a shape, not text. botocore wants some of the keys there."""
    return {
        key: (_limiting(value) if key == "documentation" else sys.intern(value)) if type(value) is str else value
        for key, value in pairs
    }


def _limiting(prose: str) -> str:
    """The prose itself where `rehearsal/aws/limits.py` reads it."""
    return prose if any(words in prose for words in LIMITING_PROSE) else ""


def _keep_shapes_packed() -> None:
    """A service has thousands of shapes, and a stack's calls look at a few dozen of them."""
    from botocore.loaders import Loader

    load = Loader.load_service_model

    def load_service_model(self: Any, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        model = load(self, service_name, type_name, api_version)
        if type(model.get("shapes")) is dict:
            model["shapes"] = PackedShapes(model["shapes"])
        return model

    Loader.load_service_model = load_service_model  # type: ignore[method-assign]


class PackedShapes(dict[str, Any]):
    """The shapes of a model by name; those with members, which are most of it, are packed."""

    def __init__(self, shapes: dict[str, Any]) -> None:
        super().__init__(
            (name, marshal.dumps(shape) if "members" in shape else shape) for name, shape in shapes.items()
        )

    def __getitem__(self, name: str) -> Any:
        shape = super().__getitem__(name)
        return marshal.loads(shape) if type(shape) is bytes else shape  # noqa: S302 - packed above

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 - that would be this method

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        return {name: self[name] for name in self}.values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        return {name: self[name] for name in self}.items()


def _load_instance_types_on_demand() -> None:
    """moto's EC2 reads at import all of AWS's instance types, and which of them every region and zone offers."""
    from moto.utilities import utils

    load = utils.load_resource
    utils.load_resource = partial(_load_later, load)
    try:
        from moto.ec2.models import instance_types
    finally:
        utils.load_resource = load
    names = load(_TYPES).keys()
    types = OnDemand(names, lambda name: _instance_types(load)[name])
    instance_types.INSTANCE_TYPES = types
    instance_types.INSTANCE_FAMILIES = list({name.partition(".")[0] for name in names})
    every_type = property(lambda _: list(map(instance_types.InstanceType, types)))
    instance_types.InstanceTypeBackend.instance_types = every_type  # type: ignore[assignment]
    offerings = instance_types.INSTANCE_TYPE_OFFERINGS
    for location_type, regions in offerings.items():
        offerings[location_type] = OnDemand(regions, partial(_offerings, load, location_type))


def _load_later(load: Callable[[str], Any], path: str) -> Any:
    if path == _TYPES:
        return {}
    return [] if _OFFERINGS in path else load(path)


@cache
def _instance_types(load: Callable[[str], Any]) -> dict[str, Any]:
    found: dict[str, Any] = load(_TYPES)
    return found


def _offerings(load: Callable[[str], Any], location_type: str, region: str) -> list[dict[str, Any]]:
    found = load(f"ec2/resources/{_OFFERINGS}/{location_type}/{region}.json")
    return [{**offering, "LocationType": location_type} for offering in found]


class OnDemand(dict[str, Any]):
    """A mapping whose keys are known and whose values are loaded when they are first asked for."""

    def __init__(self, keys: Any, load: Callable[[str], Any]) -> None:
        super().__init__(dict.fromkeys(keys))
        self._load = load

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if value is None:
            value = self._load(key)
            self[key] = value
        return value

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401 - that would be this method
