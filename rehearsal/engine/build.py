"""Finds the Pulumi engine, or builds it from the pinned Go module in `tools/engine`: `python -m rehearsal.engine.build`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MODULE = Path(__file__).resolve().parents[2] / "tools" / "engine"
_COMMAND = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_OLDEST_GO = (1, 25)


class BuildFailed(Exception):
    """The engine could not be built; the message says what to mend."""


def find_engine() -> Path | None:
    """A usable `pulumi`: the one on PATH, else the one built before, else `None`."""
    on_path = shutil.which("pulumi")
    if on_path and _answers(Path(on_path)):
        return Path(on_path)
    return next((built for built in _built() if _answers(built)), None)


def build() -> Path:
    """Build the engine unless it is there already; its path. Progress goes to stderr."""
    target = cache_folder() / f"{_module_key()}-{_go_version()}" / "pulumi"
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(target.parent / "lock"):
        if not _answers(target):
            for left_over in target.parent.glob("pulumi.*.part"):
                left_over.unlink()
            _compile(target)
    return target


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "edge-platform" / "engine"


def _built() -> Iterator[Path]:
    """Earlier builds of just this module; without a Go of use, whichever one they were made with."""
    try:
        version = _go_version()
    except BuildFailed:
        version = "*"
    yield from sorted(cache_folder().glob(f"{_module_key()}-{version}/pulumi"))


def _module_key() -> str:
    content = (_MODULE / "go.mod").read_bytes() + (_MODULE / "go.sum").read_bytes()
    return hashlib.sha256(content).hexdigest()[:16]


def _go_version() -> str:
    if not shutil.which("go"):
        raise BuildFailed(
            f"building the engine needs Go {'.'.join(map(str, _OLDEST_GO))} or newer on PATH; there is none"
        )
    version = _output("go", "env", "GOVERSION")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < _OLDEST_GO:
        raise BuildFailed(
            f"building the engine needs Go {'.'.join(map(str, _OLDEST_GO))} or newer; this one is {version}"
        )
    return version


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=_MODULE).stdout.strip()  # noqa: S603


def _answers(engine: Path) -> bool:
    try:
        done = subprocess.run(  # noqa: S603
            [engine, "version"],
            capture_output=True,
            timeout=60,
            check=False,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except OSError:
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """One build at a time: a second one waits, and then finds the first one's engine."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(target: Path) -> None:
    part = target.with_name(f"pulumi.{os.getpid()}.part")
    try:
        _go_build(part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _go_build(part: Path) -> None:
    # The Automation API refuses an engine without a version.
    flags = f"-s -w -X {_VERSION_VARIABLE}={_pinned_version()}"
    command = ["go", "build", "-mod=readonly", "-trimpath", "-v", "-ldflags", flags, "-o", str(part), _COMMAND]
    _say(f"building the Pulumi engine {_pinned_version()} (2 to 8 minutes the first time)")
    started, said, packages, last = time.monotonic(), 0.0, 0, [""]
    with subprocess.Popen(  # noqa: S603
        command, cwd=_MODULE, stderr=subprocess.PIPE, text=True, env={**os.environ, "CGO_ENABLED": "0"}
    ) as process:
        for line in process.stderr or ():
            packages, last = packages + 1, [*last[-20:], line.rstrip()]
            if time.monotonic() - said > 5:
                said = time.monotonic()
                _say(f"  {said - started:4.0f} s, {packages} packages, at {line.strip()}")
    if process.returncode:
        raise BuildFailed("go build failed:\n" + "\n".join(last))
    _say(f"built in {time.monotonic() - started:.0f} s")


def _pinned_version() -> str:
    found = re.search(r"github\.com/pulumi/pulumi/pkg/v3 v(\S+)", (_MODULE / "go.mod").read_text())
    if found is None:
        raise BuildFailed("tools/engine/go.mod does not require github.com/pulumi/pulumi/pkg/v3")
    return found[1]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    try:
        print(build())
    except BuildFailed as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("interrupted; what is compiled so far is kept for the next run")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
