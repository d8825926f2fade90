"""The embedded cloud as Pulumi providers over gRPC: one server per package, all in this process, for an engine to attach to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from rehearsal.cloud import Cloud
from rehearsal.provider import Rejected, State
from rehearsal.values import Props, decode, encode, mark_secrets, reveal

UNANSWERED = "rehearsal:engine:unanswered"
"""A function that every package answers: the ids, by URN, of what was created and not seen in an engine's state since.

Those in its argument `withdraw` are deleted first, where the cloud lets them be.
"""

_WORKERS = 32
_MESSAGE_LIMIT = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]


@contextmanager
def serve_cloud(cloud: Cloud) -> Iterator[dict[str, int]]:
    """Serve each package of the cloud on a loopback port of its own while the block runs; the ports by package."""
    under_way = _UnderWay()
    with ExitStack() as stack:
        yield {package: stack.enter_context(_served(cloud, package, under_way)) for package in sorted(cloud.packages)}


@contextmanager
def _served(cloud: Cloud, package: str, under_way: _UnderWay) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(_WORKERS, thread_name_prefix=f"provider-{package}"), options=_MESSAGE_LIMIT)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(CloudServicer(cloud, package, under_way), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=5).wait()


class _UnderWay:
    """The requests that change the cloud and have not ended, those of engines that died included."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        with self._changed:
            self._count += 1
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def wait_for_none(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._count)


class CloudServicer(provider_pb2_grpc.ResourceProviderServicer):
    """One package of the cloud; the methods are the protocol's."""

    def __init__(self, cloud: Cloud, package: str, under_way: _UnderWay) -> None:
        self._cloud = cloud
        self._package = package
        self._under_way = under_way

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 - the RPC's name
        try:
            return plugin_pb2.PluginInfo(version=version(f"pulumi_{self._package}"))
        except PackageNotFoundError:
            return plugin_pb2.PluginInfo()

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        same, some = provider_pb2.DiffResponse.DIFF_NONE, provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(changes=same if request.olds == request.news else some)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        failures = []
        try:
            self._cloud.check(request.urn, _token(request.urn), reveal(decode(request.news)))
        except Rejected as error:
            failures.append(provider_pb2.CheckFailure(reason=str(error)))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        state = State(id=request.id, inputs=_plain(request.old_inputs), outputs=_plain(request.olds))
        token, inputs = _token(request.urn), _plain(request.news)
        self._cloud.answered(request.urn, request.id)
        diff = self._or_abort(context, lambda: self._cloud.diff(request.urn, token, state, inputs))
        kinds = provider_pb2.PropertyDiff
        details = {
            key: kinds(kind=kinds.UPDATE_REPLACE if key in diff.replaces else kinds.UPDATE, inputDiff=True)
            for key in diff.changed
        }
        some, same = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some if diff.changed else same,
            diffs=sorted(diff.changed),
            replaces=sorted(diff.replaces),
            detailedDiff=details,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        token, inputs = _token(request.urn), decode(request.properties)
        state = self._change(context, lambda: self._cloud.create(request.urn, token, reveal(inputs)))
        return provider_pb2.CreateResponse(id=state.id, properties=self._outputs(token, inputs, state))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        token, known = _token(request.urn), decode(request.inputs) or decode(request.properties)
        if not known:
            return self._adopt(request, context)
        before = State(id=request.id, inputs=reveal(known), outputs=_plain(request.properties))
        self._cloud.answered(request.urn, request.id)
        now = self._or_abort(context, lambda: self._cloud.read(request.urn, token, before))
        if now is None:
            return provider_pb2.ReadResponse()
        # An input that did not drift goes back as it came, so that its secrets stay just where they were.
        inputs = {key: known[key] if before.inputs.get(key) == value else value for key, value in now.inputs.items()}
        return provider_pb2.ReadResponse(
            id=now.id,
            properties=self._outputs(token, known, now),
            inputs=encode(mark_secrets(inputs, known, frozenset())),
        )

    def _adopt(self, request: Any, context: Any) -> Any:
        """A read of which the engine knows nothing but the id: the program asks for what exists (`import_`)."""
        token = _token(request.urn)
        found = self._or_abort(context, lambda: self._cloud.adopt(request.urn, token, request.id))
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.id, properties=self._outputs(token, found.inputs, found), inputs=encode(found.inputs)
        )

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        token, inputs = _token(request.urn), decode(request.news)
        before = State(id=request.id, inputs=_plain(request.old_inputs), outputs=_plain(request.olds))
        self._cloud.answered(request.urn, request.id)
        if request.preview:
            after = State(id=request.id, inputs=reveal(inputs), outputs={**before.outputs, **reveal(inputs)})
        else:
            after = self._change(context, lambda: self._cloud.update(request.urn, token, before, reveal(inputs)))
        return provider_pb2.UpdateResponse(properties=self._outputs(token, inputs, after))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        state = State(id=request.id, inputs=_plain(request.old_inputs), outputs=_plain(request.properties))
        self._cloud.answered(request.urn, request.id)
        self._change(context, lambda: self._cloud.delete(request.urn, _token(request.urn), state))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.tok == UNANSWERED:
            return _answer(self._unanswered(_plain(request.args)["withdraw"]))
        try:
            result = self._cloud.invoke(request.tok, _plain(request.args))
        except Rejected as error:
            return provider_pb2.InvokeResponse(failures=[provider_pb2.CheckFailure(reason=str(error))])
        return _answer(result)

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def _unanswered(self, withdraw: list[str]) -> Props:
        self._under_way.wait_for_none()
        for urn in withdraw:
            if urn in self._cloud.unanswered:
                with suppress(Rejected):
                    self._cloud.withdraw(urn)
        return dict(self._cloud.unanswered)

    def _outputs(self, token: str, inputs: Props, state: State) -> Any:
        """What the bridged providers answer has the id among it; Kubernetes' has not."""
        outputs = state.outputs if token.startswith("kubernetes:") else {**state.outputs, "id": state.id}
        return encode(mark_secrets(outputs, inputs, self._cloud.secret_outputs(token)))

    def _change(self, context: Any, act: Callable[[], Any]) -> Any:
        with self._under_way.one():
            if not context.is_active():
                _abort(context, grpc.StatusCode.CANCELLED, "the engine is gone; nothing was begun")
            return self._or_abort(context, act)

    def _or_abort(self, context: Any, act: Callable[[], Any]) -> Any:
        """What `act` gives; a refusal becomes the call's error, with the message and no trace."""
        try:
            return act()
        except Rejected as error:
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except Exception as error:
            _abort(
                context, grpc.StatusCode.INTERNAL, f"fault in the embedded provider: {type(error).__name__}: {error}"
            )


def _abort(context: Any, code: grpc.StatusCode, message: str) -> NoReturn:
    context.abort(code, message)
    raise AssertionError("abort raises")


def _answer(result: Props) -> Any:
    response: Any = provider_pb2.InvokeResponse
    return response(**{"return": encode(result)})


def _token(urn: str) -> str:
    """The resource type: the URN's type chain ends with it."""
    return urn.split("::")[2].rsplit("$", maxsplit=1)[-1]


def _plain(struct: Any) -> Props:
    return dict(reveal(decode(struct)))


def ask_unanswered(port: int, withdraw: Sequence[str]) -> dict[str, str]:
    """`UNANSWERED`, asked of a served package from any process; waits for what is still under way there."""
    with grpc.insecure_channel(
        f"127.0.0.1:{port}", options=[*_MESSAGE_LIMIT, ("grpc.enable_http_proxy", 0)]
    ) as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        args = encode({"withdraw": list(withdraw)})
        answer = stub.Invoke(provider_pb2.InvokeRequest(tok=UNANSWERED, args=args))
    return decode(getattr(answer, "return"))
