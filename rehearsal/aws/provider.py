"""The embedded AWS provider: carries out declared types with boto3."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any, cast
from urllib.parse import urlencode

import boto3
import jmespath
from botocore import UNSIGNED
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import OperationModel, StructureShape
from botocore.validate import ParamValidator
from jmespath import functions

from rehearsal.aws.completed import complete_moto
from rehearsal.aws.declare import AwsService, AwsType, Call
from rehearsal.aws.offers import check_offered
from rehearsal.aws.references import unknown_reference
from rehearsal.aws.schemas import check_schema
from rehearsal.aws.shapes import from_api, member, plainly, tags_from_api, to_api
from rehearsal.provider import Diff, Rejected, State, changed_keys
from rehearsal.values import UNKNOWN, Props, has_unknown

_GONE = re.compile(
    r"^\S*(NotFound|NoSuch|\b404\b|DoesNotExist|Nonexistent|\.Malformed)|^Invalid(Document|Target) "
    r"|^ValidationError .*not found"
)
_VALUE = re.compile(r"\$([a-z]\w*(?:\.\w+)*)")
_ALWAYS_TAKEN = frozenset({"region", "tags"})
_BOTO = Config(retries={"total_max_attempts": 1}, max_pool_connections=50, user_agent="rehearsal")


class _Gone(Rejected):
    """What the call is about does not exist."""


class AwsProvider:
    """The types of `services`.

    `region` is where a resource lives that does not say; `endpoint` is a moto server's URL, if not in process.
    """

    def __init__(self, services: Iterable[AwsService], *, region: str, endpoint: str | None = None) -> None:
        complete_moto()
        self._region = region
        self._endpoint = endpoint
        self._kept: dict[tuple[str, str], Props] = {}
        self._made: set[str] = set()
        self._types = {token: (service, kind) for service in services for token, kind in service.types.items()}
        self._functions = {token: (service, f) for service in services for token, f in service.functions.items()}

    def tokens(self) -> frozenset[str]:
        """The resource types it has."""
        return frozenset(self._types)

    def check(self, urn: str, token: str, inputs: Props) -> None:
        service, kind = self._declared(token)
        known = {key: value for key, value in inputs.items() if not has_unknown(value)}
        for key in (key for key in known if not self._is_taken(service, kind, key)):
            raise Rejected(
                f"{token}: no API call takes the input '{key}'. Add it to the type's declaration in "
                f"rehearsal/aws/{service.client.replace('-', '_')}.py"
            )
        if known.get("region") not in (None, *_regions()):
            raise Rejected(f"region: {known['region'][:40]!r} is none of AWS's: {', '.join(_regions())}")
        if kind.check:
            kind.check({key: known.get(key, UNKNOWN) for key in inputs})
        if len(known) == len(inputs):
            context = self._context(inputs, token="none yet")  # noqa: S106 - not a secret
            self._validated(service, kind, kind.create, context)
        else:
            shape = self._input_shape(service, kind.create)
            for key, name in self._by_name(service, kind, kind.create, known).items():
                if known[key] is not None and name not in kind.create.params:
                    to_api(shape.members[name], known[key], kind.names, key)
        check_schema(token, known, kind.names)
        check_offered(token, known, known.get("region") or self._region)

    def create(self, urn: str, token: str, inputs: Props) -> State:
        service, kind = self._declared(token)
        context = self._context(inputs, token=uuid.uuid4().hex)
        self._refuse_unknown_references(inputs, context["region"])
        if kind.taken and self._found(service, kind, kind.taken, context):
            raise Rejected(f"{token}: there is one of that name already ({kind.taken.operation} finds it)")
        for message, step in kind.refuse.items():
            if self._call(service, kind, step, context):
                raise Rejected(f"{token}: {message}")
        if kind.kept:
            self._validated(service, kind, kind.create, context)
            context["answer"] = {}
        else:
            context["answer"] = self._call(service, kind, kind.create, context)
        context["id"] = str(_find(kind.id, context))
        if kind.kept and (token, context["id"]) in self._kept:
            raise Rejected(f"{token}: {context['id']} exists already")
        try:
            state = self._settled(service, kind, token, context)
        except Rejected:
            with suppress(Rejected):
                self._remove(service, kind, context)
            raise
        if kind.kept:
            self._kept[token, state.id] = inputs
        self._made |= _names(state)
        return state

    def _settled(self, service: AwsService, kind: AwsType, token: str, context: Props) -> State:
        """The rest of a create: what no create call takes."""
        inputs = context["inputs"]
        self._look_first(service, kind, context, *kind.settle)
        for step in kind.settle:
            if step.mentions() & _present(inputs) or not step.mentions():
                self._call(service, kind, step, context)
        if inputs.get("tags") and not kind.kept and not self._create_takes_tags(service, kind):
            self._retag(service, kind, context)
        return self._state(service, kind, token, context)

    def read(self, urn: str, token: str, state: State) -> State | None:
        service, kind = self._declared(token)
        context = self._context(state.inputs, id=state.id, answer=state.outputs)
        if kind.kept:
            return state if (token, state.id) in self._kept else None
        seen = self._found(service, kind, None, context)
        if seen is None:
            self._made -= _names(state)
            return None
        inputs = self._observed(kind, state.inputs, {**context, "seen": seen})
        reader = kind.tags or service.tags
        if reader and isinstance(inputs.get("tags"), dict):
            inputs["tags"] = tags_from_api(self._found(service, kind, reader, context) or {})
        fresh = self._outputs(kind, {**context, "seen": seen, "inputs": inputs}, default=state.outputs)
        return State(id=state.id, inputs=inputs, outputs={**state.outputs, **inputs, **fresh})

    def found(self, token: str, identifier: str) -> State | None:
        service, kind = self._declared(token)
        context = self._context({}, id=identifier, answer={})
        seen = None if kind.kept else self._found(service, kind, None, context)
        if seen is None:
            return None
        names = {member: key for key, member in kind.names.items()}
        shown = {names.get(member, member[0].lower() + member[1:]): value for member, value in seen.items()}
        inputs = {key: plainly(value, names) for key, value in shown.items() if self._is_taken(service, kind, key)}
        outputs = self._outputs(kind, {**context, "seen": seen}, default={})
        reader = kind.tags or service.tags
        if reader:
            inputs["tags"] = tags_from_api(self._found(service, kind, reader, {**context, "answer": outputs}) or {})
        elif "tags" in inputs:
            inputs["tags"] = tags_from_api(shown["tags"])
        return State(id=identifier, inputs=inputs, outputs={**inputs, **outputs})

    def as_declared(self, token: str, identifier: str, inputs: Props) -> Props:
        """What only deletes go by, such as `forceDestroy`, no resource shows: it is as if it had never been said."""
        service, kind = self._declared(token)
        existing = self.found(token, identifier)
        state = State(id=identifier, inputs=inputs, outputs=existing.outputs if existing else {})
        read = self.read("", token, state)
        steps = (kind.create, *kind.settle, *kind.update)
        said = {key: any(self._takes(service, kind, step, key) for step in steps) for key in inputs}
        return {key: value for key, value in (read.inputs if read else {}).items() if said[key] or key in _ALWAYS_TAKEN}

    def diff(self, token: str, state: State, inputs: Props) -> Diff:
        service, kind = self._declared(token)
        changed = changed_keys(state.inputs, inputs)
        return Diff(
            changed=changed, replaces=frozenset(key for key in changed if not self._is_changeable(service, kind, key))
        )

    def update(self, urn: str, token: str, state: State, inputs: Props) -> State:
        service, kind = self._declared(token)
        changed = changed_keys(state.inputs, inputs)
        context = self._context(inputs, id=state.id, answer=state.outputs, was=state.inputs)
        self._refuse_unknown_references({key: inputs[key] for key in changed & inputs.keys()}, context["region"])
        if kind.kept:
            self._validated(service, kind, kind.create, context)
            self._kept[token, state.id] = inputs
            return self._state(service, kind, token, context)
        settled = frozenset({"tags"}).union(*(step.mentions() for step in kind.settle))
        self._look_first(service, kind, context, *kind.update, *kind.settle)
        due = [any(self._takes(service, kind, step, key) for key in changed - settled) for step in kind.update]
        for step, takes in zip(kind.update, due, strict=True):
            if takes or (any(due) and not step.by_name and not step.is_made_of_inputs()):
                context["found"] = self._call(service, kind, step, context)
        for step in kind.settle:
            if step.mentions() & changed:
                self._call(service, kind, step, context)
        if "tags" in changed:
            context["removed"] = sorted({t["Key"] for t in _tags(state.inputs)} - {t["Key"] for t in context["tags"]})
            self._retag(service, kind, context)
        return self._state(service, kind, token, context)

    def delete(self, urn: str, token: str, state: State) -> None:
        service, kind = self._declared(token)
        context = self._context(state.inputs, id=state.id, answer=state.outputs)
        if kind.kept:
            self._kept.pop((token, state.id), None)
        else:
            self._refuse_protected(service, kind, token, context)
            self._remove(service, kind, context)
        self._made -= _names(state)

    def _refuse_protected(self, service: AwsService, kind: AwsType, token: str, context: Props) -> None:
        if kind.protected:
            seen = self._found(service, kind, None, context)
            if seen is not None and _find(kind.protected, {**context, "seen": seen}):
                raise Rejected(f"{token}: {context['id']} is protected from deletion")

    def _remove(self, service: AwsService, kind: AwsType, context: Props) -> None:
        steps = (*kind.clear, *_given(kind.delete))
        try:
            self._look_first(service, kind, context, *steps)
        except _Gone:
            return
        if context.get("seen", {}) is None:
            return
        for step in steps:
            context["found"] = self._found(service, kind, step, context)

    def invoke(self, token: str, args: Props) -> Props:
        if token not in self._functions:
            raise Rejected(f"{token} has no embedded implementation: declare a Lookup in rehearsal/aws/")
        service, lookup = self._functions[token]
        args = dict(args)
        region = args.pop("region", None) or self._region
        context: Props = {"inputs": args, "account": self._account(), "region": region}
        if lookup.call:
            context["seen"] = self._call(service, None, lookup.call, context)
        result = {name: _find(expression, context) for name, expression in lookup.result.items()}
        for name in (name for name in lookup.must if not result[name]):
            raise Rejected(f"{token}: nothing has {', '.join(f'{k}={v!r}' for k, v in args.items())} (no {name})")
        return result

    def secret_outputs(self, token: str) -> frozenset[str]:
        return frozenset()

    def _declared(self, token: str) -> tuple[AwsService, AwsType]:
        if token not in self._types:
            module = token.split(":")[1].partition("/")[0]
            raise Rejected(
                f"{token} has no embedded implementation: declare it as an AwsType in rehearsal/aws/{module}.py, "
                "or in the file of the boto3 service it belongs to (the calls that create, read and delete it)"
            )
        return self._types[token]

    def _context(self, inputs: Props, **more: Any) -> Props:
        region = inputs.get("region") or self._region
        base = {"inputs": inputs, "was": {}, "tags": _tags(inputs), "account": self._account(), "region": region}
        return {**base, **more}

    @cache  # noqa: B019 - one provider per process run
    def _account(self) -> str:
        return str(self.client("sts", self._region).get_caller_identity()["Account"])

    def client(self, service: str, region: str) -> Any:
        """The boto3 client of a service: one per service and region."""
        return _client(service, region, self._endpoint)

    def _operation(self, service: AwsService, step: Call) -> OperationModel:
        client = self.client(step.service or service.client, self._region)
        return cast(OperationModel, client.meta.service_model.operation_model(_api_name(client, step.operation)))

    def _input_shape(self, service: AwsService, step: Call) -> StructureShape:
        return cast(StructureShape, self._operation(service, step).input_shape)

    def _by_name(self, service: AwsService, kind: AwsType | None, step: Call, keys: Iterable[str]) -> dict[str, str]:
        """Input → parameter, for the inputs that the call takes by name."""
        if not step.by_name or kind is None:
            return {}
        shape = self._input_shape(service, step)
        wanted = keys if step.by_name is True else [key for key in keys if key in (step.by_name or ())]
        found = {key: member(shape, key, kind.names) for key in wanted}
        return {key: name for key, name in found.items() if name is not None}

    def _takes(self, service: AwsService, kind: AwsType, step: Call, key: str) -> bool:
        if key in step.mentions():
            return True
        return step.by_name is True and member(self._input_shape(service, step), key, kind.names) is not None

    def _is_taken(self, service: AwsService, kind: AwsType, key: str) -> bool:
        """Whether some call takes the input, or the declaration sets it aside."""
        steps = (kind.create, *kind.settle, *kind.update, *kind.clear, *_given(kind.delete))
        return key in _ALWAYS_TAKEN | kind.unsent or any(self._takes(service, kind, step, key) for step in steps)

    def _is_changeable(self, service: AwsService, kind: AwsType, key: str) -> bool:
        if key in kind.fixed | {"region"}:
            return False
        steps = (*kind.settle, *kind.update, *((kind.create,) if kind.kept else ()))
        created = key != "tags" and self._takes(service, kind, kind.create, key)
        return not created or any(self._takes(service, kind, step, key) for step in steps)

    def _params(self, service: AwsService, kind: AwsType | None, step: Call, context: Props) -> Props:
        shape = self._input_shape(service, step)
        names = kind.names if kind else {}
        inputs = context["inputs"]
        params = {}
        for key, name in self._by_name(service, kind, step, inputs).items():
            if inputs[key] is not None and name not in step.params:
                params[name] = to_api(shape.members[name], inputs[key], names, key)
        for name, expression in step.params.items():
            try:
                value = _without_nulls(_find(expression, context))
            except Rejected as refusal:
                raise Rejected(f"{' or '.join(step.inputs_of(name))}: {refusal}") from None
            if value is not None:
                params[name] = to_api(shape.members[name], value, names, name)
        return params

    def _validated(self, service: AwsService, kind: AwsType, step: Call, context: Props) -> None:
        """Refuses parameters that do not fit the call's shape, without making the call."""
        if step.when and not _find(step.when, context):
            return
        report = ParamValidator().validate(self._params(service, kind, step, context), self._input_shape(service, step))
        if report.has_errors():
            raise Rejected(f"{step.operation}: {report.generate_report()}")

    def _call(self, service: AwsService, kind: AwsType | None, step: Call, context: Props) -> Any:
        """The call's result, `None` when its condition does not hold; `_Gone` when what it is about is not there."""
        if step.when and not _find(step.when, context):
            return None
        client = self.client(step.service or service.client, context["region"])
        params = self._params(service, kind, step, context)
        try:
            answer = getattr(client, step.operation)(**params)
        except ClientError as error:
            details = error.response.get("Error", {})
            code, message = details.get("Code", ""), details.get("Message", error)
            refusal = _Gone if _GONE.search(f"{code} {message}") else Rejected
            raise refusal(f"{step.operation}: {code}: {message}") from error
        except ParamValidationError as error:
            raise Rejected(f"{step.operation}: {error}") from error
        except NotImplementedError as error:
            raise Rejected(f"{step.operation}: moto does not have it ({error}); see rehearsal/aws/gaps.py") from error
        answer.pop("ResponseMetadata", None)
        return _find(step.result, answer, context)

    def _found(self, service: AwsService, kind: AwsType, step: Call | None, context: Props) -> Any:
        """What the call (the type's own read, if none is given) finds, `None` when there is nothing."""
        try:
            return self._call(service, kind, step, context) if step else self._seen(service, kind, context)
        except _Gone:
            return None

    def _seen(self, service: AwsService, kind: AwsType, context: Props, also: Mapping[str, Call] | None = None) -> Any:
        if kind.read is None:
            return {}
        seen = self._call(service, kind, kind.read, context)
        further = kind.also if also is None else also
        if seen is None or not further:
            return seen
        context = {**context, "seen": seen}
        return {**seen, **{name: self._found(service, kind, step, context) for name, step in further.items()}}

    def _look_first(self, service: AwsService, kind: AwsType, context: Props, *steps: Call) -> None:
        """Reads the resource for steps that are made of what it is now (an ETag, a lock token)."""
        if any(step.uses("seen") for step in steps):
            context["seen"] = self._seen(service, kind, context)

    def _state(self, service: AwsService, kind: AwsType, token: str, context: Props) -> State:
        inputs = context["inputs"]
        wanted = {name: step for name, step in kind.also.items() if any(name in e for e in kind.outputs.values())}
        seen = {} if kind.kept else self._seen(service, kind, context, wanted)
        if seen is None:
            raise Rejected(f"{token}: {context['id']} cannot be read back after it was created")
        return State(
            id=context["id"],
            inputs=inputs,
            outputs={**inputs, **self._outputs(kind, {**context, "seen": seen}, default={})},
        )

    def _outputs(self, kind: AwsType, context: Props, *, default: Props) -> Props:
        found = {name: _find(expression, context) for name, expression in kind.outputs.items()}
        return {name: default.get(name) if value is None else value for name, value in found.items()}

    def _observed(self, kind: AwsType, inputs: Props, context: Props) -> Props:
        """The declared inputs as the cloud has them now; those the answer does not show stay as declared."""
        observed, seen = dict(inputs), context["seen"]
        lowered = {name.lower(): value for name, value in seen.items()} if isinstance(seen, dict) else {}
        for key, declared in inputs.items():
            shown = lowered.get(kind.names.get(key, key).lower())
            found = _find(kind.observe[key], context) if key in kind.observe else shown
            if key == "tags" and found is not None and isinstance(declared, dict):
                observed[key] = tags_from_api(found)
            elif found is not None and declared is not None:
                observed[key] = from_api(found, declared, kind.names)
        return observed

    def _create_takes_tags(self, service: AwsService, kind: AwsType) -> bool:
        shape = self._input_shape(service, kind.create)
        named = kind.create.by_name is True and member(shape, "tags", kind.names) is not None
        return named or any("tags" in expression for expression in kind.create.params.values())

    def _retag(self, service: AwsService, kind: AwsType, context: Props) -> None:
        retag, untag = kind.retag or service.retag, kind.untag or service.untag
        if retag is None:
            raise Rejected(f"rehearsal/aws/{service.client}.py declares no call that sets tags on an existing resource")
        if untag and context.get("removed"):
            self._call(service, kind, untag, context)
        if context["tags"]:
            self._call(service, kind, retag, context)

    def _refuse_unknown_references(self, inputs: Props, region: str) -> None:
        unknown = unknown_reference(
            inputs, self._made, self._account(), lambda service, elsewhere: self.client(service, elsewhere or region)
        )
        if unknown:
            raise Rejected(f"{unknown} does not exist in {region}")


@cache
def _client(service: str, region: str, endpoint: str | None) -> BaseClient:
    """Shared by all clouds of this process: to make one takes longer than most calls."""
    client: BaseClient = boto3.client(  # type: ignore[call-overload]
        service,
        region_name=region,
        endpoint_url=endpoint,
        config=_BOTO,
        aws_access_key_id="rehearsal",
        aws_secret_access_key="rehearsal",  # noqa: S106 - moto takes any
    )
    client.meta.events.register_first("choose-signer", lambda **_: UNSIGNED)
    client.meta.events.register("before-sign", _look_signed)
    return client


def _look_signed(request: Any, region_name: str, signing_name: str, **_: Any) -> None:
    """moto reads of a signature whose and where it is, and verifies nothing."""
    scope = f"rehearsal/20000101/{region_name}/{signing_name}/aws4_request"
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"


@cache
def _regions() -> tuple[str, ...]:
    return tuple(boto3.Session().get_available_regions("ec2"))


def _given(step: Call | None) -> tuple[Call, ...]:
    return (step,) if step else ()


class _Functions(functions.Functions):
    """What declarations need and JMESPath lacks."""

    @functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_after(self, text: str, marker: str) -> str:
        return text.partition(marker)[2] or text

    @functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_split(self, text: str, separator: str) -> list[str]:
        return [part for part in text.split(separator) if part]

    @functions.signature({"types": ["string", "null"]})
    def _func_no_dot(self, name: str | None) -> str | None:
        return name and name.rstrip(".").replace("\\052", "*")

    @functions.signature({"types": ["array"]})
    def _func_unique(self, items: list[Any]) -> list[Any]:
        return list(dict.fromkeys(items))

    @functions.signature({"types": ["string"]})
    def _func_from_base64(self, text: str) -> str:
        return _decoded(text).decode(errors="replace")

    @functions.signature({"types": ["array"]})
    def _func_query_string(self, tags: list[dict[str, str]]) -> str:
        return urlencode([(tag["Key"], tag["Value"]) for tag in tags])

    @functions.signature({"types": ["string"]})
    def _func_bytes_of_base64(self, text: str) -> bytes:
        return _decoded(text)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Rejected(f"{text[:40]!r} is not base64") from None


_OPTIONS = jmespath.Options(custom_functions=_Functions())


@lru_cache(maxsize=4096)
def _compiled(expression: str) -> Any:
    return jmespath.compile(expression)


def _find(expression: str, subject: Any, context: Any = None) -> Any:
    """What the expression selects in `subject`; `$name` is a value of the context (of the subject, without one)."""
    source = subject if context is None else context
    written = _VALUE.sub(lambda match: _literal(_compiled(match[1]).search(source)), expression)
    return _compiled(written).search(subject, options=_OPTIONS)


def _literal(value: Any) -> str:
    return "`" + json.dumps(value).replace("`", "\\`") + "`"


def _tags(inputs: Props) -> list[dict[str, Any]]:
    """The tags as [{Key, Value}], also where the type takes them as a list (with `PropagateAtLaunch`)."""
    tags = inputs.get("tags") or {}
    if isinstance(tags, list):
        return [{key[0].upper() + key[1:]: value for key, value in tag.items()} for tag in tags]
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _names(state: State) -> set[str]:
    """What other resources refer to it by."""
    return {state.id, str(state.outputs.get("arn", state.id))}


def _present(inputs: Props) -> frozenset[str]:
    return frozenset(key for key, value in inputs.items() if value is not None)


def _without_nulls(value: Any) -> Any:
    match value:
        case dict():
            kept = {key: _without_nulls(item) for key, item in value.items()}
            return {key: item for key, item in kept.items() if item is not None} or (None if value else {})
        case list():
            return [item for item in map(_without_nulls, value) if item is not None]
        case _:
            return None if value is UNKNOWN else value


def _api_name(client: BaseClient, operation: str) -> str:
    return str(client.meta.method_to_api_mapping[operation])
