"""The command line behind `make up`, `make down` and `make preview`: `python -m rehearsal up --stack prod`."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from infra.settings import SettingsError
from policy.exemptions import ExemptionsError
from rehearsal.engine.build import find_engine
from rehearsal.inprocess import ProgramFailed
from rehearsal.manifests import NotRendered
from rehearsal.preview.run import preview
from rehearsal.preview.sides import PreviewError
from rehearsal.report.page import CHAPTERS, print_failure
from rehearsal.report.policies import PoliciesBroken
from rehearsal.serve import USUAL_PORT
from rehearsal.stack_file import StackFileError
from rehearsal.up import down, up
from rehearsal.workspace import InUse

ROOT = Path(__file__).resolve().parents[1]
FAILED, WRONG_SETTINGS, BROKEN_POLICIES, INTERRUPTED = 1, 2, 3, 130
_WIDTH_OF_LOGS = 120
_PREVIEW = ("markdown", "fail_on_danger", "where")


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; the exit code is 2 for a file to mend, 1 for a program that does not run, 3 for broken policies."""
    asked = _parser().parse_args(arguments)
    console = _console()
    try:
        return _carry_out(asked, root, console)
    except (StackFileError, SettingsError) as error:
        print_failure(console, "The stack's settings need mending", str(error))
        return WRONG_SETTINGS
    except ExemptionsError as error:
        print_failure(console, "The policies' exemptions need mending", str(error))
        return WRONG_SETTINGS
    except PoliciesBroken as error:
        print_failure(
            console, f"Stack {asked.stack} stands in the rehearsal, and breaks mandatory policies", str(error)
        )
        return BROKEN_POLICIES
    except PreviewError as error:
        print_failure(console, "There is no preview", str(error))
        return WRONG_SETTINGS
    except (ProgramFailed, NotRendered) as error:
        print_failure(console, f"Stack {asked.stack} does not stand; the last good rehearsal is as it was", str(error))
        return FAILED
    except InUse as error:
        print_failure(console, f"Stack {asked.stack} is in use", str(error))
        return FAILED
    except KeyboardInterrupt:
        print_failure(console, "Interrupted", "")
        return INTERRUPTED
    except Exception as error:
        if asked.trace:
            raise
        print_failure(console, "The program stopped", _readable(error, root))
        return FAILED


def _carry_out(asked: argparse.Namespace, root: Path, console: Console) -> int:
    if asked.command == "preview":
        return preview(root, asked.base, asked.stack, console, **{name: getattr(asked, name) for name in _PREVIEW})
    if asked.command == "down":
        down(root, asked.stack, console)
    else:
        find = _no_engine if asked.in_process else find_engine
        up(root, asked.stack, console, port=asked.port if asked.serve else None, find_engine=find, show=asked.show)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal", description="Rehearse a stack without a cloud account."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up_ = commands.add_parser("up", help="stand a stack up on the embedded cloud, and show it")
    up_.add_argument("--serve", action="store_true", help="keep the cloud running on loopback until Ctrl-C")
    up_.add_argument("--port", type=int, default=USUAL_PORT, help="where to serve (%(default)s)")
    up_.add_argument("--in-process", action="store_true", help="do without the Pulumi engine even if there is one")
    up_.add_argument(
        "--show", choices=["", *CHAPTERS, "all"], default="", help="a chapter at length instead of the page"
    )
    down_ = commands.add_parser("down", help="end a served cloud and remove what rehearsals left")
    preview_ = commands.add_parser("preview", help="what the files here change in the stacks, compared with a commit")
    preview_.add_argument("--base", required=True, help="the commit to compare with: a branch, a tag, a commit")
    preview_.add_argument("--stack", action="append", default=[], help="a stack, several times for several (all)")
    preview_.add_argument("--markdown", action="store_true", help="print the comment instead of the terminal's view")
    preview_.add_argument("--fail-on-danger", action="store_true", help="end with 3 when something is in danger")
    preview_.add_argument("--where", default="", help="where the comment says that the whole preview is, as Markdown")
    for command in (up_, down_):
        command.add_argument("--stack", default="dev", help="the stack: Pulumi.<stack>.yaml (%(default)s)")
    for command in (up_, down_, preview_):
        command.add_argument("--trace", action="store_true", help="show the whole trace of an unexpected error")
    return parser


def _no_engine() -> Path | None:
    return None


def _console() -> Console:
    """As wide as the terminal; a log has no width of its own."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDTH_OF_LOGS
    return Console(width=width)


def _readable(error: Exception, root: Path) -> str:
    """What was raised and where in the project."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(frame.filename, root)]
    where = f" ({Path(frames[-1].filename).relative_to(root)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}\n`--trace` shows the whole trace (TRACE=1 with make)"


def _is_ours(file: str, root: Path) -> bool:
    path = Path(file)
    return path.is_relative_to(root) and ".venv" not in path.parts


if __name__ == "__main__":
    sys.exit(main())
