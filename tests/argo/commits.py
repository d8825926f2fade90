"""Commits on the branch that the cluster follows: the workflow's own, by its script, and those of whoever gets past it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.mesh.manifests import Manifest
from tests.stacks import ROOT
from tests.tools import required_command

BRANCH = "rendered/prod"

Change = Callable[[Path], object]
"""Does something to a folder of manifests."""


@dataclass(frozen=True)
class Key:
    """A publisher's key, in a GnuPG home of its own."""

    home: Path
    id: str
    public: str
    secret: str


def key(folder: Path) -> Key:
    """A new one, as docs/delivery.md has it made; GnuPG's sockets have paths of a hundred characters at most."""
    home = folder / "gnupg"
    home.mkdir(mode=0o700, parents=True)

    def gpg(*arguments: str) -> str:
        command: list[str | Path] = [required_command("gpg"), "--homedir", home, "--batch", "--quiet"]
        return _run([*command, "--passphrase", "", *arguments])

    gpg("--quick-generate-key", "publisher", "ed25519", "sign", "1d")
    listed = gpg("--list-secret-keys", "--with-colons").splitlines()
    fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr"))
    return Key(home, fingerprint[-16:], gpg("--armor", "--export"), gpg("--armor", "--export-secret-keys"))


def publish(remote: Path, manifests: Path, message: str, publisher: Key) -> str:
    """A commit of just these manifests, by the workflow's own script; its id."""
    if not remote.exists():
        remote.parent.mkdir(parents=True, exist_ok=True)
        _run([required_command("git"), "init", "--quiet", "--bare", remote])
    settings = {"REMOTE": str(remote), "BRANCH": BRANCH, "MESSAGE": message, "SIGNING_KEY": publisher.secret}
    script = ROOT / ".github/scripts/publish.sh"
    done = subprocess.run(
        [script, manifests], env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return _run([required_command("git"), "-C", remote, "rev-parse", BRANCH]).strip()


def push(remote: Path, change: Change, signer: Key | None) -> str:
    """A commit on top by somebody who has the repository: signed with a key of his own, or not at all; its id."""
    with tempfile.TemporaryDirectory() as made:
        work = Path(made) / "branch"
        git: list[str | Path] = [required_command("git"), "-C", work]
        _run([required_command("git"), "clone", "--quiet", "--branch", BRANCH, remote, work])
        change(work)
        author = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.test"]
        signed = [f"--gpg-sign={signer.id}"] if signer else ["--no-gpg-sign"]
        _run([*git, "add", "--all"])
        _run(
            [*git, *author, "commit", "--quiet", "--message", "past the workflow", *signed],
            {"GNUPGHOME": str(signer.home)} if signer else {},
        )
        _run([*git, "push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}"])
        return _run([*git, "rev-parse", "HEAD"]).strip()


def changed(manifests: Path, change: Change, folder: Path) -> Path:
    """A copy of the manifests with a change."""
    shutil.copytree(manifests, folder)
    change(folder)
    return folder


def both(*changes: Change) -> Change:
    """One after the other."""
    return lambda folder: [one(folder) for one in changes]


def without(file: str) -> Change:
    """One manifest less."""
    return lambda folder: _file(folder, file).unlink()


def edited(file: str, edit: Callable[[Manifest], object]) -> Change:
    """A manifest in which something is otherwise."""

    def change(folder: Path) -> None:
        path = _file(folder, file)
        manifest = yaml.safe_load(path.read_text())
        edit(manifest)
        path.write_text(yaml.safe_dump(manifest))

    return change


def besides(system: str, *manifests: Manifest) -> Change:
    """Manifests more in a system's folder."""
    text = "---\n".join(yaml.safe_dump(one) for one in manifests)
    return lambda folder: (folder / system / "1-manifest/besides.yaml").write_text(text)


def _file(folder: Path, name: str) -> Path:
    (found,) = folder.glob(f"*/1-manifest/{name}.yaml")
    return found


def _run(command: Sequence[str | Path], settings: Mapping[str, str] | None = None) -> str:
    environment = {**os.environ, **(settings or {})}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
