"""The page of renames as data: what each of its rows says before and after, and the program that it is a line of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rehearsal.cloud import open_cloud
from rehearsal.engine.program import project_program
from rehearsal.inprocess import run
from rehearsal.preview.comparison import compare
from rehearsal.preview.dangers.stateful import losses
from rehearsal.preview.snapshot import Snapshot, taken
from rehearsal.stack_file import load_stack_file
from tests.stacks import ACCOUNT, REGION, ROOT

PROGRAM = """
import pulumi
from pulumi import ROOT_STACK_RESOURCE, Alias, ResourceOptions
from pulumi_random import RandomPassword

from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs


class Archive(PrivateBucket):
    pulumi_type = "platform:shop:Archive"


def made(bucket):
    return PrivateBucketArgs(bucket=bucket, versioning=True, tags={}, protect=True)


room, attic = PrivateBucket("shop-room", made("shop-room")), Archive("shop-attic", made("shop-attic"))
"""
RESOURCES = 32


@dataclass(frozen=True, kw_only=True)
class Row:
    """What changes; the code before and after."""

    what: str
    before: str
    after: str

    def with_alias(self, alias: str) -> str:
        """The code after, with another alias, or none."""
        code, count = re.subn(r"aliases=\[.*?\]", alias, self.after)
        assert count == 1
        return code

    def name(self, code: str) -> str:
        (found,) = re.findall(r'^\w+\("([^"]+)"', code)
        return str(found)


ROWS = [
    Row(what=row[1], before=row[2], after=row[3])
    for row in re.finditer(
        r"^\| ([^|]+) \| `([^`]+)` \| `([^`]+)` \|$", (ROOT / "docs/rename.md").read_text(), re.MULTILINE
    )
]
BEFORE = [row.before for row in ROWS]
AFTER = [row.after for row in ROWS]
WITHOUT_ALIAS = [row.with_alias("") for row in ROWS]


def write(root: Path, calls: Iterable[str]) -> None:
    """The program with these calls, each with arguments of its own."""
    lines = (f"args = made('shop-bucket-{n}')\n{call}\n" for n, call in enumerate(calls))
    (root / "__main__.py").write_text(PROGRAM + "".join(lines))


def seen(root: Path, calls: Iterable[str]) -> Snapshot:
    """What `make preview` compares: the program, run without an engine."""
    write(root, calls)
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (root / "Pulumi.test.yaml").write_text("config: {}\n")
    with open_cloud(region=REGION, account=ACCOUNT, manifests=root / "manifests") as cloud:
        return taken(run(project_program(root), load_stack_file(root, "test", secrets=[]), cloud))


def advice(before: Snapshot, without: Snapshot) -> dict[str, str]:
    """Where `make preview` says that an alias belongs, and which."""
    said = (
        re.search(r"where \W?([\w-]+)\W? is made: \W?(aliases=\[.*?\])", one.remedy)
        for one in losses(compare("test", before, without))
    )
    return {found[1]: found[2] for found in said if found}
