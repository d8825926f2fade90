"""kube-apiserver with the controllers, the scheduler, and kwok in every kubelet's place: pods only say that they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.api_server import ApiServer, api_server
from tests.mesh.manifests import Manifest
from tests.mesh.processes import KEEPS_ITS_GARBAGE, Program
from tests.ports import free_port
from tests.tools import required_tool

LOST = "trial/lost"
"""The label of a node whose kubelet has fallen silent."""

STAGES = Path(__file__).with_name("stages.yaml")


@dataclass(frozen=True)
class Cluster:
    """A running cluster; `programs` by their names, `kubeconfig` for whoever may do everything."""

    server: ApiServer
    programs: dict[str, Program]
    kubeconfig: Path


@contextmanager
def cluster(folder: Path, kinds: Sequence[Manifest], flags: Mapping[str, Sequence[str]]) -> Iterator[Cluster]:
    """All of it until the block's end; `kinds` are objects whose operators' definitions are wanted, `flags` more for a program."""
    with ExitStack() as stack:
        server = stack.enter_context(api_server(folder, kinds, flags.get("kube-apiserver", ())))
        kubeconfig = server.kubeconfig(folder)
        programs = {}
        for name, command in _commands(folder, kubeconfig).items():
            # Of two flags of one name the last one counts.
            words: list[str | Path] = [required_tool(name), *command, *flags.get(name, ())]
            program = Program(words, folder / f"{name}.log", environment=KEEPS_ITS_GARBAGE)
            stack.callback(program.stop)
            programs[name] = program
        yield Cluster(server, programs, kubeconfig)


def _commands(folder: Path, kubeconfig: Path) -> dict[str, list[str]]:
    return {
        "kube-controller-manager": [
            *_alone(folder, kubeconfig),
            # Their tokens are nobody's concern here; with the defaults each controller would be an account of its own.
            "--use-service-account-credentials=false",
            # A node is lost when a test says so, not when the machine that plays all of them is busy.
            "--node-monitor-grace-period=24h",
            f"--service-account-private-key-file={folder / 'service-accounts.key'}",
            f"--root-ca-file={folder / 'apiserver.crt'}",
        ],
        "kube-scheduler": _alone(folder, kubeconfig),
        "kwok": [
            f"--kubeconfig={kubeconfig}",
            f"--manage-nodes-with-label-selector=!{LOST}",
            f"--config={STAGES}",
        ],
    }


def _alone(folder: Path, kubeconfig: Path) -> list[str]:
    """The flags of one of a pair that has no second, on a port of its own."""
    return [
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        f"--secure-port={free_port()}",
        f"--cert-dir={folder}",
    ]
