"""`python -m rehearsal.preview.record`: one side, rehearsed in a process of its own.

The rehearsal is always this commit's; the program, its settings and its stack file are those of the tree that is given.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from policy.catalog import NAMES
from policy.exemptions import load_exemptions
from rehearsal.engine.program import project_program
from rehearsal.html.page import Report
from rehearsal.html.page import page as report_page
from rehearsal.inprocess import ProgramFailed, run
from rehearsal.judging import judged, seen_by_rules
from rehearsal.preview.findings import findings_of
from rehearsal.preview.repeatable import open_repeatable_cloud
from rehearsal.preview.snapshot import save, taken
from rehearsal.recording import Recording
from rehearsal.report.saved import Masker
from rehearsal.stack_file import StackFile, StackFileError, load_stack_file

_REGION, _ACCOUNT = "us-east-1", "123456789012"


def record(tree: Path, stack: str, into: Path, *, page: bool) -> None:
    """Rehearse the stack of the tree and write its snapshot, and its report as a `page` if that is asked for.

    `ProgramFailed` and `StackFileError` say what is wrong with it.
    """
    file = load_stack_file(tree, stack, secrets=_secrets())
    account = str(_platform(file).get("account") or _ACCOUNT)
    region = file.config.get("aws:region", _REGION)
    with (
        tempfile.TemporaryDirectory(prefix="preview-") as manifests,
        open_repeatable_cloud(region=region, account=account, manifests=Path(manifests)) as cloud,
    ):
        recording = run(project_program(tree), file, cloud)
    secrets = [file.config[key] for key in file.secret_keys]
    if page:
        (into / f"{stack}.html").write_text(_page(file, recording, secrets, region))
    save(into / f"{stack}.json", taken(recording, secrets, findings_of(recording)))


def _page(file: StackFile, recording: Recording, secrets: Sequence[str], region: str) -> str:
    exemptions = load_exemptions(NAMES)
    return report_page(
        Report(
            project=file.project,
            stack=file.stack,
            region=region,
            systems=tuple(_platform(file).get("systems") or recording.stack_outputs),
            recording=recording,
            judgement=judged(seen_by_rules(recording), exemptions),
            exemptions=exemptions,
            mask=Masker(recording, secrets),
        )
    )


def _secrets() -> Iterable[str]:
    """The secrets that the tree's program asks for; an older program may not list them."""
    from infra import settings

    return getattr(settings, "SECRETS", ())


def _platform(file: StackFile) -> dict[str, Any]:
    try:
        platform = json.loads(file.config.get(f"{file.project}:platform", "{}"))
    except ValueError:
        return {}
    return platform if isinstance(platform, dict) else {}


def main() -> None:
    """Record each stack that is asked for into the folder, or else why it does not stand: `<stack>.json`, `<stack>.error`.

    With `--pages` the stack's report as well: `<stack>.html`.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--pages", action="store_true")
    parser.add_argument("stacks", nargs="+")
    asked = parser.parse_args()
    sys.path.insert(0, str(asked.tree))
    # This process ends when it is done: looking for garbage would take an eighth of its time.
    gc.disable()
    for stack in asked.stacks:
        try:
            record(asked.tree, stack, asked.into, page=asked.pages)
        except Exception as error:
            (asked.into / f"{stack}.error").write_text(_said(error))


def _said(error: Exception) -> str:
    """The message; of an error that nobody wrote for people, with its kind."""
    plain = isinstance(error, (ProgramFailed, StackFileError)) or type(error).__name__ == "SettingsError"
    return str(error) if plain else f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
