"""JSON schemas for kubeconform, without its own download: `schemas_for(manifests, FOLDER)`.

Kubernetes' kinds are described by the OpenAPI document in the module that the API server is built from, the operators' kinds by
their definitions (`tools/crds.py`). Made are those of the kinds that are asked for; a field that is not described is an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools import modules
from tools.crds import fetch_crds
from tools.definitions import of_kinds

Schema = dict[str, Any]

KUBERNETES = ("kubernetes", "k8s.io/kubernetes")
TEMPLATE = "{{ .Group }}_{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json"
"""The files' names, as kubeconform is told them; the group of Kubernetes' first kinds, which have none, is their version to it."""

_KEPT = ("type", "enum", "required", "pattern", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum")
_EITHER: Schema = {"type": ["string", "integer", "number"]}


def schemas_for(objects: Iterable[Mapping[str, Any]], folder: Path, more: Sequence[Path] = ()) -> None:
    """One file for each kind of the objects; LookupError for a kind that nobody describes.

    `more` are folders with definitions beside those of `tools/crds.py`, such as Strimzi's, which its own generator makes.
    """
    wanted = {(str(one["apiVersion"]), str(one["kind"])) for one in objects}
    folder.mkdir(parents=True, exist_ok=True)
    own = {one for one in wanted if "." not in one[0] or one[0].partition("/")[0].endswith(".k8s.io")}
    found = {**_of_kubernetes(own), **_of_operators(wanted - own, more)}
    if missing := sorted(wanted - set(found)):
        raise LookupError(f"nobody describes {', '.join(f'{version} {kind}' for version, kind in missing)}")
    for (version, kind), schema in found.items():
        group, _, number = version.rpartition("/")
        (folder / f"{group or number}_{kind.lower()}_{number}.json").write_text(json.dumps(schema))


def _of_kubernetes(wanted: set[tuple[str, str]]) -> dict[tuple[str, str], Schema]:
    document = modules.download(*KUBERNETES) / "api/openapi-spec/swagger.json"
    described = json.loads(document.read_text())["definitions"]
    found = {}
    for schema in described.values():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            version = "/".join(part for part in (kind["group"], kind["version"]) if part)
            if (version, kind["kind"]) in wanted:
                found[version, kind["kind"]] = _strict(schema, described)
    return found


def _strict(schema: Mapping[str, Any], described: Mapping[str, Any], within: tuple[str, ...] = ()) -> Schema:
    """With what it refers to put in, and no field beside those that are described."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        if name.endswith(("IntOrString", "Quantity")):
            return _EITHER
        # What holds itself is a definition's own schema: no object of ours has one.
        return {} if name in within else _strict(described[name], described, (*within, name))
    return _copied(schema, lambda one: _strict(one, described, within))


def _of_operators(wanted: set[tuple[str, str]], more: Sequence[Path]) -> dict[tuple[str, str], Schema]:
    found: dict[tuple[str, str], Schema] = {}
    if not wanted:
        return found
    kinds = {(version.partition("/")[0], kind) for version, kind in wanted}
    for spec in (one["spec"] for one in of_kinds([fetch_crds(), *more], kinds)):
        for version in spec["versions"]:
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            if key in wanted:
                schema = _defined(version["schema"]["openAPIV3Schema"])
                schema["properties"] |= {name: {"type": "string"} for name in ("apiVersion", "kind")}
                schema["properties"]["metadata"] = {"type": "object"}
                found[key] = schema
    return found


def _defined(schema: Mapping[str, Any]) -> Schema:
    """As the API server reads a definition: any field where it says so, a number or a text where it says that."""
    if schema.get("x-kubernetes-int-or-string"):
        return _EITHER
    made = _copied(schema, _defined)
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        made.pop("additionalProperties", None)
    if schema.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
    return made


def _copied(schema: Mapping[str, Any], part: Any) -> Schema:
    made: Schema = {key: schema[key] for key in _KEPT if key in schema}
    if "properties" in schema:
        made["properties"] = {name: part(one) for name, one in schema["properties"].items()}
        made["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            made[key] = part(schema[key])
    return made
