"""A page taken apart: its elements, its tables by id, and whether every tag that opens closes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "input", "br", "img", "link", "hr"})


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Parsed:
    elements: list[Element] = field(default_factory=list)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    unclosed: list[str] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)

    def of(self, tag: str) -> list[Element]:
        return [one for one in self.elements if one.tag == tag]

    @property
    def ids(self) -> list[str]:
        return [one.attributes["id"] for one in self.elements if "id" in one.attributes]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Parsed()
        self._open: list[Element] = []
        self._section = ""

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.page.elements.append(element)
        if tag == "section":
            self._section = element.attributes.get("id", "")
        if tag == "tbody":
            self.page.tables[self._section] = []
        if tag == "tr" and any(one.tag == "tbody" for one in self._open):
            self.page.tables[self._section].append([])
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.page.elements.append(Element(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].tag != tag:
            self.page.astray.append(tag)
            return
        closed = self._open.pop()
        if tag == "td":
            self.page.tables[self._section][-1].append(closed.text)

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def close(self) -> None:
        super().close()
        self.page.unclosed = [one.tag for one in self._open]


def parsed(text: str) -> Parsed:
    parser = _Parser()
    parser.feed(text)
    parser.close()
    return parser.page
