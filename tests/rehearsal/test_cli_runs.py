"""Whole runs of the command line: what it prints and leaves, how it serves, and what memory it takes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from rehearsal.workspace import Workspace
from tests.rehearsal.small_program import make_small
from tests.rehearsal.test_cli import copy_project, project, rehearsal

__all__ = ["project"]
pytestmark = pytest.mark.runs

CHAPTERS = (
    "1 Overview",
    "2 VPC and network",
    "3 Frontend",
    "4 Backend",
    "5 Database",
    "6 Cache",
    "7 CI/CD",
    "8 Security groups",
    "9 IAM",
)


@pytest.fixture
def small(project: Path) -> Path:
    return make_small(project)


@pytest.fixture
def serving(small: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "rehearsal", "up", "--stack", "dev", "--in-process", "--serve", "--port", "0"]
    # Into a file: nobody reads a pipe meanwhile, and the page is longer than a pipe holds.
    with (small / "served.txt").open("w") as output:
        process = subprocess.Popen(command, cwd=small, stdout=output, text=True)
    deadline = time.monotonic() + 120
    while not Workspace(small, "dev").cloud_file.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def printed_key(output: Path) -> str:
    """The access key of the printed lines, of which the page is only the beginning."""
    deadline = time.monotonic() + 60
    while not (found := re.search(r"^export AWS_ACCESS_KEY_ID=(\w+) ", output.read_text(), re.MULTILINE)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found[1]


def test_a_served_cloud_is_on_loopback_and_answers_until_down(small: Path, serving: subprocess.Popen[str]) -> None:
    served = Workspace(small, "dev").served()
    assert served
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", served.url)
    assert served.pid == serving.pid
    client = boto3.client(
        "ssm",
        endpoint_url=served.url,
        region_name="ap-northeast-2",
        aws_access_key_id=printed_key(small / "served.txt"),
        aws_secret_access_key="x",
    )
    assert client.get_parameter(Name="/shop/note")["Parameter"]["Value"] == "open at nine"
    again = rehearsal(small, "up", "--stack", "dev")
    assert again.returncode == 1
    assert "make down STACK=dev" in again.stdout
    ended = rehearsal(small, "down", "--stack", "dev")
    assert ended.returncode == 0
    assert f"ended the cloud at {served.url}" in ended.stdout
    assert serving.wait(10) == 0
    assert not (small / ".rehearsal/dev").exists()


def test_ctrl_c_ends_a_served_cloud_cleanly(small: Path, serving: subprocess.Popen[str]) -> None:
    serving.send_signal(signal.SIGINT)
    assert serving.wait(30) == 0
    assert "ended by SIGINT" in (small / "served.txt").read_text()
    assert not Workspace(small, "dev").cloud_file.exists()
    assert (small / ".rehearsal/dev/resources.json").exists()


EAGER = """
import os, signal, sys
from rehearsal import up
from rehearsal.__main__ import main
up.print_page = lambda *_: os.kill(os.getpid(), signal.SIGINT)
sys.exit(main(["up", "--stack", "dev", "--in-process", "--serve", "--port", "0"]))
"""


def test_a_cloud_may_be_ended_as_soon_as_it_is_known(small: Path) -> None:
    done = subprocess.run([sys.executable, "-c", EAGER], cwd=small, capture_output=True, text=True, check=False)
    assert (done.returncode, "ended by SIGINT" in done.stdout) == (0, True), done.stdout
    assert not Workspace(small, "dev").cloud_file.exists()


def test_what_the_cloud_refuses_is_named_without_a_trace(small: Path) -> None:
    program = small / "__main__.py"
    program.write_text(program.read_text().replace('name="/shop/note"', 'name="/aws/note"'))
    done = rehearsal(small, "up", "--stack", "dev", "--in-process")
    assert done.returncode == 1, done.stdout
    assert "Stack dev does not stand" in done.stdout
    assert "shop-note: name: '/aws/note' is not allowed: letters, digits" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (small / ".rehearsal/dev").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def page(whole: Path) -> str:
    done = rehearsal(whole, "up", "--stack", "prod", "--in-process")
    assert done.returncode == 0, done.stdout
    return done.stdout


class TestTheWholeProdStack:
    """One run, for what it says; how long it takes is for `make bench`."""

    def test_it_stays_within_350_mb(self, page: str) -> None:
        said = re.search(r"(\d+) resources, [\d.]+ s, (\d+) MB", page)
        assert said
        assert int(said[1]) > 150
        assert int(said[2]) < 350

    def test_its_page_can_be_read_at_once(self, page: str) -> None:
        told = page[page.index("\nWhat stands in prod") :].strip().splitlines()
        assert len(told) <= 60
        for heading in ("Since the last run", "Policies", "Outputs", "This run", "How to look at it"):
            assert [line for line in told if line.startswith(f"{heading} ─")]

    def test_the_rest_is_beside_it(self, whole: Path, page: str) -> None:
        folder = whole / ".rehearsal/prod"
        contents = (folder / "contents.txt").read_text()
        for chapter in CHAPTERS:
            assert f"\n{chapter} " in contents
        assert "10.1.0.0/16" in (folder / "tree.txt").read_text()
        assert "k8s-master" in (folder / "nodes.txt").read_text()
        assert "eco2.load_balancer_dns_name" in (folder / "outputs.txt").read_text()
        assert " rules: " in (folder / "policies.txt").read_text()

    def test_what_it_leaves_has_no_secrets(self, whole: Path, page: str) -> None:
        saved = (whole / ".rehearsal/prod/resources.json").read_text()
        resources = json.loads(saved)["resources"]
        assert [resource["urn"] for resource in resources] == sorted(resource["urn"] for resource in resources)
        passwords = [resource for resource in resources if resource["type"].endswith(":RandomPassword")]
        assert passwords
        assert {resource["outputs"]["result"] for resource in passwords} == {"[secret]"}
        written = [path.read_text() for path in (whole / ".rehearsal/prod").glob("*.txt")]
        assert len(written) == 6
        assert not [text for text in (saved, *written) if "rehearsal-" in text]
