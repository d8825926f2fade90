"""The workflows as plain data, and what is in them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.stacks import ROOT

GITHUB = ROOT / ".github"
SCRIPTS = GITHUB / "scripts"
SHELL_SCRIPTS = sorted(SCRIPTS.glob("*.sh"))


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A workflow, or a composite action with its steps as its only job; every scalar is text, `on` too."""

    path: Path
    content: Mapping[str, Any]

    @property
    def jobs(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = self.content.get("jobs") or {"action": self.content["runs"]}
        return found

    @property
    def triggers(self) -> Mapping[str, Any]:
        on = self.content.get("on", {})
        return on if isinstance(on, dict) else dict.fromkeys([on] if isinstance(on, str) else on)

    @property
    def is_action(self) -> bool:
        return "runs" in self.content

    def steps(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each step with its job's name."""
        for name, job in self.jobs.items():
            for step in job.get("steps", []):
                yield name, step

    def uses(self) -> Iterator[str]:
        """Every action and every workflow that is called."""
        for job in self.jobs.values():
            yield from (one["uses"] for one in (job, *job.get("steps", [])) if "uses" in one)

    def runs(self) -> Iterator[str]:
        """The scripts of all steps."""
        yield from (step["run"] for _, step in self.steps() if "run" in step)


def read(path: Path) -> Workflow:
    return Workflow(path=path, content=parse(path.read_text()))


def parse(text: str) -> Mapping[str, Any]:
    """YAML whose scalars stay text: `on` would be a boolean."""
    content: Mapping[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  the base loader makes text only
    return content


WORKFLOWS = [read(path) for path in sorted(GITHUB.glob("workflows/*.yml"))]
ACTIONS = [read(path) for path in sorted(GITHUB.glob("actions/*/action.yml"))]
EVERYTHING = [*WORKFLOWS, *ACTIONS]


def named(name: str) -> Workflow:
    (found,) = [one for one in WORKFLOWS if one.path.name == name]
    return found


def expanded(job: Mapping[str, Any], text: str, inputs: Mapping[str, list[str]] | None = None) -> list[str]:
    """The text once for each value of the job's matrix (and of the called workflow's inputs) that stands in it."""
    matrix = job.get("strategy", {}).get("matrix", {})
    choices = {f"matrix.{key}": values for key, values in matrix.items()}
    choices |= {f"inputs.{key}": values for key, values in (inputs or {}).items()}
    used = [key for key in choices if re.search(rf"\$\{{\{{ {re.escape(key)} \}}\}}", text)]
    made = []
    for values in itertools.product(*(choices[key] for key in used)):
        one = text
        for key, value in zip(used, values, strict=True):
            one = one.replace(f"${{{{ {key} }}}}", value)
        made.append(one)
    return made
