"""Pulumi's command line on the embedded cloud: the real `pulumi`, the real script of its Python host, and no account.

`pulumi-language-python` itself, which starts the script, is a Go program of Pulumi's releases; what it does is done here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from infra.settings.wealist import SECRETS
from rehearsal.cloud import Cloud, open_cloud
from rehearsal.engine.servicer import serve_cloud
from tests.stacks import ACCOUNT, REGION, ROOT
from tests.tools import required_engine, required_python_host

_SHOWN = 32
"""The script's exit status when it has said itself what is wrong."""
_PARTS = (
    "__main__.py",
    "Pulumi.yaml",
    "Makefile",
    "requirements.txt",
    "tools",
    "infra",
    "deploy",
    "services",
    "policy",
    "rehearsal",
)


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """The project in a folder of its own, with `Pulumi.<stack>.yaml` to edit, and a shell in it.

    `before` is for whoever wants to remember what the account held.
    """

    project: Path
    cloud: Cloud
    environment: Mapping[str, str]
    before: frozenset[str] = frozenset()

    def __call__(self, command: str, *, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """What the command says; a shell reads it, as an operator's would."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.project, env=dict(self.environment), input=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip

    @property
    def engine_process(self) -> int:
        """The running engine, by the lock that it holds."""
        (lock,) = (self.project.parent / "backend/.pulumi/locks").glob("**/*.json")
        return int(json.loads(lock.read_text())["pid"])

    def succeed(self, command: str, *, stdin: str = "") -> str:
        """What it prints; the test fails where the command does."""
        done = self(command, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextmanager
def command_line(folder: Path, program: str | None = None) -> Iterator[CommandLine]:
    """A copy of the project, or another program in it, and a `pulumi` on PATH whose providers are the embedded cloud's."""
    engine, script = required_engine(), required_python_host()
    project, bin_, state = folder / "project", folder / "bin", folder / "backend"
    for each in (project, bin_, state):
        each.mkdir(parents=True)
    for part in _PARTS:
        (project / part).symlink_to(ROOT / part)
    if program is not None:
        (project / "__main__.py").unlink()
        (project / "__main__.py").write_text(program)
    (project / ".venv").symlink_to(Path(sys.prefix))
    for path in ROOT.glob("Pulumi.*.yaml"):
        shutil.copy(path, project)
    (bin_ / "pulumi").symlink_to(engine)
    with (
        open_cloud(region=REGION, account=ACCOUNT, manifests=folder / "manifests") as cloud,
        serve_cloud(cloud) as ports,
        _served_host(script) as host,
    ):
        environment = {
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "HOME": str(folder),
            "NO_COLOR": "1",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "rehearsal",
            "PULUMI_DEBUG_PROVIDERS": ",".join(f"{package}:{port}" for package, port in ports.items()),
            "PULUMI_DEBUG_LANGUAGES": f"python:{host}",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        yield CommandLine(project=project, cloud=cloud, environment=environment)


def init_wealist(shell: CommandLine) -> None:
    """The stack `prod`, with wealist's part alone and its secrets."""
    path = shell.project / "Pulumi.prod.yaml"
    content = yaml.safe_load(path.read_text())
    content["config"]["edge-platform:platform"]["systems"] = ["wealist"]
    path.write_text(yaml.safe_dump(content))
    shell.succeed("pulumi stack init prod")
    for key in SECRETS:
        shell.succeed(f"pulumi config set -s prod --secret {key}", stdin="a value\n")


@contextmanager
def _served_host(script: Path) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(4, thread_name_prefix="host"))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(_Host(script), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=5).wait()


class _Host(language_pb2_grpc.LanguageRuntimeServicer):
    """Starts the script with the arguments, the environment and the reading of its exit status of `pulumi-language-python`."""

    def __init__(self, script: Path) -> None:
        self._script = script
        self._engine = ""

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - the RPC's name
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version="0.0.0")

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:  # noqa: N802
        return language_pb2.GetRequiredPackagesResponse()

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802
        arguments = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "root_directory": request.info.root_directory,
            "stack": request.stack,
            "pwd": request.pwd,
            "dry_run": str(request.dryRun).lower(),
            "parallel": str(request.parallel),
            "organization": request.organization,
        }
        given = [part for key, value in arguments.items() if value for part in (f"--{key}", value)]
        environment = {
            **os.environ,
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        script = subprocess.Popen(
            [sys.executable, self._script, *given, request.info.entry_point, *request.args],
            env=environment, cwd=request.pwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        # An engine that was killed asks for nothing any more, and answers nothing.
        if not context.add_callback(script.kill):
            script.kill()
        match script.wait():
            case 0:
                return language_pb2.RunResponse()
            case status if status == _SHOWN:
                return language_pb2.RunResponse(bail=True)
            case status:
                return language_pb2.RunResponse(error=f"program exited with non-zero exit code: {status}")

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()
