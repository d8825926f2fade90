"""Names each test that fails when it does: what is to be mended need not wait for the end of a long run."""

from __future__ import annotations

import pytest


class Failing:
    """Where results are told: of other processes, in the one that asked them."""

    _reporter: pytest.TerminalReporter | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._reporter = session.config.pluginmanager.get_plugin("terminalreporter")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self._reporter:
            self._reporter.write_line(f"\nfailed in its {report.when}: {report.nodeid}", red=True)
