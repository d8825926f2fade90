"""An environment that lets more through than its reviewers: the workflows ask GitHub before, and stop.

The answers are shaped as GitHub documents them ("REST API endpoints for deployment environments", "… for deployment branch
policies", "… for branches"; read 2026-11-28).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.workflows.files import SCRIPTS

PROD = "environments/prod"
TEAM = {"type": "Team", "reviewer": {"id": 1, "slug": "platform"}}
REVIEWERS = {"id": 3736, "node_id": "x", "type": "required_reviewers", "prevent_self_review": True, "reviewers": [TEAM]}
BRANCHES = {"id": 3755, "node_id": "y", "type": "branch_policy"}
PROTECTED = {"protected_branches": True, "custom_branch_policies": False}
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}


def environment(**changes: Any) -> dict[str, Any]:
    whole = {
        "id": 161088068, "name": "prod", "protection_rules": [REVIEWERS, BRANCHES],
        "deployment_branch_policy": PROTECTED, "can_admins_bypass": False,
    }  # fmt: skip
    return {**whole, **changes}


GOOD = {PROD: environment(), "branches/main": {"name": "main", "protected": True}}
Answers = dict[str, dict[str, Any] | int]


class GitHub(ThreadingHTTPServer):
    """Answers a path of the repository with an object, or with the number of an error."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.answers: Answers = {}
        self.asked: list[tuple[str, str | None]] = []


class _Answer(BaseHTTPRequestHandler):
    server: GitHub

    def do_GET(self) -> None:
        path = self.path.removeprefix("/repos/example/edge-platform/")
        self.server.asked.append((path, self.headers["Authorization"]))
        answer = self.server.answers.get(path, 404)
        self.send_response(answer if isinstance(answer, int) else 200)
        self.end_headers()
        self.wfile.write(json.dumps({} if isinstance(answer, int) else answer).encode())

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def check(github: GitHub) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(answers: Answers, name: str = "prod", reviewed: str = "reviewed") -> subprocess.CompletedProcess[str]:
        github.answers = answers
        settings = {
            "GITHUB_API_URL": f"http://127.0.0.1:{github.server_port}",
            "GITHUB_REPOSITORY": "example/edge-platform",
            "GITHUB_TOKEN": "job",
        }
        return subprocess.run(
            [SCRIPTS / "check_environment.py", name, reviewed],
            env={"PATH": os.environ["PATH"], **settings}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


Check = Callable[..., subprocess.CompletedProcess[str]]


def test_a_protected_environment_passes(check: Check, github: GitHub) -> None:
    done = check(GOOD)
    assert (done.returncode, done.stdout) == (0, "environment prod is protected\n")
    assert github.asked[0] == (PROD, "Bearer job")


def test_main_alone_by_name_passes_too(check: Check) -> None:
    listed = {"total_count": 1, "branch_policies": [{"id": 1, "name": "main", "type": "branch"}]}
    by_name = environment(deployment_branch_policy=CUSTOM)
    assert check({PROD: by_name, f"{PROD}/deployment-branch-policies": listed}).returncode == 0


OPEN: dict[str, tuple[Answers, str]] = {
    "nobody made it": ({}, "there is none"),
    "any branch": ({**GOOD, PROD: environment(deployment_branch_policy=None)}, "every branch may be deployed"),
    "no branch is protected": (
        {**GOOD, "branches/main": {"name": "main", "protected": False}}, "main is not protected",
    ),
    "a branch more": (
        {
            PROD: environment(deployment_branch_policy=CUSTOM),
            f"{PROD}/deployment-branch-policies": {"branch_policies": [{"name": "main"}, {"name": "release/*"}]},
        },
        "main, release/* may be deployed",
    ),
    "no reviewer": ({**GOOD, PROD: environment(protection_rules=[BRANCHES])}, "it asks no reviewer"),
    "a list of nobody": (
        {**GOOD, PROD: environment(protection_rules=[{**REVIEWERS, "reviewers": []}])}, "it asks no reviewer",
    ),
    "the author reviews": (
        {**GOOD, PROD: environment(protection_rules=[{**REVIEWERS, "prevent_self_review": False}])},
        "whoever started the deployment may approve it",
    ),
    "an administrator passes by": ({**GOOD, PROD: environment(can_admins_bypass=True)}, "administrators may pass by"),
    "GitHub says nothing": ({**GOOD, PROD: 500}, "GitHub answered 500"),
    "the token may not ask": ({**GOOD, PROD: 403}, "GitHub answered 403"),
}  # fmt: skip


@pytest.mark.parametrize("case", OPEN)
def test_an_open_environment_stops_the_deployment(check: Check, case: str) -> None:
    answers, said = OPEN[case]
    done = check(answers)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_dev_asks_nobody_but_takes_main_alone(check: Check) -> None:
    dev = {"environments/dev": environment(protection_rules=[BRANCHES]), "branches/main": GOOD["branches/main"]}
    assert check(dev, "dev", "unreviewed").returncode == 0
    everything = {"environments/dev": environment(protection_rules=[], deployment_branch_policy=None)}
    assert check(everything, "dev", "unreviewed").returncode == 1


@pytest.mark.parametrize(("name", "reviewed"), [("../prod", "reviewed"), ("prod", ""), ("", "reviewed")])
def test_a_name_that_is_none_is_refused(check: Check, name: str, reviewed: str) -> None:
    assert check(GOOD, name, reviewed).returncode == 2


def test_where_github_cannot_be_reached_nothing_is_deployed(check: Check, github: GitHub) -> None:
    github.shutdown()
    github.server_close()
    done = check(GOOD)
    assert (done.returncode, "GitHub could not be asked" in done.stderr) == (1, True)
