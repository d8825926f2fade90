"""A package that is another than the locked one, from a mirror that somebody else holds: it is neither installed nor compiled."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import runpy
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.stacks import ROOT
from tests.tools import required_command
from tools.mongosh import INSTALL

NAME = "harmless"
BY_HASH: tuple[str, ...] = runpy.run_path(str(ROOT / "tools/install.py"))["BY_HASH"]
INSTALLERS = {
    "pip": [sys.executable, "-m", "pip", "install", "--no-index", "--disable-pip-version-check"],
    "uv": [sys.executable, "-m", "uv", "pip", "install", "--no-index", "--offline", "--python", sys.executable],
}
"""As tools/install.py calls them, but for where packages come from."""


def wheel(folder: Path, code: str) -> str:
    """A package with that code in the folder, always under the same name; its SHA-256."""
    path = folder / f"{NAME}-1.0-py3-none-any.whl"
    about = f"{NAME}-1.0.dist-info"
    files = {
        f"{NAME}.py": code,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in files))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def install(installer: str, folder: Path, sha256: str | None) -> tuple[int, str]:
    """By a line with that checksum, or with none."""
    locked = f" \\\n    --hash=sha256:{sha256}" if sha256 else ""
    (folder / "requirements.txt").write_text(f"{NAME}==1.0{locked}\n")
    options: list[str | Path] = [
        "--find-links",
        folder,
        "--target",
        folder / "installed",
        "-r",
        folder / "requirements.txt",
    ]
    environment = {**os.environ, "UV_CACHE_DIR": str(folder / "cache"), "PIP_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        [*INSTALLERS[installer], *BY_HASH, *options], capture_output=True, text=True, check=False, env=environment
    )
    return done.returncode, f"{done.stdout}{done.stderr}"


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_python_package_that_is_another_is_not_installed(installer: str, tmp_path: Path) -> None:
    locked = wheel(tmp_path, "print('as it was locked')")
    wheel(tmp_path, "print('something else')")
    status, said = install(installer, tmp_path, locked)
    assert status != 0
    assert re.search(r"hash", said, re.IGNORECASE)
    assert not (tmp_path / "installed" / f"{NAME}.py").exists()


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_package_that_nobody_locked_is_not_installed(installer: str, tmp_path: Path) -> None:
    wheel(tmp_path, "print('nobody looked at this')")
    status, said = install(installer, tmp_path, None)
    assert status != 0
    assert re.search(r"hash", said, re.IGNORECASE)
    assert not (tmp_path / "installed" / f"{NAME}.py").exists()


@pytest.mark.parametrize("installer", INSTALLERS)
def test_the_locked_one_is(installer: str, tmp_path: Path) -> None:
    assert install(installer, tmp_path, wheel(tmp_path, "print('as it was locked')"))[0] == 0
    assert (tmp_path / "installed" / f"{NAME}.py").exists()


def test_everything_that_is_installed_is_locked_by_hash() -> None:
    """A line without one would be refused with all others; an option that lets it pass is nowhere."""
    files = [*ROOT.glob("requirements*.txt"), *ROOT.glob("tools/*/requirements.txt")]
    assert len(files) > 4
    for file in files:
        pins = re.findall(r"^[\w.\[\]-]+==\S+", file.read_text(), re.MULTILINE)
        blocks = re.findall(
            r"^[\w.\[\]-]+==(?:.*\\\n)(?:    --hash=sha256:[0-9a-f]{64}.*\n)+", file.read_text(), re.MULTILINE
        )
        assert len(pins) == len(blocks) > 0, file


def module(proxy: Path, code: str) -> None:
    """A Go module `example.com/harmless` in a proxy that is a folder."""
    folder = proxy / "example.com" / NAME / "@v"
    folder.mkdir(parents=True, exist_ok=True)
    files = {"go.mod": f"module example.com/{NAME}\n\ngo 1.21\n", "harmless.go": code}
    (folder / "list").write_text("v1.0.0\n")
    (folder / "v1.0.0.info").write_text(json.dumps({"Version": "v1.0.0"}))
    (folder / "v1.0.0.mod").write_text(files["go.mod"])
    with zipfile.ZipFile(folder / "v1.0.0.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(f"example.com/{NAME}@v1.0.0/{name}", text)


def test_a_go_module_that_is_another_is_not_compiled(tmp_path: Path) -> None:
    """What `go build -mod=readonly` does with a go.sum, as tools/go_tools.py calls it."""
    go = required_command("go")
    program, proxy = tmp_path / "program", tmp_path / "proxy"
    program.mkdir()
    (program / "go.mod").write_text(f"module program\n\ngo 1.21\n\nrequire example.com/{NAME} v1.0.0\n")
    (program / "main.go").write_text(f'package main\n\nimport "example.com/{NAME}"\n\nfunc main() {{ {NAME}.Hi() }}\n')

    def run(cache: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ, "GOPROXY": proxy.as_uri(), "GOFLAGS": "-modcacherw", "GONOSUMDB": "*", "GONOSUMCHECK": "1",
            "GOMODCACHE": str(tmp_path / cache), "GOTOOLCHAIN": "local", "CGO_ENABLED": "0",
        }  # fmt: skip
        return subprocess.run(
            [go, *arguments], cwd=program, env=environment, capture_output=True, text=True, check=False
        )

    module(proxy, f"package {NAME}\n\nfunc Hi() {{}}\n")
    assert run("first", "mod", "tidy").returncode == 0
    assert f"example.com/{NAME} v1.0.0 h1:" in (program / "go.sum").read_text()
    module(proxy, f'package {NAME}\n\nfunc Hi() {{ panic("something else") }}\n')
    done = run("second", "build", "-mod=readonly", "-o", str(tmp_path / "out"), ".")
    assert done.returncode != 0
    assert "checksum mismatch" in done.stderr
    assert not (tmp_path / "out").exists()


def tarball(folder: Path, code: str) -> None:
    """An npm package `harmless` with that code, and a script that runs when it is installed."""
    about = {"name": NAME, "version": "1.0.0", "scripts": {"postinstall": "touch ran"}}
    with tarfile.open(folder / f"{NAME}-1.0.0.tgz", "w:gz") as archive:
        for name, text in {"package.json": json.dumps(about), "index.js": code}.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


@pytest.mark.judges
def test_an_npm_package_that_is_another_is_not_installed_and_no_script_of_the_locked_one_runs(tmp_path: Path) -> None:
    """As tools/mongosh.py calls npm."""
    (tmp_path / "package.json").write_text(json.dumps({"dependencies": {NAME: f"file:{NAME}-1.0.0.tgz"}}))
    installed = tmp_path / "node_modules" / NAME

    def npm(cache: str, *arguments: str) -> int:
        environment = {**os.environ, "npm_config_cache": str(tmp_path / cache)}
        program = required_command("npm")
        return subprocess.run(
            [program, *arguments], cwd=tmp_path, env=environment, capture_output=True, check=False
        ).returncode

    tarball(tmp_path, "// as it was locked")
    assert npm("first", "install", "--package-lock-only", "--no-audit") == 0
    assert npm("second", *INSTALL[1:]) == 0
    assert (installed / "index.js").exists()
    assert not (installed / "ran").exists()
    tarball(tmp_path, "// something else")
    assert npm("third", *INSTALL[1:]) != 0
    assert not (installed / "index.js").exists()


def test_every_npm_package_is_locked_by_its_content() -> None:
    """One without would be taken as it comes."""
    locks = [*ROOT.glob("tools/*/package-lock.json")]
    assert locks
    for lock in locks:
        packages = {name: one for name, one in json.loads(lock.read_text())["packages"].items() if name}
        assert len(packages) > 100
        assert [name for name, one in packages.items() if not one.get("integrity", "").startswith("sha512-")] == []
