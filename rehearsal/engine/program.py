"""The project's `__main__.py` as a function, for whoever runs it inline."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path


def project_program(root: Path) -> Callable[[], None]:
    """Runs `__main__.py` of the project in this process, as the language host would."""

    def program() -> None:
        sys.path.insert(0, str(root))
        try:
            runpy.run_path(str(root / "__main__.py"), run_name="__main__")
        finally:
            sys.path.remove(str(root))

    return program
