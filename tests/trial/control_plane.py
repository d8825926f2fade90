"""kube-apiserver with the controllers, the scheduler, and kwok in every kubelet's place: pods only say that they run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.api_server import ApiServer, api_server
from tests.mesh.manifests import Manifest
from tests.mesh.processes import KEEPS_ITS_GARBAGE, Program
from tests.ports import free_port
from tests.tools import required_tool

ENVIRONMENT = {**KEEPS_ITS_GARBAGE, "KUBE_FEATURE_WatchListClient": "false"}
"""Debian's etcd 3.4 tells no progress of watches, without which the API server refuses lists by watch: nobody asks for them."""

STAGES = Path(__file__).with_name("stages.yaml")


@dataclass(frozen=True)
class Cluster:
    """A running cluster; `programs` by their names, `kubeconfig` for whoever may do everything."""

    server: ApiServer
    programs: dict[str, Program]
    kubeconfig: Path


@contextmanager
def cluster(folder: Path, kinds: Sequence[Manifest]) -> Iterator[Cluster]:
    """All of it until the end of the block; `kinds` are objects whose operators' definitions are wanted."""
    with ExitStack() as stack:
        server = stack.enter_context(api_server(folder, kinds))
        kubeconfig = folder / "admin.conf"
        kubeconfig.write_text(json.dumps(_kubeconfig(server)))
        programs = {}
        for name, flags in _commands(folder, kubeconfig).items():
            program = Program([required_tool(name), *flags], folder / f"{name}.log", environment=ENVIRONMENT)
            stack.callback(program.stop)
            programs[name] = program
        yield Cluster(server, programs, kubeconfig)


def _commands(folder: Path, kubeconfig: Path) -> dict[str, list[str]]:
    alone = [
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        f"--secure-port={free_port()}",
        f"--cert-dir={folder}",
    ]
    return {
        "kube-controller-manager": [
            *alone,
            # Their tokens are nobody's concern here; with the defaults each controller would be an account of its own.
            "--use-service-account-credentials=false",
            # A node is lost when a test says so, not when the machine that plays all of them is busy.
            "--node-monitor-grace-period=24h",
            f"--service-account-private-key-file={folder / 'service-accounts.key'}",
            f"--root-ca-file={folder / 'apiserver.crt'}",
        ],
        "kube-scheduler": [
            f"--kubeconfig={kubeconfig}",
            "--leader-elect=false",
            f"--secure-port={free_port()}",
            f"--cert-dir={folder}",
        ],
        "kwok": [
            f"--kubeconfig={kubeconfig}",
            "--manage-all-nodes=true",
            f"--config={STAGES}",
        ],
    }


def _kubeconfig(server: ApiServer) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "trial",
        "clusters": [
            {
                "name": "trial",
                "cluster": {
                    "server": server.url,
                    "certificate-authority": str(server.certificate),
                    "tls-server-name": "127.0.0.1",
                },
            }
        ],
        "users": [{"name": "admin", "user": {"token": server.token}}],
        "contexts": [{"name": "trial", "context": {"cluster": "trial", "user": "admin"}}],
    }
