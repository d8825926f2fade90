"""Go programs that the project builds from pinned modules, into a per-user cache: `python -m tools.go_tools [NAME...]`.

Each module is a folder beside this file; its go.mod and go.sum are the lock. A second clone on the same machine builds nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.cache import cache_folder, lock_key, only_one, say

_MODULES = Path(__file__).resolve().parent
_OLDEST_GO = (1, 25)


class BuildFailed(Exception):
    """A program could not be built; the message says what to mend."""


@dataclass(frozen=True, kw_only=True)
class GoTool:
    """One program: `package` of the module in the folder `module`, whose version is that of the requirement `pinned`.

    `root` is where that folder is; a program of the project's own pins nothing.
    `version_variable` is the linker's name of the variable that holds the version (with a `v` in front where it ends in `=v`),
    `check` what a good build answers to, and `status` with which exit status; `check_settings` are its environment meanwhile.
    """

    name: str
    module: str
    package: str
    pinned: str | None
    took: str
    root: Path = _MODULES
    version_variable: str | None = None
    tags: str = ""
    check: tuple[str, ...] = ("version",)
    status: int = 0
    check_settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.root / self.module

    @property
    def version(self) -> str:
        """Without the leading `v`, as go.mod requires it."""
        if self.pinned is None:
            return "of this repository"
        found = re.search(rf"{re.escape(self.pinned)} v(\S+)", (self.folder / "go.mod").read_text())
        if found is None:
            raise BuildFailed(f"{self.folder}/go.mod does not require {self.pinned}")
        return found[1]


PULUMI = GoTool(
    name="pulumi",
    module="engine",
    package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    pinned="github.com/pulumi/pulumi/pkg/v3",
    # The Automation API refuses an engine without a version.
    version_variable="github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
    took="2 to 8 minutes",
)
COMPOSE = GoTool(
    name="docker-compose",
    module="compose",
    package="github.com/docker/compose/v2/cmd",
    pinned="github.com/docker/compose/v2",
    version_variable="github.com/docker/compose/v2/internal.Version",
    took="1 to 3 minutes",
)
KUBEADM = GoTool(
    name="kubeadm",
    module="kubernetes",
    package="k8s.io/kubernetes/cmd/kubeadm",
    pinned="k8s.io/kubernetes",
    version_variable="k8s.io/component-base/version.gitVersion=v",
    took="2 to 4 minutes",
)
KUBE_APISERVER = GoTool(
    name="kube-apiserver",
    module="kubernetes",
    package="k8s.io/kubernetes/cmd/kube-apiserver",
    pinned="k8s.io/kubernetes",
    version_variable="k8s.io/component-base/version.gitVersion=v",
    took="3 to 6 minutes",
    check=("--version",),
)
MESH = GoTool(
    name="mesh",
    module="istio",
    package=".",
    pinned="istio.io/istio",
    took="4 to 8 minutes",
    tags="vtprotobuf",
)
EXT_AUTHZ = GoTool(
    name="ext-authz",
    module="ext-authz",
    root=_MODULES.parent / "services",
    package="./cmd/ext-authz",
    pinned=None,
    took="half a minute",
    # It has no other command than to serve: without settings it names those that are missing.
    check=(),
    status=2,
)
ACTIONLINT = GoTool(
    name="actionlint",
    module="actionlint",
    package="github.com/rhysd/actionlint/cmd/actionlint",
    pinned="github.com/rhysd/actionlint",
    version_variable="github.com/rhysd/actionlint.version",
    took="ten seconds",
    check=("-version",),
)
RATE_LIMIT = GoTool(
    name="ratelimit",
    module="ratelimit",
    package="github.com/envoyproxy/ratelimit/src/service_cmd",
    pinned="github.com/envoyproxy/ratelimit",
    took="1 to 2 minutes",
    # It too has no other command than to serve; a setting that it cannot read ends it before it listens or connects.
    check=(),
    check_settings={"GRPC_PORT": "none"},
    status=2,
)
FORTIO = GoTool(
    name="fortio",
    module="load",
    package="fortio.org/fortio",
    pinned="fortio.org/fortio",
    took="half a minute",
)
TOOLS = {
    tool.name: tool
    for tool in (PULUMI, COMPOSE, KUBEADM, KUBE_APISERVER, MESH, EXT_AUTHZ, ACTIONLINT, RATE_LIMIT, FORTIO)
}


def find(tool: GoTool) -> Path | None:
    """The program as it was built before from just this module; without a Go of use, whichever one it was made with."""
    try:
        version = _go_version(tool)
    except BuildFailed:
        version = "*"
    built = sorted(_cache(tool).glob(f"{_lock_key(tool)}-{version}/{tool.name}"))
    return next((path for path in built if answers(path, tool)), None)


def build(tool: GoTool) -> Path:
    """Build the program unless it is there already; its path. Progress goes to stderr."""
    target = _cache(tool) / f"{_lock_key(tool)}-{_go_version(tool)}" / tool.name
    with only_one(target.parent / "lock"):
        if not answers(target, tool):
            for left_over in target.parent.glob(f"{tool.name}.*.part"):
                left_over.unlink()
            _compile(tool, target)
    return target


def answers(program: Path, tool: GoTool) -> bool:
    """Whether the program runs, and says something with the status that is expected of it."""
    quiet = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true", **tool.check_settings}
    try:
        done = subprocess.run([program, *tool.check], capture_output=True, timeout=60, check=False, env=quiet)  # noqa: S603
    except OSError:
        return False
    return done.returncode == tool.status and bool((done.stdout or done.stderr).strip())


def _cache(tool: GoTool) -> Path:
    return cache_folder(tool.module)


def _lock_key(tool: GoTool) -> str:
    sources = [tool.folder / "go.mod", tool.folder / "go.sum", *sorted(tool.folder.rglob("*.go"))]
    return lock_key(sources)


def _go_version(tool: GoTool) -> str:
    wanted = f"building {tool.name} needs Go {'.'.join(map(str, _OLDEST_GO))} or newer"
    if not shutil.which("go"):
        raise BuildFailed(f"{wanted} on PATH; there is none")
    done = subprocess.run(
        ["go", "env", "GOVERSION"],  # noqa: S607
        check=True, capture_output=True, text=True, cwd=tool.folder,
    )  # fmt: skip
    version = done.stdout.strip()
    if tuple(int(number) for number in re.findall(r"\d+", version)[:2]) < _OLDEST_GO:
        raise BuildFailed(f"{wanted}; this one is {version}")
    return version


def _compile(tool: GoTool, target: Path) -> None:
    part = target.with_name(f"{tool.name}.{os.getpid()}.part")
    try:
        _go_build(tool, part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _go_build(tool: GoTool, part: Path) -> None:
    separator = "" if (tool.version_variable or "").endswith("=v") else "="
    variable = f" -X {tool.version_variable}{separator}{tool.version}" if tool.version_variable else ""
    tags = [f"-tags={tool.tags}"] if tool.tags else []
    flags = ["-mod=readonly", "-trimpath", "-v", *tags, "-ldflags", f"-s -w{variable}"]
    command = ["go", "build", *flags, "-o", str(part), tool.package]
    say(f"building {tool.name} {tool.version} ({tool.took} the first time)")
    started, said, packages, last = time.monotonic(), 0.0, 0, [""]
    with subprocess.Popen(  # noqa: S603
        command, cwd=tool.folder, stderr=subprocess.PIPE, text=True, env={**os.environ, "CGO_ENABLED": "0"}
    ) as process:
        for line in process.stderr or ():
            packages, last = packages + 1, [*last[-20:], line.rstrip()]
            if time.monotonic() - said > 5:
                said = time.monotonic()
                say(f"  {said - started:4.0f} s, {packages} packages, at {line.strip()}")
    if process.returncode:
        raise BuildFailed(f"building {tool.name} failed:\n" + "\n".join(last))
    say(f"built in {time.monotonic() - started:.0f} s")


def main(names: Sequence[str]) -> int:
    """Build the programs of those names, or all, and print their paths."""
    if unknown := [name for name in names if name not in TOOLS]:
        say(f"unknown: {', '.join(unknown)}; there is {', '.join(TOOLS)}")
        return 2
    try:
        for name in names or TOOLS:
            print(build(TOOLS[name]))
    except BuildFailed as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; what is compiled so far is kept for the next run")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
