"""What each file of tests costs in processor time: `--costs FILE` writes seconds per file, children included, as JSON.

What a fixture of the whole session costs is on the file that first asks for it; a server, on the file that ends it.
"""

from __future__ import annotations

import json
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

STARTING = "starting"
"""Under this name: imports and collection, in all processes together."""


def spent() -> float:
    """Seconds of this process, and of those that it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


class Costs:
    """In each process; a worker hands over its own when it goes."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._seconds: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        before = spent()
        if not self._seconds:
            self._seconds[STARTING] = before  # type: ignore[assignment]
        try:
            return (yield)
        finally:
            self._seconds[item.nodeid.partition("::")[0]] += spent() - before  # type: ignore[assignment]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        given: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if given is not None:
            given["costs"] = dict(self._seconds)
        else:
            self._target.write_text(json.dumps(self._seconds, indent=2, sort_keys=True) + "\n")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._seconds.update(getattr(node, "workeroutput", {}).get("costs", {}))
