"""`make up` goes by the policies: it prints what they find, and ends badly when a mandatory one is broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

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


@pytest.mark.verify
def test_up_ends_with_3_and_names_what_stops_and_how_to_mend_it(project: Path) -> None:
    path = project / "Pulumi.prod.yaml"
    assert path.read_text().count("deletion_protection: true") == 2
    text = path.read_text().replace("deletion_protection: true", "deletion_protection: false")
    path.write_text(text.replace("systems: [wealist, eco2, delivery]", "systems: [wealist]"))
    done = rehearsal(project, "up", "--stack", "prod", "--in-process")
    assert done.returncode == 3, done.stdout
    assert "\nPolicies " in done.stdout
    message = done.stdout[done.stdout.index("Stack prod stands in the rehearsal, and breaks mandatory policies") :]
    assert "\nrds-deletion-protection (high), prod/wealist-database-instance: deletionProtection is false\n" in message
    assert "\n  set wealist.database.deletion_protection to true in the stack's file\n" in message
    assert "\nalb-deletion-protection (medium), prod/wealist-api-alb: enableDeletionProtection is false\n" in message
    assert "Traceback" not in done.stdout + done.stderr
    assert (project / ".rehearsal/prod/resources.json").exists()
