"""A tenant's edge on the rig: eco2 and the tenant rendered together, and what of them is looked at.

A tenant's own tests need its workloads and cases alone: `files` renders, `objects` reads, `edge` puts a gateway before the servers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.systems import Guest
from infra.systems.eco2 import tracing
from infra.systems.eco2.rate_limits import NAME as LIMITER
from infra.systems.eco2.rate_limits import PORT as LIMITER_PORT
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.manifests import write_manifests
from tests.mesh import eco2, rig
from tests.mesh.manifests import Manifest, named, pod_of, read
from tests.stacks import ACCOUNT, REGION, changed_stack
from tests.systems.tenancy import WORKERS, stack_with
from tools.cache import make_folder


def files(
    factory: pytest.TempPathFactory,
    system: str,
    changes: Mapping[str, Any] | None = None,
    *,
    guest: Guest | None = None,
    stack: str = "prod",
) -> Path:
    """The folder of manifests of eco2 with that tenant alone, made once for all that test side by side.

    `changes` are of the stack's settings, at dotted keys; `guest` is a tenant that is not in the registry.
    """
    own = factory.getbasetemp()
    shared = own.parent if own.name.startswith("popen-") else own

    def render(folder: Path) -> None:
        file = changed_stack(factory.mktemp(system), stack, {**WORKERS, **(changes or {})})
        with open_cloud(region=REGION, account=ACCOUNT, manifests=folder) as cloud:
            write_manifests(run(stack_with(system, guest), file, cloud), folder)

    return make_folder(shared / f"{stack}-{system}-manifests", render)


def objects(folder: Path) -> list[Manifest]:
    """Every object, the cluster's and the tenant's."""
    return read(folder)


def with_keys(objects: Sequence[Manifest], keys: Mapping[str, str]) -> list[Manifest]:
    """The key sets of issuers, by issuer, in the place of the addresses that istiod would fetch them from."""
    left = dict(keys)
    for one in objects:
        for rule in one["spec"].get("jwtRules", ()) if one["kind"] == "RequestAuthentication" else ():
            if rule["issuer"] in keys:
                rule.pop("jwksUri", None)
                rule["jwks"] = left.pop(rule["issuer"], keys[rule["issuer"]])
    if left:
        raise LookupError(f"nobody trusts {', '.join(left)}")
    return [*objects]


def with_collector(objects: Sequence[Manifest]) -> list[Manifest]:
    """With the Service of the collector of spans, which its chart makes."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": tracing.NAME, "namespace": tracing.NAMESPACE},
        "spec": {
            "selector": {"app.kubernetes.io/name": tracing.NAME},
            "ports": [{"name": "otlp", "port": tracing.OTLP, "protocol": "TCP", "appProtocol": "grpc"}],
        },
    }
    return [*objects, service]


def limits(objects: Sequence[Manifest]) -> rig.Limits:
    """The cluster's rate-limit service with the rules and the environment that are rendered for it."""
    (pod,) = [pod_of(one) for one in objects if one["kind"] == "Deployment" and one["metadata"]["name"] == LIMITER]
    (own,) = [one for one in (pod or {})["spec"]["containers"] if one["name"] == LIMITER]
    rules = named(objects, "ConfigMap", LIMITER)["data"].values()
    return rig.Limits(
        workload=rig.Workload(name=LIMITER, namespace=LIMITER, port=LIMITER_PORT),
        rules=[yaml.safe_load(text) for text in rules],
        settings={one["name"]: one["value"] for one in own["env"]},
    )


@contextmanager
def edge(
    objects: Sequence[Manifest],
    backends: rig.Behind,
    folder: Path,
    ready: Callable[[rig.Edge], None] = lambda _: None,
) -> Iterator[rig.Edge]:
    """A gateway of its own before these servers; `ready` waits until it answers as it should (`Edge.wait_for`)."""
    mesh = eco2.mesh_configuration(objects)
    with rig.Edge(backends, eco2.gateway(objects), objects, mesh, folder) as standing:
        ready(standing)
        yield standing
