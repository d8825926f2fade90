"""`make up` goes by the policies: it prints what they find, and ends badly when a mandatory one is broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.rehearsal.small_program import make_small
from tests.rehearsal.test_cli import project, rehearsal
from tests.stacks import ROOT

__all__ = ["project"]


def test_a_mistake_in_the_exemptions_is_told_before_anything_is_made(project: Path) -> None:
    (project / "policy").unlink()
    shutil.copytree(ROOT / "policy", project / "policy", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "policy/exemptions.yaml").write_text(
        "- {rule: rds-not-publik, resources: [prod/a-b-c], expires: soon}\n"
    )
    done = rehearsal(project, "up", "--stack", "prod")
    assert done.returncode == 2
    assert "The policies' exemptions need mending" in done.stdout
    assert "policy/exemptions.yaml has 2 errors" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (project / ".rehearsal").exists()


@pytest.mark.runs
def test_up_ends_with_3_and_names_what_stops_and_how_to_mend_it(project: Path) -> None:
    program = make_small(project) / "__main__.py"
    program.write_text(program.read_text() + 'aws.kms.Key("shop-key", deletion_window_in_days=7, tags=tags)\n')
    done = rehearsal(project, "up", "--stack", "prod", "--in-process")
    assert done.returncode == 3, done.stdout
    assert "\nPolicies " in done.stdout
    message = done.stdout[done.stdout.index("Stack prod stands in the rehearsal, and breaks mandatory policies") :]
    for said in (
        "kms-deletion-window (high), prod/shop-key: deletionWindowInDays is 7",
        "  infra/components/aws/encryption.py: deletion_window_in_days=30",
        "stateful-protected (high), prod/shop-key: Pulumi would delete or replace it without asking",
        "  set platform.protect to true in the stack's file",
        "kms-rotation (medium), prod/shop-key: enableKeyRotation is not set",
    ):
        assert f"\n{said}\n" in message
    assert "Traceback" not in done.stdout + done.stderr
    assert (project / ".rehearsal/prod/resources.json").exists()
