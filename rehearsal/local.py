"""What providers without a remote service have in common: their resources live in memory and never drift."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rehearsal.provider import Diff, Rejected, State, changed_keys
from rehearsal.values import Props

Make = Callable[[str, Props], tuple[str, Props]]
"""URN and inputs → id and outputs."""


class LocalProvider:
    """Resource types by token, each made by a function; a change of any input replaces the resource."""

    types: Mapping[str, Make] = {}
    secrets: Mapping[str, frozenset[str]] = {}

    def check(self, urn: str, token: str, inputs: Props) -> None:
        if token not in self.types:
            raise Rejected(
                f"{token} has no embedded implementation: add it in {type(self).__module__.replace('.', '/')}.py"
            )

    def create(self, urn: str, token: str, inputs: Props) -> State:
        self.check(urn, token, inputs)
        identifier, outputs = self.types[token](urn, inputs)
        return State(id=identifier, inputs=inputs, outputs={**inputs, **outputs})

    def read(self, urn: str, token: str, state: State) -> State | None:
        return state

    def diff(self, token: str, state: State, inputs: Props) -> Diff:
        changed = changed_keys(state.inputs, inputs)
        return Diff(changed=changed, replaces=changed)

    def update(self, urn: str, token: str, state: State, inputs: Props) -> State:
        return State(id=state.id, inputs=inputs, outputs={**state.outputs, **inputs})

    def delete(self, urn: str, token: str, state: State) -> None:
        return None

    def invoke(self, token: str, args: Props) -> Props:
        raise Rejected(f"{token} has no embedded implementation")

    def secret_outputs(self, token: str) -> frozenset[str]:
        return self.secrets.get(token, frozenset())
