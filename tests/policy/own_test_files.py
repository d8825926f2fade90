"""Writes what `kyverno test` and `opa test` run: `python -m tests.policy.own_test_files`, into deploy/exchange/policies.

Of each rule the first row of the table (`as_code.py`), as prod rendered it then and spoiled. tests/policy/test_{kyverno,rego}.py
hold the files to having every rule, not to what prod renders by now.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.mesh.manifests import Manifest
from tests.policy.as_code import COMPARED, NAMESPACE, POLICIES, ROWS, Row, rendered, spoiled, unspoiled
from tests.stacks import stack_up


def files(objects: list[Manifest]) -> dict[str, Any]:
    """The content of each file: the objects, and what is expected of them."""
    first: dict[str, Row] = {}
    for row in ROWS:
        for rule in row.rules:
            first.setdefault(rule, row)
    assert set(first) == COMPARED
    good, bad, results = {}, [], []
    for rule, row in sorted(first.items()):
        honest, wrong = unspoiled(row, objects), named(spoiled(row, objects), rule)
        # Kyverno looks for a result by the object's name alone, whatever its kind.
        honest = named(honest, f"good-{honest['kind'].lower()}")
        good[honest["kind"], honest["metadata"]["name"]] = honest
        bad.append(wrong)
        results += [_expected(rule, honest, "pass"), _expected(rule, wrong, "fail")]
    test = {
        "apiVersion": "cli.kyverno.io/v1alpha1",
        "kind": "Test",
        "metadata": {"name": "exchange"},
        "policies": ["../kyverno"],
        "resources": ["good.yaml", "bad.yaml"],
        "results": results,
    }
    return {
        "kyverno-test/kyverno-test.yaml": [test],
        "kyverno-test/good.yaml": list(good.values()),
        "kyverno-test/bad.yaml": bad,
        "rego-test/objects.yaml": [
            {"good": list(good.values()), "bad": {one["metadata"]["name"]: one for one in bad}},
        ],
    }


def named(one: Manifest, name: str) -> Manifest:
    made = copy.deepcopy(one)
    made["metadata"] = {"name": name, "namespace": NAMESPACE}
    return made


def _expected(rule: str, one: Manifest, result: str) -> Mapping[str, Any]:
    return {
        "policy": f"{NAMESPACE}/{rule}",
        "isValidatingPolicy": True,
        "kind": one["kind"],
        "resources": [f"{NAMESPACE}/{one['metadata']['name']}"],
        "result": result,
    }


class _InFull(yaml.SafeDumper):
    """Without anchors: an object is read by itself."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def write(content: Mapping[str, Iterable[Any]]) -> None:
    for name, documents in content.items():
        text = yaml.dump_all(documents, Dumper=_InFull, sort_keys=True, default_flow_style=None, width=130)
        (POLICIES / name).write_text(text)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as manifests, stack_up("prod", Path(manifests)) as (recording, _):
        write(files(rendered(recording)))
