"""The embedded cluster, for `delivery: apply`: it keeps each object as the file that rendering it would make."""

from __future__ import annotations

from pathlib import Path

import yaml

from rehearsal.manifests import manifest_path, object_id, write_manifest, wrong_with
from rehearsal.provider import Diff, Rejected, State, changed_keys
from rehearsal.values import Props

_FIXED = ("apiVersion", "kind")


class KubernetesProvider:
    """Objects as files under `folder`; a Secret is refused, since it would be plain text there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self, urn: str, token: str, inputs: Props) -> None:
        if problem := wrong_with(inputs):
            raise Rejected(f"{token}: {problem}")

    def create(self, urn: str, token: str, inputs: Props) -> State:
        self.check(urn, token, inputs)
        path = self._path(urn, inputs)
        if taken := next(self._folder.glob(f"*/{path.parent.name}/{path.name}"), None):
            raise Rejected(
                f"{token}: {inputs['kind']} {object_id(inputs)} exists already ({taken.relative_to(self._folder)})"
            )
        write_manifest(path, inputs)
        return State(id=object_id(inputs), inputs=inputs, outputs=inputs)

    def read(self, urn: str, token: str, state: State) -> State | None:
        try:
            seen = yaml.load(self._path(urn, state.inputs).read_text(), Loader=yaml.CSafeLoader)
        except FileNotFoundError:
            return None
        return State(id=state.id, inputs=seen, outputs=seen)

    def diff(self, token: str, state: State, inputs: Props) -> Diff:
        changed = changed_keys(state.inputs, inputs)
        moved = frozenset({"metadata"}) if object_id(state.inputs) != object_id(inputs) else frozenset()
        return Diff(changed=changed, replaces=changed & {*_FIXED, *moved})

    def update(self, urn: str, token: str, state: State, inputs: Props) -> State:
        write_manifest(self._path(urn, inputs), inputs)
        return State(id=state.id, inputs=inputs, outputs=inputs)

    def delete(self, urn: str, token: str, state: State) -> None:
        self._path(urn, state.inputs).unlink(missing_ok=True)

    def invoke(self, token: str, args: Props) -> Props:
        raise Rejected(f"{token}: the embedded cluster answers no queries")

    def secret_outputs(self, token: str) -> frozenset[str]:
        return frozenset()

    def _path(self, urn: str, inputs: Props) -> Path:
        return manifest_path(self._folder, urn.rsplit("::", maxsplit=1)[-1], inputs)
