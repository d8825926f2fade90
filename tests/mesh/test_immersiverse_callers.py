"""Who may call which method of the Auth Service (§2.2, §9.2), at its own proxy: real certificates, and the rendered policies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import grpc
import pytest

from infra.systems.immersiverse.document import (
    AUTH,
    DATABASES,
    GRPC_PORT,
    GRPC_SERVICE,
    HOME,
    METHODS,
    REDIS,
    SYSTEM,
    VALIDATE,
    VALIDATORS,
)
from tests.mesh import eco2, tenants
from tests.mesh.manifests import Manifest
from tests.mesh.mutations import Change, Mutation, edited, without_it
from tests.mesh.processes import wait_until
from tests.mesh.rig import Behind, Workload
from tests.mesh.sidecar import Application, Sidecar

pytestmark = pytest.mark.verify
OK, DENIED, UNREACHED = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAVAILABLE

ALL = {one.name: one.grpc_path for one in METHODS}
PUBLIC = {one.name for one in METHODS if one.public}
OTHERS = (
    "/grpc.health.v1.Health/Check",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    f"/{GRPC_SERVICE}/Delete",
    f"/{GRPC_SERVICE}/validatetoken",
    f"/{GRPC_SERVICE}/ValidateToken/",
)
"""Methods that are nobody's."""
SPELLINGS = (
    f"/{GRPC_SERVICE}/Login/../ValidateToken",
    f"/{GRPC_SERVICE}/Login%2f..%2fValidateToken",
    f"//{GRPC_SERVICE}/ValidateToken",
)
"""Of ValidateToken: the proxy makes one of them before it judges, for who may call it and who may not."""

GATEWAY = "the gateway"
STRANGERS = {
    "another workload": (HOME, DATABASES),
    "its Redis": (HOME, REDIS),
    "itself": (HOME, AUTH),
    "no account of its own": (HOME, "default"),
    "a service of eco2": ("auth", "auth-api"),
    "a namesake elsewhere": ("auth", VALIDATORS[0]),
    "a namesake of the gateway": (HOME, "ingress-gateway"),
}


@dataclass
class Standing:
    sidecar: Sidecar
    application: Application
    objects: list[Manifest]

    def ask(self, who: str, path: str) -> grpc.StatusCode:
        gateway = eco2.gateway(self.objects)
        accounts = {GATEWAY: (gateway.namespace, gateway.name), **{one: (HOME, one) for one in VALIDATORS}, **STRANGERS}
        return self.sidecar.call(path, self.sidecar.backends.authority.issue(*accounts[who]))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    objects = tenants.with_collector(tenants.objects(tenants.files(tmp_path_factory, SYSTEM)))
    workload = Workload(name=AUTH, namespace=HOME, port=GRPC_PORT)
    with ExitStack() as stack:
        application = Application(stack)
        behind, mesh = Behind(tmp_path_factory.mktemp("behind"), [workload]), eco2.mesh_configuration(objects)
        folder = tmp_path_factory.mktemp("sidecar")
        sidecar = stack.enter_context(
            Sidecar(behind, objects, mesh, folder, workload=workload, application=application.port)
        )
        made = Standing(sidecar, application, objects)
        wait_until(lambda: made.ask(GATEWAY, ALL["Login"]) == OK, "the gateway to be let in")
        yield made


def test_the_proxy_takes_everything(standing: Standing) -> None:
    assert [one for one in standing.sidecar.problems() if "rejected" in one or "error" in one.lower()] == []


@pytest.mark.parametrize("who", [GATEWAY, *VALIDATORS, *STRANGERS])
def test_who_calls_which_method(standing: Standing, who: str) -> None:
    """What is let through is what the application sees, and what is not is PERMISSION_DENIED."""
    allowed = PUBLIC if who == GATEWAY else {VALIDATE} if who in VALIDATORS else set()
    standing.application.came.clear()
    answers = {path: standing.ask(who, path) for path in (*ALL.values(), *OTHERS)}
    assert answers == {path: OK if path in {ALL[one] for one in allowed} else DENIED for path in answers}
    assert sorted(standing.application.came) == sorted(ALL[one] for one in allowed)
    spelled = {standing.ask(who, path) for path in SPELLINGS}
    assert spelled == {OK if VALIDATE in allowed else DENIED}
    assert set(standing.application.came) == {ALL[one] for one in allowed}


def test_nobody_comes_without_a_certificate_of_the_mesh(standing: Standing) -> None:
    standing.application.came.clear()
    for path in ALL.values():
        assert standing.sidecar.call(path, None) == UNREACHED
        assert standing.sidecar.call(path, None, tls=False) == UNREACHED
    assert standing.application.came == []


def _anybody(spec: Manifest) -> None:
    for rule in spec["rules"]:
        del rule["from"]


def _anything(spec: Manifest) -> None:
    for rule in spec["rules"]:
        for to in rule["to"]:
            del to["operation"]["paths"]


def _unpoliced(objects: list[Manifest], mesh: Manifest) -> list[Manifest]:
    """Without its policy and without those by which nobody is allowed unnamed."""
    return [one for one in objects if one["kind"] != "AuthorizationPolicy"]


MUTATIONS: dict[str, tuple[Change, str, str]] = {
    "callers that are not named": (edited("AuthorizationPolicy", AUTH, _anybody), "another workload", VALIDATE),
    "methods that are not named": (edited("AuthorizationPolicy", AUTH, _anything), VALIDATORS[0], "CreateUser"),
    "the gateway's methods that are not named": (edited("AuthorizationPolicy", AUTH, _anything), GATEWAY, VALIDATE),
    "no policy at all": (_unpoliced, "a service of eco2", VALIDATE),
}
"""Each with the attack that wins by it."""


@pytest.mark.parametrize("name", MUTATIONS)
def test_without_a_part_of_the_policy_the_attack_wins(standing: Standing, name: str) -> None:
    change, who, method = MUTATIONS[name]
    assert standing.ask(who, ALL[method]) == DENIED
    with without_it(standing.sidecar, standing.objects, Mutation(name, change, "")):
        wait_until(lambda: standing.ask(who, ALL[method]) == OK, f"{name}: the attack to win")
    wait_until(lambda: standing.ask(who, ALL[method]) == DENIED, f"{name}: the attack to be refused again")


def test_without_its_policy_alone_nobody_is_let_in(standing: Standing) -> None:
    """The namespace's default is to refuse: a policy that is lost opens nothing."""
    gone = lambda objects, mesh: [  # noqa: E731
        one for one in objects if (one["kind"], one["metadata"]["name"]) != ("AuthorizationPolicy", AUTH)
    ]
    with without_it(standing.sidecar, standing.objects, Mutation("gone", gone, "")):
        wait_until(lambda: standing.ask(GATEWAY, ALL["Login"]) == DENIED, "the gateway to be refused")
        assert standing.ask("another workload", ALL[VALIDATE]) == DENIED
    wait_until(lambda: standing.ask(GATEWAY, ALL["Login"]) == OK, "the gateway to be let in again")
