"""Every IAM document that a stack hands to AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policy.iam_documents import Statement, statements
from rehearsal.recording import Recording
from rehearsal.values import reveal


@dataclass(frozen=True, kw_only=True)
class Document:
    """`place` is the resource's name and the input; `identity` says that it is a role's, not a resource's own."""

    place: str
    identity: bool
    statements: tuple[Statement, ...]


_OF_ROLES = {"aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy"}


def documents(recording: Recording) -> Iterator[Document]:
    for resource in recording:
        if resource.type.startswith("aws:"):
            for key, value in reveal(resource.inputs).items():
                if _is_document(value):
                    yield Document(
                        place=f"{resource.name}.{key}",
                        identity=resource.type in _OF_ROLES,
                        statements=statements(value),
                    )


def _is_document(value: Any) -> bool:
    if not isinstance(value, str) or not value.lstrip().startswith("{") or '"Statement"' not in value:
        return False
    return "Statement" in json.loads(value)
