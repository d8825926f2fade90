"""Argo CD's programs, as their pods would start them with what their ConfigMaps say."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import yaml

from infra.components.cluster.gitops import ARGO_NAMESPACE
from tests.argo import stand_ins
from tests.argo.outside import Outside
from tests.cluster.api_server import ApiServer
from tests.mesh.processes import KEEPS_ITS_GARBAGE, Program
from tests.mesh.servers import get
from tests.ports import free_port
from tests.tools import required_command, required_tool
from tests.trial.control_plane import Cluster
from tools import modules

WRAPPERS = ("git-verify-wrapper.sh", "gpg-wrapper.sh")
PERSISTED = {"ARGOCD_APPLICATION_CONTROLLER_PERSIST_RESOURCE_HEALTH": "true"}
"""Each object's health is written into its Application: only to be told when something is waited for in vain."""

CONTROLLER = "application-controller/argocd-application-controller-statefulset.yaml"
REPOSITORIES = "repo-server/argocd-repo-server-deployment.yaml"
_SETTINGS = f"/api/v1/namespaces/{ARGO_NAMESPACE}/configmaps"


class Argo:
    """They run until the stack is left; `programs` by their names."""

    def __init__(self, stack: ExitStack, folder: Path, short: Path, running: Cluster, world: Outside) -> None:
        self._stack, self._folder, self._short, self._running, self._world = stack, folder, short, running, world
        self._redis, self._repositories = free_port(), free_port()
        self._source = modules.download("argocd", stand_ins.ARGO_MODULE)
        self.programs: dict[str, Program] = {}
        self.configured = configured(running.server, self._source, CONTROLLER)

    def start(self) -> None:
        redis = ["--port", str(self._redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._run("redis", [required_command("redis-server"), *redis], {})
        self._start_repositories()
        self.restart_controller({})

    def _start_repositories(self) -> None:
        short = self._short
        # As its image has it: itself, Helm, Git, GnuPG, and two scripts.
        (short / "bin").mkdir()
        (short / "bin/helm").symlink_to(required_tool("helm"))
        for name in WRAPPERS:
            shutil.copyfile(self._source / "hack" / name, short / "bin" / name)
            (short / "bin" / name).chmod(0o755)
        # As its pod mounts it.
        (short / "keys").mkdir()
        known = self._running.server.request("GET", f"{_SETTINGS}/argocd-gpg-keys-cm").body.get("data", {})
        for name, text in known.items():
            (short / "keys" / name).write_text(text)
        (short / "keyring").mkdir(mode=0o700)
        metrics = free_port()
        flags = [
            "--address=127.0.0.1", f"--port={self._repositories}",
            "--metrics-address=127.0.0.1", f"--metrics-port={metrics}", f"--redis=127.0.0.1:{self._redis}",
        ]  # fmt: skip
        environment = {
            **self._world.environment,
            **configured(self._running.server, self._source, REPOSITORIES),
            "PATH": f"{short / 'bin'}:{os.environ['PATH']}",
            "HOME": str(short),
            "ARGOCD_GNUPGHOME": str(short / "keyring"),
            "ARGOCD_GPG_DATA_PATH": str(short / "keys"),
            "ARGOCD_ASK_PASS_SOCK": str(short / "ask.sock"),
        }
        self._run("argocd-repo-server", [required_tool("argocd"), "argocd-repo-server", *flags], environment)
        self.programs["argocd-repo-server"].wait(lambda: get(f"http://127.0.0.1:{metrics}/healthz") is not None)

    def restart_controller(self, settings: Mapping[str, str]) -> None:
        """In the place of the one that runs, if one does."""
        name = "argocd-application-controller"
        if name in self.programs:
            self.programs[name].stop()
        metrics = free_port()
        flags = [
            f"--kubeconfig={self._running.kubeconfig}", f"--namespace={ARGO_NAMESPACE}", f"--metrics-port={metrics}",
            f"--repo-server=127.0.0.1:{self._repositories}", f"--redis=127.0.0.1:{self._redis}",
        ]  # fmt: skip
        # The address in every Application is the cluster's own, which a pod there knows by heart.
        here = {"ARGOCD_FAKE_IN_CLUSTER": "true", "KUBECONFIG": str(self._running.kubeconfig)}
        environment = {**self.configured, **here, **PERSISTED, **settings}
        self._run(name, [required_tool("argocd"), name, *flags], environment)
        self.programs[name].wait(lambda: get(f"http://127.0.0.1:{metrics}/healthz") is not None)

    def _run(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        number = len(list(self._folder.glob(f"{name}*.log")))
        shared = {**KEEPS_ITS_GARBAGE, "TMPDIR": str(self._short)}
        program = Program(command, self._folder / f"{name}-{number}.log", environment={**shared, **environment})
        self._stack.callback(program.stop)
        self.programs[name] = program


def configured(server: ApiServer, source: Path, manifest: str) -> dict[str, str]:
    """The environment that a pod of Argo CD's has from its ConfigMaps."""
    (container,) = yaml.safe_load((source / "manifests/base" / manifest).read_text())["spec"]["template"]["spec"][
        "containers"
    ]
    found = {}
    for one in container["env"]:
        if told := one.get("valueFrom", {}).get("configMapKeyRef"):
            data = server.request("GET", f"{_SETTINGS}/{told['name']}").body.get("data") or {}
            if told["key"] in data:
                found[one["name"]] = data[told["key"]]
    return found
