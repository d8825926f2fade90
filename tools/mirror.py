"""Copies Istio's images into a stack's own registry, byte for byte: `make mirror STACK=prod`.

For stacks with `eco2.mesh_images: registry`, whose nodes pull them from there: Docker Hub, the only place that publishes them,
counts what one address pulls, and all nodes are behind one. It needs `skopeo`, the AWS CLI and credentials that may push; the
repositories are the stack's (`pulumi up` makes them). What is there already is compared, never replaced: tags are immutable.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.names import Names
from infra.systems.eco2 import versions
from infra.systems.eco2.context import ACCOUNT_REGISTRY
from rehearsal.stack_file import load_stack_file, project_name
from tools.cache import say

Run = Callable[..., str]
"""A command's words and what it reads; its output, or CalledProcessError."""


class Another(Exception):
    """The registry has an image of that name, and it is not the one that is published."""


def copies(registry: str, prefix: str) -> dict[str, str]:
    """Each image as it is published → where it goes."""
    return {
        f"docker://{versions.ISTIO_IMAGES}/{image}:{versions.ISTIO}": f"docker://{registry}/{prefix}-istio/{image}:{versions.ISTIO}"
        for image in versions.ISTIO_IMAGE_NAMES
    }


def mirror(registry: str, region: str, prefix: str, run: Run) -> list[str]:
    """Copy what is missing; a line for each image. `Another` when what is there is not what is published."""
    password = run("aws", "ecr", "get-login-password", "--region", region)
    run("skopeo", "login", "--username", "AWS", "--password-stdin", registry, given=password)
    said = []
    for source, target in copies(registry, prefix).items():
        wanted, there = _digest(source, run), _digest(target, run, may_be_missing=True)
        if there not in (None, wanted):
            raise Another(
                f"{target} is {there}, and {source} is {wanted}: find out which of the two is wrong, and copy neither"
            )
        if there is None:
            run("skopeo", "copy", "--all", "--preserve-digests", source, target)
        said.append(f"{target.removeprefix('docker://')}@{wanted}: {'copied' if there is None else 'was there'}")
    return said


def _digest(image: str, run: Run, *, may_be_missing: bool = False) -> str | None:
    try:
        return run("skopeo", "inspect", "--no-tags", "--format", "{{.Digest}}", image).strip()
    except subprocess.CalledProcessError as error:
        if may_be_missing and "manifest unknown" in str(error.stderr).lower():
            return None
        raise


def _runner(surroundings: Mapping[str, str]) -> Run:
    def run(*words: str, given: str = "") -> str:
        done = subprocess.run(  # noqa: S603 - the words are this module's
            words, input=given, env={**os.environ, **surroundings}, check=True, text=True, capture_output=True
        )
        return done.stdout

    return run


def main(stack: str) -> int:
    """Status 1, with the program's words, when something cannot be had or is not what it should be."""
    root = Path(__file__).resolve().parents[1]
    config = load_stack_file(root, stack, secrets=()).config
    region = config["aws:region"]
    account = json.loads(config[f"{project_name(root)}:platform"])["account"]
    registry = ACCOUNT_REGISTRY.format(account=account, region=region)
    # The registry's password stays in a folder that goes with this run.
    with tempfile.TemporaryDirectory() as folder:
        try:
            run = _runner({"REGISTRY_AUTH_FILE": f"{folder}/auth.json"})
            print("\n".join(mirror(registry, region, Names(system="eco2", stack=stack).prefix, run)))
        except FileNotFoundError as error:
            say(f"{error.filename} is not installed: the AWS CLI and skopeo are needed")
        except (subprocess.CalledProcessError, Another) as error:
            say(str(getattr(error, "stderr", None) or error).strip())
        else:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
