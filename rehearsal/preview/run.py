"""`make preview`: rehearse both sides, compare them, show and save what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from rich.console import Console

from rehearsal.preview.comparison import compare
from rehearsal.preview.dangers.model import quoted
from rehearsal.preview.findings import exempted
from rehearsal.preview.markdown import comment, whole
from rehearsal.preview.page import Page, Trouble, page_of
from rehearsal.preview.sides import Base, Sides, find_base, rehearse
from rehearsal.preview.terminal import print_preview
from rehearsal.report.progress import nothing_yet, shown
from rehearsal.whole_file import write_whole

STANDS, TROUBLE, DANGER = 0, 1, 3
FOLDER = Path(".rehearsal", "preview")


def preview(
    root: Path,
    base: str,
    stacks: Sequence[str],
    console: Console,
    *,
    markdown: bool = False,
    fail_on_danger: bool = False,
    where: str = "",
) -> int:
    """Preview the files of `root` against a commit; the exit code is 3 for a danger, if that is asked for.

    `comment.md`, which fits into a comment, `preview.md`, which has everything, and `report-<stack>.html`, each stack as it will
    be, are written to `.rehearsal/preview/`.
    `where` is what the comment says of where all of it is.
    """
    found = find_base(root, base)
    progress = Console(stderr=True) if markdown else console
    with shown(progress, f"rehearsing both sides, {found.ref} and the files here", nothing_yet):
        sides = rehearse(root, found, stacks)
    page = page_from(found, sides)
    for old in (root / FOLDER).glob("report-*.html"):
        old.unlink()
    for one in sides:
        if one.page:
            _write(root / FOLDER / f"report-{one.stack}.html", one.page)
    _write(root / FOLDER / "preview.md", whole(page))
    short = comment(page, where or f"`{FOLDER / 'preview.md'}`")
    _write(root / FOLDER / "comment.md", short)
    if markdown:
        print(short, end="")
    else:
        print_preview(console, page, str(FOLDER / "preview.md"))
    if page.has_trouble:
        return TROUBLE
    return DANGER if fail_on_danger and page.has_danger else STANDS


def page_from(base: Base, sides: Sequence[Sides]) -> Page:
    """The page on these sides."""
    notes = []
    if base.behind:
        notes.append(
            f"{quoted(base.ref)} has commits that are missing here: what they did shows as undone. "
            f"Compare with the merge base to see this change alone: {quoted(f'git merge-base {base.ref} HEAD')}"
        )
    today = date.today()
    compared = [compare(one.stack, one.old, one.new) for one in sides if not one.trouble]
    return page_of(
        f"{base.ref} ({base.commit[:12]})" if base.ref != base.commit else base.commit[:12],
        [
            replace(one, findings=exempted(one.findings, today), findings_gone=exempted(one.findings_gone, today))
            for one in compared
        ],
        [Trouble(stack=one.stack, message=one.trouble) for one in sides if one.trouble],
        notes,
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
