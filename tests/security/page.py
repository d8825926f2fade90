"""Writes docs/security.md: `python -m tests.security.page > docs/security.md`, which `make docs` does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rehearsal.recording import Recording
from tests.security.graph import Role, held, roles
from tests.stacks import stack_up

STACKS = ("dev", "prod")
KINDS = {
    "AWS": "AWS's services and machines",
    "GitHub": "GitHub's workflows",
    "the cluster": "Service accounts of the cluster",
}

_TEMPLATE = Path(__file__).with_suffix(".md")


def render(stacks: Mapping[str, Recording]) -> str:
    """The whole page; what only one stack has says so."""
    text = _TEMPLATE.read_text()
    return text.replace("{roles}", "\n".join(_roles(stacks))).replace("{secrets}", "\n".join(_secrets(stacks)))


def _roles(stacks: Mapping[str, Recording]) -> Iterator[str]:
    found = {stack: roles(recording, stack) for stack, recording in stacks.items()}
    for kind, title in KINDS.items():
        rows = _merged({stack: [_row(one) for one in made if one.kind == kind] for stack, made in found.items()})
        yield f"\n### {title}\n"
        yield "| role | trusts | reads these secrets | changes something in |"
        yield "|---|---|---|---|"
        yield from rows
    yield ""


def _row(role: Role) -> str:
    cells = (f"`{role.name}`", _listed(role.trusted), _listed(role.secrets), ", ".join(role.changes) or "—")
    return f"| {' | '.join(cells)} |"


def _secrets(stacks: Mapping[str, Recording]) -> Iterator[str]:
    rows = {
        stack: [
            f"| `{one.name}` | {_listed(one.parameters)} | {', '.join(one.workloads) or 'a chart'} |"
            for one in held(recording, stack)
        ]
        for stack, recording in stacks.items()
    }
    yield "| Secret | from | in the pods of |"
    yield "|---|---|---|"
    yield from _merged(rows)


def _merged(rows: Mapping[str, list[str]]) -> Iterator[str]:
    """Each row once; one that only some stacks have ends with their names."""
    for row in dict.fromkeys(row for found in rows.values() for row in found):
        having = [stack for stack, found in rows.items() if row in found]
        yield row if len(having) == len(rows) else f"{row.removesuffix(' |')} ({', '.join(having)} alone) |"


def _listed(names: Iterable[str]) -> str:
    return "<br>".join(f"`{one}`" for one in names) or "—"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        stacks = {}
        for stack in STACKS:
            with stack_up(stack, Path(folder) / stack) as (recording, _):
                stacks[stack] = recording
        print(render(stacks), end="")


if __name__ == "__main__":
    main()
