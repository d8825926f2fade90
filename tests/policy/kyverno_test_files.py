"""Writes what `kyverno test` runs: `python -m tests.policy.kyverno_test_files`, into deploy/exchange/policies/kyverno-test.

Of each rule the first row of the table (`as_code.py`), as prod rendered it then and spoiled; tests/policy/test_kyverno.py holds the
files to having every rule, not to what prod renders by now.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.mesh.manifests import Manifest
from tests.policy.as_code import COMPARED, KYVERNO, NAMESPACE, ROWS, Row, rendered, spoiled, unspoiled
from tests.stacks import stack_up

FOLDER = KYVERNO.parent / "kyverno-test"


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
    return {"kyverno-test.yaml": [test], "good.yaml": list(good.values()), "bad.yaml": bad}


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


def write(content: Mapping[str, Iterable[Any]]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, documents in content.items():
        (FOLDER / name).write_text(yaml.safe_dump_all(documents, sort_keys=True, default_flow_style=None, width=130))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as manifests, stack_up("prod", Path(manifests)) as (recording, _):
        write(files(rendered(recording)))
