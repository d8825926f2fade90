"""The walls between the rooms (docs/adr/0001): who may import whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from infra.settings.model import SystemName
from tests.stacks import ROOT


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            whole = "" if node.level else str(node.module)
            assert whole, f"{path.name}:{node.lineno}: name the module whole"
            yield whole
            yield from (f"{whole}.{alias.name}" for alias in node.names)


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


SYSTEMS = ROOT / "infra" / "systems"


def system_of(path: Path) -> str:
    """The system that a file below `infra/systems` is a part of: its package, or what its own name begins with."""
    first = path.relative_to(SYSTEMS).parts[0].removesuffix(".py")
    return max((name for name in get_args(SystemName) if first.startswith(name)), key=len, default=first)


def imports_of_others(path: Path) -> list[str]:
    found = [name.split(".")[2] for name in imports(path) if name.startswith("infra.systems.")]
    return [name for name in found if system_of(SYSTEMS / name) != system_of(path)]


def test_texts_are_joined_by_what_bears_an_update_with_targets() -> None:
    joins = {
        path for path in (ROOT / "infra").rglob("*.py") if re.search(r"\bOutput\.(concat|format)\(", path.read_text())
    }
    assert joins == set()


def test_no_system_imports_another() -> None:
    """Only the registry knows them all; what they have to say to each other is in `infra/contract.py`."""
    for path in SYSTEMS.rglob("*.py"):
        if path != SYSTEMS / "__init__.py":
            assert imports_of_others(path) == [], path.relative_to(ROOT)


def test_an_import_of_another_system_is_noticed(tmp_path: Path) -> None:
    path = SYSTEMS / "eco2" / "spy.py"
    spy = tmp_path / "spy.py"
    spy.write_text("from infra.systems import wealist\nfrom infra.systems.delivery_access import Reach\n")
    found = [name.split(".")[2] for name in imports(spy) if name.startswith("infra.systems.")]
    assert {system_of(SYSTEMS / name) for name in found} - {system_of(path)} == {"wealist", "delivery"}


def test_an_import_by_a_relative_name_is_noticed(tmp_path: Path) -> None:
    spy = tmp_path / "delivery.py"
    spy.write_text("from . import wealist\n")
    with pytest.raises(AssertionError, match="name the module whole"):
        list(imports(spy))


def test_the_contract_knows_no_system() -> None:
    assert not [name for name in imports(ROOT / "infra" / "contract.py") if name.startswith("infra.systems")]


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
