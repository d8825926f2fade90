"""What a stranger writes into a comment of ours: it calls nobody, links nowhere, shows no HTML, and hides nothing of what is ours.

Markdown is read by a parser that nobody here wrote; what GitHub adds to it (mentions, bare addresses, issues) by patterns.
"""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from markdown_it import MarkdownIt

from tests.workflows.files import SCRIPTS

ATTACKS = (
    "@team @Org/team (@all) \\@escaped &#64;entity &commat;entity",
    "a resource `name with ``` @team` and <img src=x onerror=1>",
    "<img src=https://evil.example/x.png><a href=//evil.example>go</a>",
    "![a](https://evil.example/x.png) [go](https://evil.example) [go](//evil.example) [go][1]\n\n[1]: https://evil.example",
    "<https://evil.example> https://evil.example www.evil.example me@evil.example",
    "#1 other/repository#2 GH-3 https://github.com/other/repository/issues/4",
    "<details><summary>ours (1)</summary><img src=x></details>",
    "<details open><summary>",
    "<!-- hidden",
    "|a|b|\n|-|-|\n|@team|<b>|\n",
)
HARMLESS = ("```\nopen fence\n@team", "~~~\n@team", "    @team", "&lt;img&gt; &#60;img&#62;")
"""Shown as they are by Markdown itself; a block needs no more."""

CALLED = re.compile(r"@\w|https?://|www\.|#\d|\bGH-\d", re.IGNORECASE)


def defused(kind: str, text: str, most: int = 60_000) -> str:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "defuse.py", kind, str(most)], input=text.encode(), capture_output=True, check=True
    )
    return done.stdout.decode()


def tokens(markdown: str) -> list[Any]:
    blocks = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [one for block in blocks for one in (block, *(block.children or []))]


def harm(markdown: str) -> list[str]:
    """What GitHub would make of it beyond words: code is shown as it is, everything else is looked through."""
    found = []
    for one in tokens(markdown):
        folding = re.fullmatch(r"(<details><summary>[\w ,-]+ \(\d+\)</summary>|</details>)\n?", one.content)
        if one.type in {"link_open", "image"} or (one.type.startswith("html") and not folding):
            found.append(f"{one.type} {one.content}")
        elif one.type in {"text", "text_special"} and CALLED.search(one.content):
            found.append(one.content)
    return found


def test_the_attacks_are_some() -> None:
    assert [text for text in ATTACKS if not harm(text)] == []


@pytest.mark.parametrize("text", [*ATTACKS, *HARMLESS])
def test_a_previews_text_does_no_harm(text: str) -> None:
    assert harm(defused("preview", text)) == []


@pytest.mark.parametrize("text", [*ATTACKS, *HARMLESS])
def test_a_log_is_one_block_and_nothing_else(text: str) -> None:
    assert [one.type for one in tokens(defused("log", text))] == ["fence"]


@pytest.mark.parametrize("kind", ["preview", "log"])
def test_backquotes_without_end_leave_room_for_what_is_ours(kind: str) -> None:
    assert len(defused(kind, "`" * 200_000, 25_000)) < 26_000
    assert len(defused(kind, "@" * 200_000, 25_000)) < 26_000


def test_a_text_is_cut_at_a_character_and_says_so() -> None:
    assert defused("preview", "한" * 11, 10) == "_Cut: the rest is in the run._\n\n" + "한" * 10
    assert defused("preview", "한" * 10, 10) == "한" * 10
    assert defused("log", "한" * 11, 10).endswith("```\n" + "한" * 10 + "\n```\n")


def test_what_is_no_text_is_shown_as_such() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "defuse.py", "log", "99"],
        input=b"a\xff\x00\x1b[2Jb\xe2\x80\xaec",
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == "```\na\ufffd[2Jbc\n```\n"


@given(some.text(alphabet="@a<>&#6;4[]()!`~:/w.|\\\n -", max_size=40))
def test_no_text_does_harm(text: str) -> None:
    assert harm(runpy.run_path(str(SCRIPTS / "defuse.py"))["preview"](text, 1000)) == []
