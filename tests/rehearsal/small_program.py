"""A program of one resource, for tests of the command line: what they look at does not depend on what is built."""

from __future__ import annotations

from pathlib import Path

PROGRAM = """
import pulumi
import pulumi_aws as aws

from infra.settings import load_settings
from infra.tags import base_tags

settings = load_settings()
tags = base_tags(system="shop", stack=pulumi.get_stack(), extra=settings.platform.tags)
note = aws.ssm.Parameter("shop-note", name="/shop/note", type="String", value="open at nine", tags=tags)
pulumi.export("note", note.name)
"""


def make_small(project: Path) -> Path:
    """Put the small program into a copy of the project; its stack files and policies stay."""
    (project / "__main__.py").unlink()
    (project / "__main__.py").write_text(PROGRAM)
    return project
