"""Members of the service models that botocore carries."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore
from botocore.model import ListShape, ServiceModel, Shape, StructureShape


@cache
def service_model(service: str) -> ServiceModel:
    model: ServiceModel = boto3.client(service, "us-east-1").meta.service_model  # type: ignore[call-overload]
    return model


def member(service: str, operation: str, path: str) -> Shape:
    """What an operation takes at a path: `IpPermissions.IpRanges.Description`; lists are stepped into."""
    shape: Shape | None = service_model(service).operation_model(operation).input_shape
    for name in path.split("."):
        if isinstance(shape, ListShape):
            shape = shape.member
        assert isinstance(shape, StructureShape), path
        shape = shape.members[name]
    assert shape is not None, path
    return shape


def told(service: str, operation: str, path: str) -> tuple[dict[str, Any], str]:
    """The shape of what an operation takes at a path, and the model's prose of it, which the program itself leaves unread."""
    model = _whole(service)
    shape: dict[str, Any] = model["shapes"][model["operations"][operation]["input"]["shape"]]
    prose = ""
    for name in path.split("."):
        while shape["type"] == "list":
            shape = model["shapes"][shape["member"]["shape"]]
        prose = shape["members"][name].get("documentation", "")
        shape = model["shapes"][shape["members"][name]["shape"]]
    return shape, prose


def told_of(service: str, operation: str) -> str:
    """The model's prose of an operation."""
    prose: str = _whole(service)["operations"][operation]["documentation"]
    return prose


@cache
def _whole(service: str) -> dict[str, Any]:
    newest = max((Path(botocore.__file__).parent / "data" / service).iterdir())
    found: dict[str, Any] = json.loads(gzip.decompress((newest / "service-2.json.gz").read_bytes()))
    return found
