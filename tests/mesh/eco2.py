"""eco2's mesh on the rig: its rendered files, and who is who in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.systems import REGISTRY, Guest
from infra.systems.eco2.document import API_PORT, EXT_AUTHZ_PORT, SERVICES
from infra.systems.eco2.mesh import GATEWAY_CONTAINER_PORT
from infra.systems.eco2.versions import INGRESS_GATEWAY, ISTIOD
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.manifests import write_manifests
from tests.mesh.manifests import Manifest, chart_values
from tests.mesh.rig import Gateway, Workload
from tests.stacks import ACCOUNT, REGION, changed_stack, program
from tools.cache import make_folder

WORKLOADS = [Workload(name=f"{service}-api", namespace=service, port=API_PORT) for service in SERVICES]
AUTHORIZER = Workload(name="ext-authz", namespace="auth", port=EXT_AUTHZ_PORT)


def rendered_files(tmp_path_factory: pytest.TempPathFactory, stack: str = "prod") -> Path:
    """The folder that `make up` writes for eco2 where it stands alone, made once for all that test side by side."""
    return _files(tmp_path_factory, stack, "eco2", ["eco2"]) / "eco2"


def cluster_files(tmp_path_factory: pytest.TempPathFactory, stack: str = "prod") -> Path:
    """The folders that `make up` writes for eco2 and all tenants of the stack, made once like those of `rendered_files`.

    What is left out costs and renders nothing; `tests/rehearsal/test_engine_stacks.py` compares with the whole stack.
    """
    tenants = [system for system, one in REGISTRY.items() if isinstance(one, Guest)]
    return _files(tmp_path_factory, stack, "cluster", ["eco2", *tenants])


def _files(factory: pytest.TempPathFactory, stack: str, name: str, systems: Sequence[str]) -> Path:
    own = factory.getbasetemp()
    shared = own.parent if own.name.startswith("popen-") else own

    def render(folder: Path) -> None:
        file = changed_stack(factory.mktemp(stack), stack, {"platform.systems": list(systems)})
        with open_cloud(region=REGION, account=ACCOUNT, manifests=folder) as cloud:
            write_manifests(run(program, file, cloud), folder)

    return make_folder(shared / f"{stack}-{name}-manifests", render)


def mesh_configuration(objects: Sequence[Manifest]) -> Manifest:
    """What istiod's chart is told."""
    return dict(chart_values(objects, ISTIOD.chart)["meshConfig"])


def gateway(objects: Sequence[Manifest]) -> Gateway:
    """As its chart would install it."""
    return Gateway(
        name=INGRESS_GATEWAY.release,
        namespace=INGRESS_GATEWAY.namespace,
        # The chart's own labels: the release's name twice.
        labels={"app": INGRESS_GATEWAY.release, "istio": INGRESS_GATEWAY.release},
        service_ports=chart_values(objects, INGRESS_GATEWAY.chart)["service"]["ports"],
        port=GATEWAY_CONTAINER_PORT,
    )
