"""The exchange's manifests before Argo CD gets them (svc-gateway.md: Kubeconform, Conftest), each judge a step of the deployment:
`python -m tools.delivery_judges JUDGE FOLDER`, where FOLDER has what `python -m rehearsal.rendered` wrote.

The programs are built from their pinned modules (`python -m tools.go_tools`). Status 1, and the judge's own words, when it finds
something; also when it found nothing to look at.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from tools.cache import say
from tools.go_tools import CONFTEST, KUBECONFORM, KYVERNO, OPA, GoTool, find
from tools.object_schemas import TEMPLATE, schemas_for

SYSTEM = "exchange"
POLICIES = Path(__file__).parents[1] / "deploy/exchange/policies"
REGO, REGO_TEST = POLICIES / "rego", POLICIES / "rego-test"
OF_KYVERNO, KYVERNO_TEST = POLICIES / "kyverno", POLICIES / "kyverno-test"


class NotJudged(Exception):
    """Why a judge could not look; the message is for a person."""


def schemas(files: Sequence[Path]) -> int:
    """kubeconform: every field of every object is one that its kind has."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            schemas_for([yaml.safe_load(path.read_text()) for path in files], Path(folder))
        except LookupError as error:
            raise NotJudged(str(error)) from None
        return _run(KUBECONFORM, "-strict", "-summary", "-schema-location", f"{folder}/{TEMPLATE}", *files)


def rego_tests(_: Sequence[Path]) -> int:
    """opa: the rules in Rego pass their own tests."""
    return _run(OPA, "test", REGO, REGO_TEST)


def rego(files: Sequence[Path]) -> int:
    """conftest: no rule in Rego finds anything."""
    return _run(CONFTEST, "test", "--policy", REGO, "--no-color", *files)


def kyverno_tests(_: Sequence[Path]) -> int:
    """kyverno: its policies pass their own tests."""
    return _run(KYVERNO, "test", KYVERNO_TEST, "--remove-color")


def kyverno(files: Sequence[Path]) -> int:
    """kyverno: no policy would refuse anything."""
    given = [word for path in files for word in ("--resource", path)]
    return _run(KYVERNO, "apply", OF_KYVERNO, *given, "--remove-color")


JUDGES: dict[str, Callable[[Sequence[Path]], int]] = {
    "kubeconform": schemas,
    "opa-test": rego_tests,
    "conftest": rego,
    "kyverno-test": kyverno_tests,
    "kyverno": kyverno,
}


def _run(tool: GoTool, *words: str | Path) -> int:
    program = find(tool)
    if program is None:
        raise NotJudged(f"{tool.name} is not built: `python -m tools.go_tools {tool.name}` does it (needs Go)")
    return subprocess.run([program, *words], check=False, env={**os.environ, "NO_COLOR": "1"}).returncode  # noqa: S603


def main(arguments: Sequence[str]) -> int:
    """Status 2 for words that name no judge and folder."""
    if len(arguments) != 2 or arguments[0] not in JUDGES:
        say(f"python -m tools.delivery_judges {'|'.join(JUDGES)} FOLDER")
        return 2
    judge, folder = arguments
    files = sorted((Path(folder) / SYSTEM).rglob("*.yaml"))
    if not files:
        # A stack without the exchange has no such folder; one that has it has something in it.
        say(f"{folder} has no objects of the {SYSTEM}'s")
        return int((Path(folder) / SYSTEM).exists() or not Path(folder).is_dir())
    try:
        return 1 if JUDGES[judge](files) else 0
    except NotJudged as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
