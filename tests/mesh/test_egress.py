"""What a pod that was taken over reaches outside the cluster: at its own proxy, as rendered, the hosts named for it alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from infra.systems.immersiverse.document import AUTH, GRPC_PORT, HOME, PLATFORMS, SYSTEM
from tests.mesh import eco2, tenants
from tests.mesh.manifests import Manifest
from tests.mesh.rig import Behind, Workload
from tests.mesh.sidecar import Outbound

pytestmark = pytest.mark.verify

NOWHERE = "BlackHoleCluster"
ANYWHERE = "PassthroughCluster"
SOMEWHERE = "198.51.100.7"
"""An address of the internet that is nobody's (RFC 5737)."""

NAMED = sorted({urlsplit(url).hostname or "" for one in PLATFORMS for url in (one.token_url, one.user_url)})


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return tenants.with_collector(tenants.objects(tenants.files(tmp_path_factory, SYSTEM)))


@contextmanager
def proxy(
    factory: pytest.TempPathFactory, objects: Sequence[Manifest], workload: Workload, mesh: Manifest
) -> Iterator[Outbound]:
    behind = Behind(factory.mktemp("behind"), [workload])
    with Outbound(behind, objects, mesh, factory.mktemp("proxy"), workload=workload) as made:
        yield made


OWN = Workload(name=AUTH, namespace=HOME, port=GRPC_PORT)
OTHER = Workload(name="my-api", namespace="my", port=8000)


@pytest.fixture(scope="module")
def auth(tmp_path_factory: pytest.TempPathFactory, rendered: list[Manifest]) -> Iterator[Outbound]:
    with proxy(tmp_path_factory, rendered, OWN, eco2.mesh_configuration(rendered)) as made:
        yield made


def test_the_proxy_takes_everything(auth: Outbound) -> None:
    assert [one for one in auth.problems() if "rejected" in one or "error" in one.lower()] == []


@pytest.mark.parametrize("host", NAMED)
def test_a_host_that_is_named_for_it_is_reached(auth: Outbound, host: str) -> None:
    assert auth.goes_to(SOMEWHERE, 443, host) == f"outbound|443||{host}"


@pytest.mark.parametrize(
    ("destination", "port", "host"),
    [
        (SOMEWHERE, 443, "attacker.example"),
        (SOMEWHERE, 443, f"{NAMED[0]}.attacker.example"),
        (SOMEWHERE, 443, f"www.{NAMED[0]}"),
        (SOMEWHERE, 8443, NAMED[0]),
        (SOMEWHERE, 22, NAMED[0]),
        ("169.254.169.254", 443, "attacker.example"),
    ],
)
def test_nothing_else_is(auth: Outbound, destination: str, port: int, host: str) -> None:
    assert auth.goes_to(destination, port, host) == NOWHERE


def test_what_is_named_for_one_namespace_is_not_another_s(
    tmp_path_factory: pytest.TempPathFactory, rendered: list[Manifest]
) -> None:
    with proxy(tmp_path_factory, rendered, OTHER, eco2.mesh_configuration(rendered)) as made:
        assert {made.goes_to(SOMEWHERE, 443, host) for host in NAMED} == {NOWHERE}


def test_without_the_word_of_the_mesh_and_of_the_sidecar_everything_is_reached(
    tmp_path_factory: pytest.TempPathFactory, rendered: list[Manifest]
) -> None:
    """Each alone holds; what an attack would find without both shows that the others found something."""
    mesh = eco2.mesh_configuration(rendered)
    assert mesh["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}
    open_ = {**mesh, "outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}
    silent = [_without_policy(one) if one["kind"] == "Sidecar" else one for one in rendered]
    assert silent != rendered
    for objects, said, found in ((rendered, open_, NOWHERE), (silent, mesh, NOWHERE), (silent, open_, ANYWHERE)):
        with proxy(tmp_path_factory, objects, OWN, said) as made:
            assert made.goes_to(SOMEWHERE, 443, "attacker.example") == found


def _without_policy(sidecar: Manifest) -> Manifest:
    spec = {key: value for key, value in sidecar["spec"].items() if key != "outboundTrafficPolicy"}
    return {**sidecar, "spec": spec}
