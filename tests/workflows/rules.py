"""Our own rules for workflows, beside actionlint's and zizmor's: each yields what is wrong with one workflow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tests.workflows.files import Workflow

Rule = Callable[[Workflow], Iterator[str]]

PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
FORK_RUN = {"pull_request", "workflow_run"}
"""Triggers with which code or text of a stranger is at work."""


def pinned_by_digest(workflow: Workflow) -> Iterator[str]:
    """An action is a commit, with its version beside it for people; a tag can be moved."""
    lines = workflow.path.read_text().splitlines() if workflow.path.exists() else []
    for used in workflow.uses():
        if used.startswith("./"):
            continue
        if not PINNED.fullmatch(used):
            yield f"{used} is no commit"
        elif lines and not any(re.search(rf"uses: {re.escape(used)} # v\d+\.\d+\.\d+$", line) for line in lines):
            yield f"{used} has no version beside it"


def bounded_in_time(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        calls = "uses" in job
        if not workflow.is_action and not calls and not 1 <= int(job.get("timeout-minutes", 0)) <= 120:
            yield f"job {name} has no timeout"


def permitted_one_by_one(workflow: Workflow) -> Iterator[str]:
    """Nothing for the workflow, and for each job what it names."""
    if workflow.is_action:
        return
    if workflow.content.get("permissions") != {}:
        yield "the workflow gives permissions to every job"
    for name, job in workflow.jobs.items():
        if not isinstance(job.get("permissions"), dict):
            yield f"job {name} does not say what it may"


def no_stranger_with_a_token(workflow: Workflow) -> Iterator[str]:
    """`pull_request_target` runs with the repository's rights on a stranger's event."""
    if "pull_request_target" in workflow.triggers:
        yield "pull_request_target"


def no_secret_for_a_stranger(workflow: Workflow) -> Iterator[str]:
    """No secret where a stranger's pull request is at work; elsewhere an environment's alone, since AWS is reached by OIDC."""
    for name, job in workflow.jobs.items():
        secrets = re.search(r"\bsecrets\s*[.\[]|secrets.{1,4}inherit", str(job))
        # What a caller passes on is the called job's environment's.
        if secrets and (FORK_RUN & workflow.triggers.keys() or not ("environment" in job or "uses" in job)):
            yield f"job {name} has a secret"
    if FORK_RUN & workflow.triggers.keys():
        for name, job in workflow.jobs.items():
            if (
                "id-token" in job.get("permissions", {})
                and "head.repo.full_name == github.repository" not in str(job.get("if", ""))
                and "github.event_name == 'push'" not in str(job.get("if", ""))
            ):
                yield f"job {name} takes a token for AWS in a fork's run"


def no_credentials_left_behind(workflow: Workflow) -> Iterator[str]:
    for name, step in workflow.steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            if step.get("with", {}).get("persist-credentials") != "false":
                yield f"job {name} leaves the token in the checkout"
            if "workflow_run" in workflow.triggers and "default_branch" not in step["with"].get("ref", ""):
                yield f"job {name} checks out something else than the default branch"


def no_text_in_scripts(workflow: Workflow) -> Iterator[str]:
    """`${{ }}` in a script is pasted before the shell reads it: values come by the environment."""
    yield from (f"an expression in a script: {run.splitlines()[0]}" for run in workflow.runs() if "${{" in run)


def one_at_a_time(workflow: Workflow) -> Iterator[str]:
    """Runs of a workflow do not overtake each other; one that changes a stack is never cut off."""
    if workflow.is_action:
        return
    jobs = workflow.jobs
    if "concurrency" not in workflow.content and not all(
        "uses" in job or "concurrency" in job for job in jobs.values()
    ):
        yield "runs may overtake each other"
    for name, job in jobs.items():
        changes = any("pulumi up" in step.get("run", "") for step in job.get("steps", []))
        if changes and job.get("concurrency", {}).get("cancel-in-progress") != "false":
            yield f"job {name} changes a stack and can be cut off"


RULES: tuple[Rule, ...] = (
    pinned_by_digest,
    bounded_in_time,
    permitted_one_by_one,
    no_stranger_with_a_token,
    no_secret_for_a_stranger,
    no_credentials_left_behind,
    no_text_in_scripts,
    one_at_a_time,
)
