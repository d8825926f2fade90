"""Which fields of a resource only a replacement changes, read from the source of the Terraform provider for AWS.

gofmt's indentation is what is relied on: a field's block is what is further in than its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.tools import missing
from tools.witnesses import find_witness

_FUNCTION = re.compile(r"^func (?:\([^)]*\) )?(\w+)\([^\n]*\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(r"^\t(\w+) += [^\n]*\{\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r'^(?:"(\w+)"|names\.Attr(\w+)|(\w+)):\s+(.*)$')
_MADE_ELSEWHERE = re.compile(r"(?:maps\.Clone\()?&?(\w+)(?:\(?\))?,")
_FORCES = re.compile(r"ForceNew:\s+true|\.RequiresReplace\(\)")
_SOMETIMES = re.compile(r'(?:ForceNewIf|ForceNewIfChange|\.ForceNew)\((?:"([\w.]+)"|names\.Attr(\w+))')


@dataclass(frozen=True)
class Replaced:
    """Dotted paths in Terraform's spelling.

    All `fields`; those that are `always` changed by nothing else, and `sometimes`, under a condition that the source has in code.
    """

    fields: frozenset[str]
    always: frozenset[str]
    sometimes: frozenset[str]

    def leaves(self, path: str) -> frozenset[str]:
        """What is below a block; a field that is none is itself."""
        below = {one for one in self.fields if one.startswith(f"{path}.")}
        return frozenset(one for one in below or {path} if not any(other.startswith(f"{one}.") for other in below))


def source(file: str) -> str:
    """Of a file below internal/service."""
    return (_root() / "internal/service" / file).read_text()


@cache
def replaced(file: str) -> Replaced:
    """Of the resource whose file below internal/service this is: `rds/instance.go`."""
    text = source(file)
    blocks = {one[1]: one[2] for pattern in (_FUNCTION, _VARIABLE) for one in pattern.finditer(text)}
    named = dict(re.findall(r'^\t(\w+)\s+= "(\w+)"$', text, re.MULTILINE))
    start = re.search(r"^func (\w+)\(\) \*schema\.Resource \{", text, re.MULTILINE)
    found = list(_fields(blocks[start[1] if start else "Schema"], blocks, named, ()))
    by_code = {one or _attributes()[name] for one, name in _SOMETIMES.findall(text)}
    return Replaced(
        fields=frozenset(".".join(path) for path, kind in found if kind == "field"),
        always=frozenset(".".join(path) for path, kind in found if kind == "always"),
        sometimes=frozenset(".".join(path) for path, kind in found if kind == "sometimes")
        | {one.replace(".0.", ".") for one in by_code},
    )


def _fields(
    body: str, blocks: Mapping[str, str], named: Mapping[str, str], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    stack: list[tuple[int, str]] = []
    for line in filter(str.strip, body.splitlines()):
        depth = len(line) - len(line.lstrip("\t"))
        while stack and depth <= stack[-1][0]:
            stack.pop()
        field = _FIELD.match(line.strip())
        name = _name(field, named) if field else None
        rest = field[4] if field else line.strip()
        if name:
            stack.append((depth, name))
        path = (*above, *(one for _, one in stack))
        if name:
            yield path, "field"
        if _FORCES.search(line):
            yield path, "always"
        elif "RequiresReplaceIf(" in line:
            yield path, "sometimes"
        elif (made := _MADE_ELSEWHERE.fullmatch(rest)) and made[1] in blocks and blocks[made[1]] is not body:
            yield from _fields(blocks[made[1]], blocks, named, path)


def _name(field: re.Match[str], named: Mapping[str, str]) -> str | None:
    """The field's, or None where the line is part of how one is described."""
    if field[1]:
        return field[1]
    if field[2]:
        return _attributes()[field[2]]
    return named.get(field[3])


@cache
def _attributes() -> dict[str, str]:
    text = (_root() / "names/attr_consts_gen.go").read_text()
    return dict(re.findall(r'^\tAttr(\w+)\s+= "(\w+)"', text, re.MULTILINE))


@cache
def replaced_objects() -> dict[str, frozenset[str]]:
    """By kind of Kubernetes object, what makes pulumi-kubernetes replace it, besides its kind and name."""
    text = (_witness("pulumi-kubernetes") / "pkg/provider/diff.go").read_text()
    lists = {
        name: _paths(listed)
        for name, listed in re.findall(
            r"^var (\w+) = (?:append\(\s*)?properties\{(.*?)\}", text, re.MULTILINE | re.DOTALL
        )
    }
    found = {kind: lists[name] for kind, name in re.findall(r'"(\w+)": +(\w+)[,}]', text) if name in lists}
    written = re.findall(r'"(\w+)": (?:append\(\s*)?properties\{(.*?)\}', text, re.DOTALL)
    unless_told = re.findall(r"clients\.Is(\w+)\(obj\) &&.*?properties\{(.*?)\}", text, re.DOTALL)
    return found | {kind: _paths(listed) for kind, listed in (*written, *unless_told)}


def _paths(listed: str) -> frozenset[str]:
    return frozenset(re.findall(r'"\.([\w.]+)"', listed))


def _root() -> Path:
    return _witness("terraform-provider-aws")


def _witness(name: str) -> Path:
    return find_witness(name) or missing(f"{name} is not fetched: `python -m tools.witnesses` does it (needs Go)")
