"""The page as a Markdown comment. Whatever comes from the program is shown literally: it can mention, link and format nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rehearsal.preview.dangers.model import CLOSE, OPEN
from rehearsal.preview.page import Entry, Page, Section, Totals, spent

LIMIT = 59_000
"""In bytes. GitHub takes 65,536 characters, and .github/scripts/comment.sh 60,000 bytes, with its own lines in front."""

_MARKED = re.compile(f"{OPEN}([^{CLOSE}]*){CLOSE}")
_LONGEST, _LONGEST_WHOLE = 240, 4_000
_LINES, _LINES_WHOLE = 60, 100_000
_RESERVED = 160
_SHARE = 3


def whole(page: Page) -> str:
    """The page with nothing left out."""
    parts = [
        _head(page),
        *(
            _section(section, "\n".join(_entry(one, whole_=True) for one in section.entries))
            for section in page.sections
        ),
    ]
    return "\n\n".join(parts) + "\n"


def comment(page: Page, where: str, limit: int = LIMIT) -> str:
    """The page within a limit; what is left out is counted, and `where` says where all of it is."""
    head, foot = (
        _head(page),
        f"The whole preview, and each stack as it will be in pictures and tables (`report-<stack>.html`): {where}",
    )
    left = limit - _size(head) - _size(foot) - 10
    parts = [head]
    for place, section in enumerate(page.sections):
        behind = len(page.sections) - place - 1
        room = left - behind * _RESERVED
        # A long section leaves room for those behind it; the last may take what there is.
        room = room if behind == 0 else max(room // _SHARE * 2, _RESERVED)
        text = _section(section, _fitting(section, min(room, left) - _RESERVED))
        left -= _size(text) + 2
        parts.append(text)
    return "\n\n".join([*parts, foot]) + "\n"


def _head(page: Page) -> str:
    lines = [f"## {_headline(page)}", "", f"Compared with {code(page.base)}.", ""]
    if page.totals:
        lines += [
            "| stack | in danger | replaced | removed | changed | added | unchanged | new findings | a month |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        lines += [_row(total) for total in page.totals]
    lines += [line for note in page.notes for line in ("", f"> {spoken(note)}")]
    return "\n".join(lines).rstrip()


def _headline(page: Page) -> str:
    if page.has_trouble:
        return "Preview: a stack cannot be compared"
    if page.has_danger:
        count = sum(total.dangers for total in page.totals)
        return f"Preview: ⚠️ {count} in danger"
    if any(total.added or total.changed or total.replaced or total.removed for total in page.totals):
        return "Preview: nothing in danger"
    return "Preview: no change"


def _row(total: Totals) -> str:
    if total.trouble:
        return f"| {code(total.stack)} | not compared | | | | | | | |"
    danger = f"**{total.dangers}**" if total.dangers else "0"
    numbers = (danger, total.replaced, total.removed, total.changed, total.added, total.unchanged, total.findings)
    return f"| {code(total.stack)} | {' | '.join(map(str, numbers))} | {spent(total)} |"


def _section(section: Section, body: str) -> str:
    title = f"{section.title} ({len(section.entries)})"
    if section.open:
        return f"### {title}\n\n{body}"
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _fitting(section: Section, room: int) -> str:
    """As many entries as fit, and how many do not."""
    said: list[str] = []
    for entry in section.entries:
        text = _entry(entry)
        if _size(text) > room and entry.diff:
            text = _entry(Entry(head=entry.head, details=(*entry.details, "its text is in the whole preview")))
        if _size(text) > room:
            break
        said.append(text)
        room -= _size(text) + 1
    missing = len(section.entries) - len(said)
    return "\n".join([*said, *([f"- … and {missing} more, in the whole preview"] if missing else [])])


def _entry(entry: Entry, *, whole_: bool = False) -> str:
    longest, most = (_LONGEST_WHOLE, _LINES_WHOLE) if whole_ else (_LONGEST, _LINES)
    lines = [f"- {spoken(entry.head, longest)}", *(f"  - {spoken(detail, longest)}" for detail in entry.details)]
    if entry.diff:
        lines += ["", *_block(entry.diff, most), ""]
    return "\n".join(lines)


def _block(text: str, most: int) -> Iterator[str]:
    """A fenced block inside a list item, with a fence that its content cannot close."""
    every = ["".join(sign if sign.isprintable() else " " for sign in line) for line in text.split("\n")]
    lines = [line if len(line) <= _LONGEST_WHOLE else f"{line[:_LONGEST_WHOLE]}…" for line in every[:most]]
    fence = "`" * max(3, _longest_run(text) + 1)
    yield f"  {fence}diff"
    yield from (f"  {line}" for line in lines)
    if len(every) > most:
        yield f"  … {len(every) - most} more lines, in the whole preview"
    yield f"  {fence}"


def spoken(text: str, longest: int = _LONGEST) -> str:
    """A text with its quoted values as code."""
    return _MARKED.sub(lambda found: code(found[1], longest), text)


def code(text: str, longest: int = _LONGEST) -> str:
    """A code span that shows the text whatever is in it."""
    clean = "".join(sign if sign.isprintable() else " " for sign in text)
    clean = clean if len(clean) <= longest else f"{clean[: longest - 1]}…"
    # In a table a pipe ends the cell even inside code.
    clean = clean.replace("|", "¦").strip() or " "
    fence = "`" * (_longest_run(clean) + 1)
    padding = " " if clean.startswith("`") or clean.endswith("`") else ""
    return f"{fence}{padding}{clean}{padding}{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _size(text: str) -> int:
    return len(text.encode())
