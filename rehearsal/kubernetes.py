"""The embedded kubernetes provider: one YAML file per object, where pulumi-kubernetes' render mode would write it.

`<folder>/<system>/0-crd/<group>_<version>-customresourcedefinition-<namespace>-<name>.yaml` and the same under `1-manifest/`.
The system is what its resources' logical names begin with: each system renders into its own folder.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from rehearsal.provider import Diff, Rejected, State, changed_keys
from rehearsal.values import Props
from rehearsal.whole_file import write_whole

_FIXED = ("apiVersion", "kind")


class KubernetesProvider:
    """Objects as files under `folder`; a Secret is refused, since a rendered one would be plain text in git."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self, urn: str, token: str, inputs: Props) -> None:
        for key in _FIXED:
            if not inputs.get(key):
                raise Rejected(f"{token}: '{key}' is missing")
        if not (inputs.get("metadata") or {}).get("name"):
            raise Rejected(f"{token}: metadata.name is missing: a rendered object without a name gets a random suffix")
        if inputs["kind"] == "Secret":
            raise Rejected(f"{token}: a rendered Secret is plain text; use an ExternalSecret")

    def create(self, urn: str, token: str, inputs: Props) -> State:
        self.check(urn, token, inputs)
        path = self._path(urn, inputs)
        if taken := next(self._folder.glob(f"*/{path.parent.name}/{path.name}"), None):
            raise Rejected(
                f"{token}: {inputs['kind']} {_id(inputs)} exists already ({taken.relative_to(self._folder)})"
            )
        self._write(path, inputs)
        return State(id=_id(inputs), inputs=inputs, outputs=inputs)

    def read(self, urn: str, token: str, state: State) -> State | None:
        try:
            seen = yaml.load(self._path(urn, state.inputs).read_text(), Loader=yaml.CSafeLoader)
        except FileNotFoundError:
            return None
        return State(id=state.id, inputs=seen, outputs=seen)

    def diff(self, token: str, state: State, inputs: Props) -> Diff:
        changed = changed_keys(state.inputs, inputs)
        moved = frozenset({"metadata"}) if _id(state.inputs) != _id(inputs) else frozenset()
        return Diff(changed=changed, replaces=changed & {*_FIXED, *moved})

    def update(self, urn: str, token: str, state: State, inputs: Props) -> State:
        self._write(self._path(urn, inputs), inputs)
        return State(id=state.id, inputs=inputs, outputs=inputs)

    def delete(self, urn: str, token: str, state: State) -> None:
        self._path(urn, state.inputs).unlink(missing_ok=True)

    def invoke(self, token: str, args: Props) -> Props:
        raise Rejected(f"{token}: the rendered cluster answers no queries")

    def secret_outputs(self, token: str) -> frozenset[str]:
        return frozenset()

    def _path(self, urn: str, inputs: Props) -> Path:
        system = urn.rsplit("::", maxsplit=1)[-1].split("-", maxsplit=1)[0]
        metadata = inputs["metadata"]
        kind = str(inputs["kind"]).lower()
        group = str(inputs["apiVersion"]).replace("/", "_")
        parts = (group, kind, metadata.get("namespace", "default"), metadata["name"])
        stage = "0-crd" if kind == "customresourcedefinition" else "1-manifest"
        return self._folder / system / stage / ("-".join(parts).replace(":", "-") + ".yaml")

    def _write(self, path: Path, inputs: Props) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, yaml.dump(inputs, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True, width=120))


def _id(inputs: Props) -> str:
    metadata = inputs["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])
