"""AWS's managed policies without their documents: moto keeps the text of all 1,300 twice, and a stack attaches a handful."""

from __future__ import annotations

import json
import sys
import zlib
from functools import cache
from importlib import import_module
from typing import Any

from moto import iam, settings
from moto.iam import models

_POLICIES = "moto.iam.aws_managed_policies"
_PACKED = zlib.compress(import_module(_POLICIES).aws_managed_policies_data.encode(), 1)


def load_documents_on_demand() -> None:
    """Call before moto fills its IAM; it may be called again."""
    models.aws_managed_policies_data = ""  # type: ignore[attr-defined]
    # Whoever else in moto wants the text imports it anew.
    sys.modules.pop(_POLICIES, None)
    vars(iam).pop(_POLICIES.rpartition(".")[2], None)
    models.IAMBackend._init_aws_policies = _aws_policies  # type: ignore[method-assign,assignment]


def _aws_policies(backend: models.IAMBackend) -> list[models.ManagedPolicy]:
    """`IAMBackend._init_aws_policies`."""
    if not settings.load_iam_aws_managed_policies():
        return []
    make = models.AWSManagedPolicy.from_data
    policies = [make(name, backend.account_id, backend.region_name, data) for name, data in _described().items()]
    for policy in policies:
        policy.versions = [_Version(policy.name, policy.versions[0])]
    return [*policies]


class _Version(models.PolicyVersion):
    """The version of a policy whose document is read when somebody asks for it."""

    def __init__(self, policy: str, bare: models.PolicyVersion) -> None:
        vars(self).update(vars(bare), _policy=policy)
        del self.document

    def __getattr__(self, name: str) -> str:
        if name != "document":
            raise AttributeError(name)
        return _documents()[vars(self)["_policy"]]


@cache
def _described() -> dict[str, dict[str, Any]]:
    return {name: {**data, "Document": None} for name, data in _unpacked().items()}


@cache
def _documents() -> dict[str, str]:
    return {name: json.dumps(data["Document"]) for name, data in _unpacked().items()}


def _unpacked() -> dict[str, Any]:
    policies: dict[str, Any] = json.loads(zlib.decompress(_PACKED))
    return policies
