"""A policy that would let pass what it finds is refused before it is rendered."""

from __future__ import annotations

from typing import Any

import pytest

from infra.components.cluster.admission_rules import AdmissionRulesArgs

GOOD = {"failurePolicy": "Fail", "validationActions": ["Deny"], "validations": [{"expression": "true"}]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"failurePolicy": "Ignore"}, "spec.failurePolicy is Ignore: allowed: Fail"),
        ({"failurePolicy": None}, "spec.failurePolicy is None"),
        ({"validationActions": ["Audit"]}, r"spec.validationActions is \['Audit'\]: allowed: \['Deny'\]"),
        ({"validationActions": ["Deny", "Audit"]}, "else it refuses nothing"),
    ],
)
def test_what_refuses_nothing_is_no_policy(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AdmissionRulesArgs(namespace="x", specs={"some-rule": GOOD, "another": {**GOOD, **change}})
