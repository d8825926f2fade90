"""Whether the exchange's images are signed by its keys: `python -m tools.signatures STACK`, by cosign, before a stack is changed.

The images and the keys are those of the stack's file. cosign is told neither who runs it nor what the runner may do: it gets
the folder of Docker's configuration, with what the registry takes. Kyverno asks the same of each pod of the exchange's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from infra.names import Names
from infra.settings.exchange import Exchange
from infra.settings.report import problems
from infra.systems.eco2.context import ACCOUNT_REGISTRY
from rehearsal.stack_file import StackFileError, load_stack_file, project_name
from tools.cache import say
from tools.go_tools import COSIGN, find

PASSED_ON = ("DOCKER_CONFIG", "HOME", "PATH", "TMPDIR")


def verify(cosign: Path, image: str, keys: Iterable[str]) -> str | None:
    """What is wrong with an image, in cosign's words for the last key; None when one of the public keys (PEM) signed it."""
    said = "there are no keys"
    for key in keys:
        with tempfile.NamedTemporaryFile("w", suffix=".pub") as file:
            file.write(key)
            file.flush()
            # A key, and so no certificate whose moment a log would have to tell: nothing of Sigstore's is asked.
            command: list[str | Path] = [
                cosign,
                "verify",
                "--key",
                file.name,
                "--insecure-ignore-tlog=true",
                "--output",
                "json",
                image,
            ]
            done = subprocess.run(command, env=_surroundings(), capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode == 0:
            return None
        said = done.stderr.strip().removeprefix("Error: ")
    return said


def _surroundings() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def unsigned(cosign: Path, images: Iterable[str], keys: Mapping[str, str]) -> list[str]:
    """A line for each image that none of the keys signed."""
    found = ((image, verify(cosign, image, keys.values())) for image in images)
    return [f"{image}: not signed by {' or '.join(sorted(keys))}: {wrong}" for image, wrong in found if wrong]


def images_of(root: Path, stack: str) -> tuple[list[str], Mapping[str, str]]:
    """The exchange's images and its signers' keys; none of both for a stack without it. `StackFileError` for a bad file."""
    config = load_stack_file(root, stack, secrets=()).config
    project = project_name(root)
    platform = json.loads(config[f"{project}:platform"])
    if "exchange" not in platform["systems"]:
        return [], {}
    try:
        settings = Exchange.model_validate(json.loads(config[f"{project}:exchange"]))
    except ValidationError as error:
        raise StackFileError("\n".join(problems("exchange", Exchange, error))) from None
    registry = ACCOUNT_REGISTRY.format(account=platform["account"], region=config["aws:region"])
    prefix = Names(system="exchange", stack=stack).prefix
    return [
        f"{registry}/{prefix}-{name}:{release}" for name, release in settings.images.items()
    ], settings.image_signers


def main(stack: str) -> int:
    """Status 1 when an image is not signed, or cosign is not there."""
    if (cosign := find(COSIGN)) is None:
        say("cosign is not built: `python -m tools.go_tools cosign` does it (needs Go)")
        return 1
    try:
        images, keys = images_of(Path(__file__).resolve().parents[1], stack)
    except StackFileError as error:
        say(str(error))
        return 1
    if wrong := unsigned(cosign, images, keys):
        print("\n".join(wrong), file=sys.stderr)
        return 1
    print(f"{len(images)} images are signed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
