"""The stacks that several files of tests only look at, each built once per run; and quick surroundings."""

from __future__ import annotations

import gc
import os
import re
import signal
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.garbage import collecting_rarely
from tests.costs import Costs
from tests.failing import Failing
from tests.in_memory import folder_in_memory

if TYPE_CHECKING:
    from rehearsal.recording import Recording

# What imports the SDK is not imported here: the process that only hands tests to others would wait for it too.


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return _recorded("prod", tmp_path_factory)


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return _recorded("dev", tmp_path_factory)


def _recorded(stack: str, folders: pytest.TempPathFactory) -> Recording:
    from tests.shared import made_once
    from tests.stacks import stack_up

    def record() -> Recording:
        with stack_up(stack, folders.mktemp(stack)) as (recording, _):
            return recording

    return made_once(stack, folders, record)


@pytest.fixture(scope="session")
def cluster_with_workers(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """eco2 with nodes for tenants, of which there are none."""
    from tests import other_stacks
    from tests.shared import made_once

    folder = tmp_path_factory.mktemp("workers")
    return made_once("workers", tmp_path_factory, lambda: other_stacks.cluster_with_workers(folder))


@pytest.fixture(scope="session")
def cluster_with_guestbook(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, dict[str, Any]]:
    """eco2 with the made-up tenant, and what the contract told that."""
    from tests import other_stacks
    from tests.shared import made_once

    folder = tmp_path_factory.mktemp("guestbook")
    return made_once("guestbook", tmp_path_factory, lambda: other_stacks.cluster_with_guestbook(folder))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--costs", metavar="FILE", type=Path, help="write the processor time of each file of tests there")


def pytest_configure(config: pytest.Config) -> None:
    """What is made once stays until the end; what is written is small, and of no use afterwards."""
    surroundings = ExitStack()
    surroundings.enter_context(collecting_rarely())
    config.add_cleanup(surroundings.close)
    config.pluginmanager.register(Failing(), "failing")
    if target := config.getoption("costs"):
        config.pluginmanager.register(Costs(target))
    if "TMPDIR" not in os.environ and (memory := folder_in_memory()):
        os.environ["TMPDIR"] = str(memory)
        tempfile.tempdir = None


def pytest_unconfigure() -> None:
    """At the end pytest looks five times through all that is left."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell starts what runs in its background deaf to SIGINT, and so would be what tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_FIRST = (
    # Of `make judges`: the first two keep one cluster each, for a quarter of an hour and more.
    "tests/argo/test_walk.py",
    "tests/trial/test_life.py",
    "tests/rehearsal/test_engine_crash.py",
    # Of `make verify`:
    "tests/mesh/test_eco2_edge.py",
    "tests/rehearsal/test_engine_stacks.py",
    "tests/cluster/",
    # Of `make test`; the first two make a stack each, at the same time.
    "tests/rehearsal/test_readback.py",
    "tests/systems/test_wealist_settings.py",
    "tests/deploy/test_eco2_bootstrap.py",
    "tests/policy/test_mutations.py",
    "tests/policy/test_rules.py",
    "tests/rehearsal/test_aws_types.py",
    "tests/rehearsal/test_aws_refusals.py",
    "tests/systems/test_eco2_aws.py",
    "tests/preview/test_dangers.py",
)
"""What others wait for, and what takes long as one piece: nobody should wait for that alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files are handed out in this order."""
    items.sort(key=lambda item: next((n for n, path in enumerate(_FIRST) if item.nodeid.startswith(path)), len(_FIRST)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Judges of which each was skipped, since what it judges with is not there, have judged nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not re.search(r"\b(?<!not )(verify|judges)\b", session.config.getoption("markexpr")):
        return
    if session.exitstatus == 0 and reporter.stats.get("skipped") and not reporter.stats.get("passed"):
        reporter.write_line("every judge was skipped, so nothing is proved: `make tools` brings what they judge with")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


SHOWN = "shown"
"""A property that a test records (`record_property`): a text that whoever started the run should see."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have to show, also those that another process ran."""
    for report in (one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, ())):
        for name, text in report.user_properties:
            if name == SHOWN:
                terminalreporter.section(report.nodeid)
                terminalreporter.write_line(str(text))


_WITHOUT_A_TEST: Mapping[str, Callable[[str], bool]] = {
    "not runs and not verify and not judges and not bench": lambda text: bool(
        re.search(r"^pytestmark = pytest\.mark\.(runs|verify|judges)$", text, re.M)
    ),
    "runs": lambda text: "mark.runs" not in text,
    "verify": lambda text: "mark.verify" not in text,
    "verify or judges": lambda text: not re.search(r"mark\.(verify|judges)", text),
}
"""Which files have nothing for the Makefile's runs, by their text; of any other selection of tests that is not said."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files without a test for this run are not even imported: that takes seconds, in each process."""
    without = _WITHOUT_A_TEST.get(config.getoption("markexpr"))
    if not without or not collection_path.match("test_*.py"):
        return None
    return without(collection_path.read_text()) or None
