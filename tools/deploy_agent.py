"""Compares the recorded package of CodeDeploy's agent with what AWS serves today: `make agent STACK=prod`.

It asks the bucket of the stack's region (CodeDeploy's user guide, "Install the CodeDeploy agent for Amazon Linux or RHEL"). What
is not recorded is printed as the commands that record it: whoever runs them has looked at it from a second place.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from infra.settings.wealist import DeployAgent
from rehearsal.stack_file import StackFileError, load_stack_file

_KEY = "wealist.backend.codedeploy_agent"
_SECONDS = 60
_PACKAGE = re.compile(r"(?:releases/)?(codedeploy-agent[-_]\d[A-Za-z0-9._-]*\.rpm)")

Fetch = Callable[[str], bytes]


class NotServed(Exception):
    """AWS serves nothing that can be recorded; the message says what was asked and what came."""


def bucket(region: str) -> str:
    """Where AWS keeps the agent for a region, without a slash at its end."""
    return f"https://aws-codedeploy-{region}.s3.{region}.amazonaws.com"


def newest(region: str, fetch: Fetch) -> str:
    """The file below `releases/` that AWS calls the latest; `NotServed` when what it says names none."""
    where = f"{bucket(region)}/latest/VERSION"
    said = fetch(where)
    try:
        found = _PACKAGE.fullmatch(str(json.loads(said)["rpm"]))
    except (ValueError, KeyError, TypeError):
        found = None
    if found is None:
        raise NotServed(f"{where}: wanted a JSON object with the package in `rpm`, got {said[:80]!r}")
    return found[1]


def report(stack: str, region: str, recorded: DeployAgent | None, fetch: Fetch) -> int:
    """Print what is served, and what to do; 0 when it is what is recorded."""
    package = recorded.package if recorded else newest(region, fetch)
    served = hashlib.sha256(fetch(f"{bucket(region)}/releases/{package}")).hexdigest()
    if recorded is None:
        print(f"{package}: not recorded. Ask from a second place too; if both say the same:")
        for name, value in (("package", package), ("sha256", served)):
            print(f"pulumi config set -s {stack} --path {_KEY}.{name} {value}")
        return 1
    if served != recorded.sha256:
        print(f"{package}: recorded {recorded.sha256}, served {served}: do not record it; ask why")
        return 1
    print(f"{package}: as recorded")
    return 0


def _fetch(address: str) -> bytes:
    try:
        with urlopen(address, timeout=_SECONDS) as answer:  # noqa: S310  only `bucket`
            content: bytes = answer.read()
    except (URLError, TimeoutError) as error:
        raise NotServed(f"{address}: {error}") from None
    return content


def main(arguments: list[str]) -> int:
    """Status 1 when nothing is recorded, or something else is served; 2 for a stack that is none."""
    root = Path(__file__).resolve().parent.parent
    try:
        (stack,) = arguments
        config = load_stack_file(root, stack, secrets=()).config
        wealist = json.loads(config["edge-platform:wealist"])
    except ValueError:
        print("python -m tools.deploy_agent <stack>", file=sys.stderr)
        return 2
    except KeyError:
        print(f"Pulumi.{stack}.yaml has no section wealist: nothing there runs the agent", file=sys.stderr)
        return 2
    except StackFileError as error:
        print(error, file=sys.stderr)
        return 2
    told = wealist.get("backend", {}).get("codedeploy_agent")
    try:
        recorded = DeployAgent.model_validate(told) if told else None
        return report(stack, config["aws:region"], recorded, _fetch)
    except (NotServed, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
