"""The inputs that pulumi_aws knows of a type, to hold names in tables to."""

from __future__ import annotations

import inspect
import re
from functools import cache
from importlib import import_module


@cache
def inputs_of(token: str) -> frozenset[str]:
    """In the provider's spelling; `aws:rds/instance:Instance` is `pulumi_aws.rds.instance.InstanceArgs`."""
    _, module, name = token.split(":")
    service, file = module.split("/")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", file).lower()
    found = import_module(f"pulumi_aws.{service}.{words}")
    # Where an input type has the resource's name, the resource's arguments are called otherwise.
    arguments = getattr(found, f"{name}InitArgs", None) or getattr(found, f"{name}Args")
    return frozenset(
        re.sub(r"_(\w)", lambda found: found[1].upper(), key)
        for key, value in inspect.getmembers(arguments)
        if isinstance(value, property)
    )
