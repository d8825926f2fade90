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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tools.cache import cache_folder, lock_key, only_one, say

_MODULES = Path(__file__).resolve().parent
_OLDEST_GO = (1, 25)
SPARING = {"GOGC": "400"}
"""The compiler collects its garbage a quarter as often: a quarter less of a processor, for some hundred MB more at its peak."""


class BuildFailed(Exception):
    """A program could not be built; the message says what to mend."""


@dataclass(frozen=True, kw_only=True)
class GoTool:
    """One program: `package` of the module in the folder `module`, whose version is that of the requirement `pinned`.

    `root` is where that folder is; a program of the project's own pins nothing.
    `version_variable` is the linker's name of the variable that holds the version (with a `v` in front where it ends in `=v`),
    `experiment` is one of Go's that its source needs, `check` what a good build answers to, and `status` with which exit status;
    `check_settings` are its environment meanwhile.
    One that `is_dear` is built only where it is asked for: by `make judges`.
    """

    name: str
    module: str
    package: str
    pinned: str | None
    took: str
    root: Path = _MODULES
    version_variable: str | None = None
    tags: str = ""
    experiment: str = ""
    check: tuple[str, ...] = ("version",)
    status: int = 0
    check_settings: Mapping[str, str] = field(default_factory=dict)
    is_dear: bool = False

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
    is_dear=True,
)


def _of_kubernetes(name: str, *, took: str, check: tuple[str, ...] = ("--version",)) -> GoTool:
    """All of one module: what they share is compiled once."""
    return GoTool(
        name=name,
        module="kubernetes",
        package=f"k8s.io/kubernetes/cmd/{name}",
        pinned="k8s.io/kubernetes",
        version_variable="k8s.io/component-base/version.gitVersion=v",
        took=took,
        check=check,
    )


KUBEADM = _of_kubernetes("kubeadm", took="2 to 4 minutes", check=("version",))
KUBE_APISERVER = _of_kubernetes("kube-apiserver", took="3 to 6 minutes")
KUBE_CONTROLLER_MANAGER = _of_kubernetes("kube-controller-manager", took="2 to 4 minutes")
KUBE_SCHEDULER = _of_kubernetes("kube-scheduler", took="1 to 2 minutes")
KUBECTL = _of_kubernetes("kubectl", took="1 to 2 minutes", check=("version", "--client"))
ETCD = GoTool(
    name="etcd",
    # The version that kubeadm brings; with Kubernetes' module it shares most of what is compiled.
    module="kubernetes",
    package="go.etcd.io/etcd/server/v3",
    pinned="go.etcd.io/etcd/server/v3",
    took="half a minute more",
    check=("--version",),
)
KWOK = GoTool(
    name="kwok",
    module="kwok",
    package="sigs.k8s.io/kwok/cmd/kwok",
    pinned="sigs.k8s.io/kwok",
    version_variable="sigs.k8s.io/kwok/pkg/consts.Version",
    took="1 to 2 minutes",
    check=("--version",),
)
HELM = GoTool(
    name="helm",
    module="helm",
    package="helm.sh/helm/v3/cmd/helm",
    pinned="helm.sh/helm/v3",
    version_variable="helm.sh/helm/v3/internal/version.version=v",
    took="2 to 4 minutes",
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
AUTH = GoTool(
    name="auth",
    module="auth",
    root=_MODULES.parent / "services",
    package="./cmd/auth",
    pinned=None,
    took="1 to 2 minutes",
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
COLLECTOR = GoTool(
    name="collector",
    module="collector",
    package=".",
    pinned="go.opentelemetry.io/collector/otelcol",
    took="2 to 4 minutes",
    check=("--version",),
)
BUF = GoTool(
    name="buf",
    module="buf",
    package="github.com/bufbuild/buf/cmd/buf",
    pinned="github.com/bufbuild/buf",
    took="1 to 2 minutes",
    check=("--version",),
)
FORTIO = GoTool(
    name="fortio",
    module="load",
    package="fortio.org/fortio",
    pinned="fortio.org/fortio",
    took="half a minute",
    is_dear=True,
)
REACH = GoTool(
    name="reach",
    module="reach",
    package=".",
    pinned="github.com/mattfenwick/cyclonus",
    took="1 minute",
    # It reads a question on stdin; an argument gets its usage.
    check=("help",),
    status=2,
)
ROLLOUTS = GoTool(
    name="rollouts-controller",
    module="rollouts",
    package="github.com/argoproj/argo-rollouts/cmd/rollouts-controller",
    pinned="github.com/argoproj/argo-rollouts",
    version_variable="github.com/argoproj/argo-rollouts/utils/version.version",
    took="2 to 5 minutes",
    check=("--version",),
    is_dear=True,
)
ARGOCD = GoTool(
    name="argocd",
    module="argocd",
    package=".",
    pinned="github.com/argoproj/argo-cd/v3",
    version_variable="github.com/argoproj/argo-cd/v3/common.version",
    took="4 to 8 minutes",
    is_dear=True,
)
KUBE_SCORE = GoTool(
    name="kube-score",
    module="kube-score",
    package="github.com/zegl/kube-score/cmd/kube-score",
    pinned="github.com/zegl/kube-score",
    version_variable="main.version",
    took="half a minute",
    is_dear=True,
)
ALERT_ROUTES = GoTool(
    name="alert-routes",
    module="alert_routes",
    package=".",
    pinned="github.com/prometheus-operator/prometheus-operator",
    took="1 to 2 minutes",
    # It reads a question on stdin; an argument gets its usage.
    check=("help",),
    status=2,
    is_dear=True,
)
TRIVY = GoTool(
    name="trivy",
    module="trivy",
    package=".",
    pinned="github.com/aquasecurity/trivy",
    took="3 to 6 minutes",
    # What reads manifests is written for Go's next JSON.
    experiment="jsonv2",
    check=("help",),
    status=2,
    is_dear=True,
)
FERRETDB = GoTool(
    name="ferretdb",
    module="ferretdb",
    package="github.com/FerretDB/FerretDB/cmd/ferretdb",
    pinned="github.com/FerretDB/FerretDB",
    # Where it is told what it was built of, it wants files too that only its repository's build makes.
    version_variable="runtime.modinfo",
    took="2 to 3 minutes",
    check=("--version",),
    is_dear=True,
)
CONFTEST = GoTool(
    name="conftest",
    module="conftest",
    package="github.com/open-policy-agent/conftest",
    pinned="github.com/open-policy-agent/conftest",
    took="1 to 3 minutes",
    check=("--version",),
    is_dear=True,
)
OPA = GoTool(
    name="opa",
    module="conftest",
    package="github.com/open-policy-agent/opa",
    pinned="github.com/open-policy-agent/opa",
    took="seconds more: conftest is made of it",
    is_dear=True,
)
KYVERNO = GoTool(
    name="kubectl-kyverno",
    module="kyverno",
    package="github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno",
    pinned="github.com/kyverno/kyverno",
    version_variable="github.com/kyverno/kyverno/pkg/version.BuildVersion=v",
    took="3 to 6 minutes",
    is_dear=True,
)
KYVERNO_CONTROLLER = GoTool(
    name="kyverno",
    module="kyverno",
    package="github.com/kyverno/kyverno/cmd/kyverno",
    pinned="github.com/kyverno/kyverno",
    version_variable="github.com/kyverno/kyverno/pkg/version.BuildVersion=v",
    took="1 to 2 minutes more than its command",
    check=("-help",),
    is_dear=True,
)
COSIGN = GoTool(
    name="cosign",
    module="kyverno",
    package="github.com/sigstore/cosign/v3/cmd/cosign",
    pinned="github.com/sigstore/cosign/v3",
    version_variable="sigs.k8s.io/release-utils/version.gitVersion=v",
    took="seconds more: Kyverno is made of it; alone 2 to 4 minutes",
    is_dear=True,
)
CRANE = GoTool(
    name="crane",
    module="kyverno",
    package="github.com/google/go-containerregistry/cmd/crane",
    pinned="github.com/google/go-containerregistry",
    version_variable="github.com/google/go-containerregistry/cmd/crane/cmd.Version=v",
    took="seconds more",
    is_dear=True,
)
KUBECONFORM = GoTool(
    name="kubeconform",
    module="kubeconform",
    package="github.com/yannh/kubeconform/cmd/kubeconform",
    pinned="github.com/yannh/kubeconform",
    version_variable="main.version=v",
    took="ten seconds",
    check=("-v",),
)
TOOLS = {
    tool.name: tool
    for tool in (
        PULUMI,
        COMPOSE,
        KUBEADM,
        KUBE_APISERVER,
        KUBE_CONTROLLER_MANAGER,
        KUBE_SCHEDULER,
        KUBECTL,
        ETCD,
        KWOK,
        HELM,
        MESH,
        EXT_AUTHZ,
        AUTH,
        ACTIONLINT,
        RATE_LIMIT,
        BUF,
        COLLECTOR,
        FORTIO,
        REACH,
        ROLLOUTS,
        ARGOCD,
        KUBE_SCORE,
        ALERT_ROUTES,
        TRIVY,
        FERRETDB,
        CONFTEST,
        OPA,
        KYVERNO,
        KYVERNO_CONTROLLER,
        COSIGN,
        CRANE,
        KUBECONFORM,
    )
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
    return build_together([tool])[0]


def build_together(tools: Sequence[GoTool]) -> list[Path]:
    """Build what is not there yet of programs that one command builds; their paths."""
    folder = _cache(tools[0]) / f"{_lock_key(tools[0])}-{_go_version(tools[0])}"
    with only_one(folder / "lock"):
        if absent := [tool for tool in tools if not answers(folder / tool.name, tool)]:
            for left_over in folder.glob("*.part"):
                shutil.rmtree(left_over)
            _compile(absent, folder)
    return [folder / tool.name for tool in tools]


def batches(tools: Iterable[GoTool]) -> list[list[GoTool]]:
    """Which programs one command builds: those of one module, with the same flags."""
    found: dict[tuple[Path, str, str, str | None], list[GoTool]] = {}
    for tool in tools:
        found.setdefault((tool.folder, tool.tags, tool.experiment, tool.version_variable), []).append(tool)
    return list(found.values())


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
    compiled = sorted(path for path in tool.folder.rglob("*") if path.suffix in {".go", ".sql"})
    sources = [tool.folder / "go.mod", tool.folder / "go.sum", *compiled]
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


def _compile(tools: Sequence[GoTool], folder: Path) -> None:
    draft = folder / f"{os.getpid()}.part"
    draft.mkdir()
    try:
        _go_build(tools, draft)
        for tool in tools:
            os.replace(draft / tool.name, folder / tool.name)
    finally:
        shutil.rmtree(draft)


def _go_build(tools: Sequence[GoTool], draft: Path) -> None:
    names = ", ".join(f"{tool.name} {tool.version}" for tool in tools)
    say(f"building {names} ({'; '.join(tool.took for tool in tools)} the first time)")
    started, said, packages, last = time.monotonic(), 0.0, 0, [""]
    with subprocess.Popen(  # noqa: S603
        _command(tools, draft),
        cwd=tools[0].folder, stderr=subprocess.PIPE, text=True, env={**SPARING, **os.environ, **settings(tools[0])},
    ) as process:  # fmt: skip
        for line in process.stderr or ():
            packages, last = packages + 1, [*last[-20:], line.rstrip()]
            if time.monotonic() - said > 5:
                said = time.monotonic()
                say(f"  {tools[0].name}: {said - started:4.0f} s, {packages} packages, at {line.strip()}")
    if process.returncode:
        raise BuildFailed(f"building {names} failed:\n" + "\n".join(last))
    say(f"built in {time.monotonic() - started:.0f} s: {names}")


def settings(tool: GoTool) -> dict[str, str]:
    """The environment that Go compiles it in."""
    return {"CGO_ENABLED": "0", **({"GOEXPERIMENT": tool.experiment} if tool.experiment else {})}


def _command(tools: Sequence[GoTool], draft: Path) -> list[str]:
    """A program alone is called as we say; several, as their packages are."""
    alike = tools[0]
    separator = "" if (alike.version_variable or "").endswith("=v") else "="
    variable = f" -X {alike.version_variable}{separator}{alike.version}" if alike.version_variable else ""
    tags = [f"-tags={alike.tags}"] if alike.tags else []
    flags = ["-mod=readonly", "-trimpath", "-v", *tags, "-ldflags", f"-s -w{variable}"]
    target = str(draft / alike.name) if len(tools) == 1 else f"{draft}{os.sep}"
    return ["go", "build", *flags, "-o", target, *(tool.package for tool in tools)]


def main(names: Sequence[str]) -> int:
    """Build the programs of those names, or all that every change is judged with, and print their paths."""
    if unknown := [name for name in names if name not in TOOLS]:
        say(f"unknown: {', '.join(unknown)}; there is {', '.join(TOOLS)}")
        return 2
    try:
        for path in _built([tool for tool in TOOLS.values() if tool.name in names or not (names or tool.is_dear)]):
            print(path)
    except BuildFailed as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; what is compiled so far is kept for the next run")
        return 130
    return 0


def _built(tools: Sequence[GoTool]) -> Iterator[Path]:
    """Module after module, two at a time: while one waits for the network or links, the other compiles."""
    # What all of them share, the standard library above all, is compiled by the first, and not by two at once.
    first, *others = sorted(batches(tools), key=lambda batch: batch[0] != EXT_AUTHZ)
    yield from build_together(first)
    workers = ThreadPoolExecutor(2)
    try:
        for paths in workers.map(build_together, others):
            yield from paths
    finally:
        workers.shutdown(cancel_futures=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
