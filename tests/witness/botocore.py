"""Members of the service models that botocore carries."""

from __future__ import annotations

from functools import cache

import boto3
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
