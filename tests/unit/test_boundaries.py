"""The walls between the rooms (docs/adr/0001): who may import whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stacks import ROOT


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offenders(folder: str, forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in imports(path)
        if name.startswith(forbidden)
    ]


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("infra/components", ("infra.systems", "infra.settings", "infra.exports", "rehearsal", "policy")),
        ("infra/settings", ("infra.systems", "infra.components", "rehearsal", "pulumi_aws", "pulumi_kubernetes")),
        ("infra", ("rehearsal", "policy", "tests", "moto", "boto3")),
        ("rehearsal/aws", ("infra", "tests")),
        ("rehearsal", ("infra.systems", "infra.components", "tests")),
        ("policy", ("infra", "rehearsal", "tests", "pulumi_aws", "pulumi_kubernetes", "moto", "boto3")),
    ],
)
def test_a_room_does_not_import(folder: str, forbidden: tuple[str, ...]) -> None:
    allowed = {"rehearsal/bench.py"} if folder == "rehearsal" else set()
    found = [one for one in offenders(folder, forbidden) if one.split(" ")[0] not in allowed]
    assert found == []


def test_no_system_imports_another() -> None:
    systems = {"wealist", "eco2", "exchange", "immersiverse", "gateway_lab", "delivery"}
    for path in (ROOT / "infra" / "systems").glob("*.py"):
        own = path.stem.split("_access")[0].split("_scripts")[0]
        others = {f"infra.systems.{system}" for system in systems - {own}}
        if path.stem != "__init__":
            assert not others & set(imports(path)), path.name


def test_the_program_is_at_most_30_lines() -> None:
    assert len((ROOT / "__main__.py").read_text().splitlines()) <= 30


def test_no_module_is_called_utils() -> None:
    assert [path for path in ROOT.glob("[!.]*/**/*.py") if path.stem in {"utils", "helpers", "common"}] == []


def test_nothing_branches_on_the_stacks_name() -> None:
    for path in (ROOT / "infra").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant):
                assert node.value not in {"prod", "dev"}, f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_component_declares_its_pulumi_type_once() -> None:
    found = [
        line.split('"')[1]
        for path in (ROOT / "infra" / "components").rglob("*.py")
        for line in path.read_text().splitlines()
        if line.strip().startswith("pulumi_type: ClassVar[str] = ")
    ]
    assert len(found) == len(set(found)) >= 15
    assert all(re.fullmatch(r"platform:(aws|cluster|mesh):[A-Z]\w+", one) for one in found)
