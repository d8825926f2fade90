"""The recording monitor: the resource monitor's RPCs, answered in process by the embedded cloud."""

from __future__ import annotations

from typing import Any

from google.protobuf import empty_pb2
from pulumi import get_project, get_stack
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.proto import provider_pb2, resource_pb2

from rehearsal.cloud import Cloud
from rehearsal.manifests import is_rendered
from rehearsal.provider import Rejected, State
from rehearsal.recording import Recording, Registered
from rehearsal.values import Props, decode, encode, mark_secrets, reveal

_STACK = "pulumi:pulumi:Stack"


class _NoMocks(Mocks):
    """`MockMonitor` wants one; every call it would get is answered by the monitor itself."""

    def call(self, args: Any) -> Any:
        raise NotImplementedError

    def new_resource(self, args: Any) -> Any:
        raise NotImplementedError


class RecordingMonitor(MockMonitor):
    """Creates what is registered in `cloud` and keeps every request in `recording`."""

    def __init__(self, cloud: Cloud, recording: Recording) -> None:
        super().__init__(_NoMocks())
        self._cloud = cloud
        self._recording = recording

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The engine's URN: the stack is no part of its children's type chain, which the SDK's mocks have it be."""
        chain = parent.split("::")[2] if parent else _STACK
        return f"urn:pulumi:{get_stack()}::{get_project()}::{type_ if chain == _STACK else f'{chain}${type_}'}::{name}"

    def _aliases(self, request: Any) -> tuple[str, ...]:
        """The aliases as URNs: what an alias does not say is as the resource has it."""
        return tuple(
            alias.urn
            or self.make_urn(
                "" if alias.spec.noParent else alias.spec.parentUrn or request.parent,
                alias.spec.type or request.type,
                alias.spec.name or request.name,
            )
            for alias in request.aliases
        )

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the RPC's name
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == _STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = decode(request.object)
        try:
            self._recording.add(_registered(urn, request, inputs, self._aliases(request)))
            if not request.custom:
                return resource_pb2.RegisterResourceResponse(urn=urn)
            state = self._create(urn, request, inputs)
        except (Rejected, ValueError) as error:
            raise self._failed(request.name, error) from error
        self._recording.complete(urn, id=state.id, outputs=state.outputs)
        outputs = mark_secrets(state.outputs, inputs, self._secret_outputs(request))
        return resource_pb2.RegisterResourceResponse(urn=urn, id=state.id, object=encode(outputs))

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        urn = self.make_urn(request.parent, request.type, request.name)
        properties = reveal(decode(request.properties))
        state = self._cloud.read(urn, request.type, State(id=request.id, inputs=properties, outputs=properties))
        if state is None:
            raise self._failed(request.name, Rejected(f"{request.type} {request.id} does not exist"))
        return resource_pb2.ReadResourceResponse(urn=urn, properties=encode(state.outputs))

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        try:
            result = self._cloud.invoke(request.tok, reveal(decode(request.args)))
        except Rejected as error:
            failure = provider_pb2.CheckFailure(reason=str(error))
            return resource_pb2.ResourceInvokeResponse(failures=[failure])
        return resource_pb2.ResourceInvokeResponse(**{"return": encode(result)})  # type: ignore[arg-type]

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        outputs = decode(request.outputs)
        if request.urn.split("::")[2] == _STACK:
            self._recording.stack_outputs = outputs
        else:
            self._recording.complete(request.urn, outputs=reveal(outputs))
        return empty_pb2.Empty()

    def _create(self, urn: str, request: Any, inputs: Props) -> State:
        if request.type.startswith("pulumi:providers:"):
            return State(id=request.name, inputs=inputs, outputs=inputs)
        plain = reveal(inputs)
        self._cloud.check(urn, request.type, plain)
        return self._cloud.create(urn, request.type, plain)

    def _secret_outputs(self, request: Any) -> frozenset[str]:
        if request.type.startswith("pulumi:providers:"):
            return frozenset()
        return self._cloud.secret_outputs(request.type) | frozenset(request.additionalSecretOutputs)

    def _failed(self, name: str, error: Exception) -> Exception:
        self._recording.fail(f"{name}: {error}")
        return RuntimeError(f"{name}: {error}")


def _registered(urn: str, request: Any, inputs: Props, aliases: tuple[str, ...]) -> Registered:
    rendered = is_rendered(request.type, custom=request.custom)
    return Registered(
        urn=urn,
        type=request.type,
        name=request.name,
        parent=request.parent,
        custom=request.custom or rendered,
        rendered=rendered,
        provider=request.provider,
        protect=request.protect,
        dependencies=frozenset(request.dependencies),
        property_dependencies={key: frozenset(value.urns) for key, value in request.propertyDependencies.items()},
        ignore_changes=tuple(request.ignoreChanges),
        aliases=aliases,
        delete_before_replace=request.deleteBeforeReplace,
        retain_on_delete=request.retainOnDelete,
        inputs=inputs,
    )
