"""As many resources as a rehearsal saved, with their inputs, on the SDK's mocks: `python -m tests.bench.plain resources.json`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks, set_mocks
from pulumi.runtime.stack import run_pulumi_func


class Echo(Mocks):
    """Answers with what it was asked."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return f"{args.name}-id", args.inputs

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], None]:
        return {}, None


def register(resources: list[dict[str, Any]]) -> None:
    """Every resource but the stack's own, parents first."""
    made: dict[str, pulumi.Resource] = {}
    for one in sorted(resources, key=lambda one: one["urn"].count("$")):
        if one["type"] != "pulumi:pulumi:Stack":
            options = pulumi.ResourceOptions(parent=made.get(one["parent"]))
            kind = pulumi.CustomResource if one["custom"] else pulumi.ComponentResource
            made[one["urn"]] = kind(one["type"], one["name"], one["inputs"], options)


def main(saved: Path) -> None:
    resources = json.loads(saved.read_text())["resources"]
    asyncio.set_event_loop(loop := asyncio.new_event_loop())
    set_mocks(Echo(), project="plain", stack="plain", preview=False)
    loop.run_until_complete(run_pulumi_func(lambda: register(resources)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
