"""kubeadm's configuration as a node fills it."""

from __future__ import annotations

import subprocess

from infra.systems.eco2 import bootstrap
from infra.systems.eco2.document import NODES, Node
from tests.deploy.pretend_node import CA_HASH, PROVIDER_ID, TOKEN, context

MASTER = next(node for node in NODES if node.role == "control-plane")
MACHINE = {"NODE_IP": "10.2.32.5", "PROVIDER_ID": PROVIDER_ID, "TOKEN": TOKEN, "CA_HASH": CA_HASH}


def filled(name: str, node_name: str, node: Node | None) -> str:
    """A configuration as lib.sh fills it, by the same function."""
    values = {**MACHINE, "NODE_NAME": node_name, "NODE_TAINTS": bootstrap.node_settings(node)["NODE_TAINTS"]}
    rendered = bootstrap.rendered(context())[f"config/{name}.yaml"].decode()
    lib = (bootstrap.FILES / "lib.sh").read_text()
    fill = lib[lib.index("fill() {") : lib.index("json_fields() {")]
    done = subprocess.run(
        ["bash", "-c", f'{fill}\nfill /dev/stdin {" ".join(values)}'],
        input=rendered, env={**values, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "@" not in done.stdout
    return done.stdout


def master_config() -> str:
    return filled("kubeadm-init", MASTER.name, MASTER)
