"""eco2's mesh on the rig: its rendered files, and who is who in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

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
    """The folder that `make up` writes for a stack, made once for all that test side by side.

    The stack's other systems are left out: what they cost is not needed. `tests/rehearsal/test_engine_stacks.py` compares.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if own.name.startswith("popen-") else own

    def render(folder: Path) -> None:
        file = changed_stack(tmp_path_factory.mktemp(stack), stack, {"platform.systems": ["eco2"]})
        with open_cloud(region=REGION, account=ACCOUNT, manifests=folder) as cloud:
            write_manifests(run(program, file, cloud), folder)

    return make_folder(shared / f"{stack}-manifests", render) / "eco2"


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
