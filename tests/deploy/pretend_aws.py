"""A pretend AWS CLI over a JSON file: EC2's machines and the Parameter Store. Every option is one of the real API's.

`instances` are as DescribeInstances gives them; `parameters` map a name to its value and its tags.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import botocore.session

State = dict[str, Any]
GLOBAL = {"region", "output", "query"}
"""Options of the client itself, not of the API."""


class Refused(Exception):
    """What the client would say before it ends with an error."""


def answer(state: State, words: Sequence[str]) -> Any:
    """Do what one call asks; what the client would print, as data."""
    service, operation, *rest = words
    given = _options(rest)
    _check(service, operation, given)
    match f"{service} {operation}":
        case "ec2 describe-instances":
            return {"Reservations": [{"Instances": [one]} for one in state["instances"] if _passes(one, given)]}
        case "ssm get-parameters-by-path":
            return [name for name in sorted(state["parameters"]) if name.startswith(given["path"][0] + "/")]
        case "ssm put-parameter":
            return _put(state, given)
        case "ssm delete-parameter":
            if state["parameters"].pop(given["name"][0], None) is None:
                raise Refused("An error occurred (ParameterNotFound) when calling the DeleteParameter operation")
            return None
    raise Refused(f"unexpected: aws {' '.join(words)}")


def _put(state: State, given: Mapping[str, list[str]]) -> State:
    name = given["name"][0]
    if "overwrite" in given and "tags" in given:
        raise Refused("An error occurred (ValidationException): tags and overwrite can't be used together")
    if name in state["parameters"] and "overwrite" not in given:
        raise Refused("An error occurred (ParameterAlreadyExists) when calling the PutParameter operation")
    tags = [dict(part.split("=", 1) for part in one.split(",")) for one in given.get("tags", [])]
    state["parameters"][name] = {
        "value": Path(given["value"][0].removeprefix("file://")).read_text(),
        "type": given["type"][0],
        "key": given["key-id"][0],
        "tags": {one["Key"]: one["Value"] for one in tags},
    }
    return {"Version": 1}


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            last = given.setdefault(word[2:], [])
        else:
            last.append(word)
    return given


def _check(service: str, operation: str, given: Mapping[str, object]) -> None:
    """The operation and its options are in AWS's own description of the API."""
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(_camel(operation)).input_shape
    known = {one.lower() for one in shape.members} if shape else set()
    if unknown := [name for name in given if name not in GLOBAL and name.replace("-", "") not in known]:
        raise Refused(f"Unknown options: {', '.join(unknown)}")


def _camel(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("-"))


def _passes(instance: Mapping[str, Any], given: Mapping[str, list[str]]) -> bool:
    tags = {one["Key"]: one["Value"] for one in instance["Tags"]}
    for one in given["filters"]:
        name, value = (part.split("=", 1)[1] for part in one.split(",", 1))
        there = (
            tags.get(name[4:]) if name.startswith("tag:") else {"instance-state-name": instance["State"]["Name"]}[name]
        )
        if there != value:
            return False
    return True


def main() -> int:
    file = Path(os.environ["PRETEND_AWS"])
    state = json.loads(file.read_text())
    try:
        said = answer(state, sys.argv[1:])
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 254
    file.write_text(json.dumps(state))
    if said is not None:
        print(json.dumps(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
