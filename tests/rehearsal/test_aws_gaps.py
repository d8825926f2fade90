"""rehearsal/aws/gaps.py is right: moto really lacks what it lists, and lacks nothing else that a declared type calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.parsers import ResponseParserError

from rehearsal.aws import SERVICES, completed
from rehearsal.aws.declare import AwsService, AwsType, Call
from rehearsal.aws.gaps import GAPS, UNSENT
from rehearsal.aws.provider import AwsProvider

DECLARED = {token: kind for service in SERVICES for token, kind in service.types.items()}


def some(shape: Shape | None) -> Any:
    """The least that a call takes: its required parameters, with any value."""
    match shape:
        case StructureShape():
            return {name: some(shape.members[name]) for name in shape.required_members}
        case ListShape():
            return [some(shape.member)] if shape.metadata.get("min") else []
        case MapShape() | None:
            return {}
    scalars: dict[str, Any] = {"boolean": True, "integer": 1, "long": 1, "float": 1.0, "double": 1.0, "blob": b"x"}
    if isinstance(shape, StringShape) and shape.enum:
        return shape.enum[0]
    return scalars.get(shape.type_name, "x" * max(1, shape.metadata.get("min", 1)))


def is_implemented(aws: AwsProvider, service: str, operation: str) -> bool:
    client = aws.client(service, "ap-northeast-2")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
    try:
        getattr(client, operation)(**some(shape))
    except (NotImplementedError, ResponseParserError):
        return False
    except ClientError as error:
        answer = error.response["ResponseMetadata"]
        return (
            answer["HTTPStatusCode"] not in (500, 501) and answer["HTTPHeaders"] != {}
        )  # {}: moto knows no such address
    except Exception:  # moto choked on these parameters, so it has the operation
        return True
    return True


def calls(service: AwsService, kind: AwsType) -> Iterator[tuple[str, str]]:
    steps: list[Call | None] = [
        kind.create,
        kind.read,
        kind.delete,
        kind.taken,
        *kind.settle,
        *kind.update,
        *kind.clear,
    ]
    steps += [*kind.also.values(), *kind.refuse.values(), kind.retag, kind.untag, kind.tags]
    steps += [service.retag, service.untag, service.tags]
    return ((step.service or service.client, step.operation) for step in steps if step)


def called() -> set[tuple[str, str]]:
    found = {
        pair
        for service in SERVICES
        for kind in service.types.values()
        if not kind.kept
        for pair in calls(service, kind)
    }
    return found | {(s.client, f.call.operation) for s in SERVICES for f in s.functions.values() if f.call}


def test_moto_lacks_every_gap(aws: AwsProvider) -> None:
    assert [gap for gap in GAPS if is_implemented(aws, gap.service, gap.operation)] == []


def test_moto_has_every_operation_that_is_called(aws: AwsProvider) -> None:
    assert [pair for pair in sorted(called()) if not is_implemented(aws, *pair)] == []


def test_a_kept_type_is_kept_for_a_gap() -> None:
    kept = {
        (service.client, kind.create.operation) for service in SERVICES for kind in service.types.values() if kind.kept
    }
    assert kept <= {(gap.service, gap.operation) for gap in GAPS}


def test_moto_lacks_what_is_completed() -> None:
    assert completed.COMPLETED.keys() == completed.LACKING


def test_completed_operations_are_called() -> None:
    assert called() >= completed.LACKING


@pytest.mark.parametrize("unsent", UNSENT)
def test_unsent_inputs_are_unsent(unsent: Any) -> None:
    assert unsent.key in DECLARED[unsent.token].unsent


def test_each_consequence_is_said() -> None:
    consequences = [gap.consequence for gap in GAPS] + [unsent.consequence for unsent in UNSENT]
    assert min(map(len, consequences)) > 10
