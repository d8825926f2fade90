"""A protection that is taken out of the rendered objects: the case that stands for it holds, fails without, and holds again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.mesh import eco2
from tests.mesh.cases import Case, holds
from tests.mesh.manifests import Manifest, named, without
from tests.mesh.processes import PATIENCE, wait_until
from tests.mesh.rig import Edge

Objects = list[Manifest]
Change = Callable[[Objects, Manifest], Objects]


@dataclass(frozen=True)
class Mutation:
    """`change` may alter what it is given (the objects, the mesh's configuration), and returns the objects that are left.

    `noticed_by` is the name of a case.
    """

    name: str
    change: Change
    noticed_by: str


def gone(kind: str, name: str) -> Change:
    """Without that object."""
    return lambda objects, mesh: without(objects, kind, name)


def edited(kind: str, name: str, edit: Callable[[Manifest], object]) -> Change:
    """With another spec of that object."""

    def change(objects: Objects, mesh: Manifest) -> Objects:
        edit(named(objects, kind, name)["spec"])
        return objects

    return change


def in_mesh(edit: Callable[[Manifest], object]) -> Change:
    """With another configuration of the mesh."""

    def change(objects: Objects, mesh: Manifest) -> Objects:
        edit(mesh)
        return objects

    return change


def mutated(objects: Sequence[Manifest], mutation: Mutation) -> tuple[Objects, Manifest]:
    """The mesh with one protection less."""
    own = copy.deepcopy([*objects])
    mesh = eco2.mesh_configuration(own)
    return mutation.change(own, mesh), mesh


@contextmanager
def without_it(edge: Edge, objects: Sequence[Manifest], mutation: Mutation) -> Iterator[None]:
    """Until the end of the block."""
    edge.become(*mutated(objects, mutation))
    try:
        yield
    finally:
        edge.become(objects, eco2.mesh_configuration(objects))


def until_it_holds(edge: Edge, case: Case) -> None:
    wait_until(lambda: holds(edge, case), f"{case.name}, with every protection")


def until_it_fails(edge: Edge, case: Case, patience: float = PATIENCE) -> None:
    """Twice in a row: what only stumbles while the gateway takes its new configuration has noticed nothing."""
    wait_until(lambda: not (holds(edge, case) or holds(edge, case)), f"{case.name} to fail", patience=patience)


def notices_without(edge: Edge, objects: Sequence[Manifest], name: str, protects: Callable[[Edge], bool]) -> None:
    """`TimeoutError` when an EnvoyFilter's protection is not seen, is still seen without it, or is not seen again."""
    wait_until(lambda: protects(edge), f"{name} to protect")
    with without_it(edge, objects, Mutation(name, gone("EnvoyFilter", name), "")):
        wait_until(lambda: not (protects(edge) or protects(edge)), f"{name} to be missed")
    wait_until(lambda: protects(edge), f"{name} to protect again")


def notices(edge: Edge, objects: Sequence[Manifest], mutation: Mutation, cases: Sequence[Case]) -> None:
    """`TimeoutError` when the mutation's case does not hold, fail without the protection, and hold again."""
    (case,) = [one for one in cases if one.name == mutation.noticed_by]
    until_it_holds(edge, case)
    with without_it(edge, objects, mutation):
        until_it_fails(edge, case)
    until_it_holds(edge, case)
