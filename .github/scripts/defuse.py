#!/usr/bin/env python3
"""Makes a stranger's text into Markdown that calls nobody, links nowhere and shows no HTML: `defuse.py preview|log MOST <TEXT`.

`preview` keeps Markdown's own formatting and the folding of the preview's sections; `log` puts the end of the text into a block.
At most MOST characters of it are shown.
"""

from __future__ import annotations

import re
import sys

APART = "\u200b"
"""A space of no width: what stands on its two sides is no longer a mention, a tag, an entity, a link or a reference."""

SEPARATED = re.compile(
    r"(?<=[@<&])(?=[^\s])"  # @team, <img>, &#64;
    r"|(?<=\])(?=[(\[:])"  # [text](link), [text][link], [link]: address
    r"|(?<=:)(?=//)|(?<=www)(?=\.)"  # a bare address
    r"|(?<=#)(?=\d)|(?<=GH)(?=-\d)",  # another issue
    re.IGNORECASE,
)
FOLDING = re.compile(r"<details><summary>[\w ,-]+ \(\d+\)</summary>|</details>")
"""The lines that the preview folds its sections with."""

CUT = "_Cut: the rest is in the run._"
LONGEST_RUN = 16
LONG_RUN = re.compile(f"`{{{LONGEST_RUN},}}")
"""More backquotes in a row than anybody means; a fence must be longer still, and a comment has room for few."""


def printable(text: str) -> str:
    """Without control characters, and without those that turn the direction of a line."""
    return "".join(one for one in text if one in "\n\t" or one.isprintable())


def preview(text: str, most: int) -> str:
    """The beginning of a Markdown text."""
    lines = (line if FOLDING.fullmatch(line) else SEPARATED.sub(APART, line) for line in printable(text).split("\n"))
    defused = "\n".join(lines)
    return defused if len(defused) <= most else f"{CUT}\n\n{defused[:most]}"


def log(text: str, most: int) -> str:
    """The end of a text, where its summary is, in a block that nothing in it can end."""
    whole = LONG_RUN.sub("`" * LONGEST_RUN, printable(text))
    shown = whole[-most:]
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
    cut = "" if shown == whole else "_Cut here: what was before is in the run._\n\n"
    return f"{cut}{fence}\n{shown}\n{fence}\n"


def main(kind: str, most: str) -> None:
    text = sys.stdin.buffer.read().decode(errors="replace")
    sys.stdout.buffer.write({"preview": preview, "log": log}[kind](text, int(most)).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
