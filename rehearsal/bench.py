"""`make bench`: resources per second at 1, 10 and 100 times a network with its services.

Against an echo provider, that is what the SDK and the recording monitor cost; against moto, what the embedded AWS adds. Every
size runs in a process of its own, after one unmeasured copy that pays for imports and first uses.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.components.aws.cidr import plan_subnets
from infra.components.aws.encryption import EncryptionKey, EncryptionKeyArgs
from infra.components.aws.network import Network, NetworkArgs
from infra.components.aws.parameters import Parameters, ParametersArgs
from infra.components.aws.registry import Registry, RegistryArgs
from infra.components.aws.security_groups import Edge, SecurityGroups, SecurityGroupsArgs
from rehearsal.cloud import Cloud, open_cloud
from rehearsal.inprocess import run
from rehearsal.provider import Diff, State, changed_keys
from rehearsal.random import RandomProvider
from rehearsal.stack_file import StackFile
from rehearsal.up import peak_mb
from rehearsal.values import Props

SIZES = (1, 10, 100)
CLOUDS = ("echo", "moto")

_REGION, _ACCOUNT = "ap-northeast-2", "123456789012"
_TAGS = {"project": "bench"}
_EDGES = (
    Edge(source="anywhere", target="alb", port=443, why="Clients"),
    Edge(source="alb", target="app", port=8080, why="Service"),
    Edge(source="app", target="data", port=5432, why="Database"),
    Edge(source="app", target="data", port=6379, why="Cache"),
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One size on one cloud."""

    cloud: str
    size: int
    resources: int
    seconds: float
    peak_mb: int

    @property
    def per_second(self) -> float:
        return self.resources / self.seconds


class EchoProvider:
    """Answers every create with its inputs and made-up identifiers: a cloud that costs nothing."""

    def check(self, urn: str, token: str, inputs: Props) -> None:
        return None

    def create(self, urn: str, token: str, inputs: Props) -> State:
        name = urn.rsplit("::", 1)[-1]
        return State(id=f"{name}-id", inputs=inputs, outputs={**inputs, "arn": f"arn:aws:echo:::{name}"})

    def read(self, urn: str, token: str, state: State) -> State | None:
        return state

    def diff(self, token: str, state: State, inputs: Props) -> Diff:
        return Diff(changed=changed_keys(state.inputs, inputs))

    def update(self, urn: str, token: str, state: State, inputs: Props) -> State:
        return self.create(urn, token, inputs)

    def delete(self, urn: str, token: str, state: State) -> None:
        return None

    def invoke(self, token: str, args: Props) -> Props:
        return {}

    def secret_outputs(self, token: str) -> frozenset[str]:
        return frozenset()


def copies(numbers: Sequence[int]) -> Callable[[], None]:
    """A program that builds that many networks, each with security groups, parameters and repositories."""

    def program() -> None:
        for number in numbers:
            _copy(f"bench-{number}", f"10.{number}.0.0/16")

    return program


def _copy(name: str, cidr: str) -> None:
    key = EncryptionKey(
        f"{name}-encryption",
        EncryptionKeyArgs(prefix=name, account=_ACCOUNT, region=_REGION, protect=False, tags=_TAGS),
    )
    network = Network(
        f"{name}-network",
        NetworkArgs(
            prefix=name,
            region=_REGION,
            account=_ACCOUNT,
            cidr=cidr,
            subnets=plan_subnets(cidr, {"a": 0, "b": 1, "c": 2}),
            nat="single",
            flow_log_retention_days=90,
            log_key_arn=key.arn,
            tags=_TAGS,
        ),
    )
    SecurityGroups(
        f"{name}-security",
        SecurityGroupsArgs(
            prefix=name,
            vpc_id=network.vpc_id,
            groups={"alb": "Load balancer", "app": "Instances", "data": "Database and cache"},
            blocks={"anywhere": "0.0.0.0/0"},
            edges=_EDGES,
            tags=_TAGS,
        ),
    )
    settings = {f"service/setting-{number}": str(number) for number in range(8)}
    Parameters(
        f"{name}-parameters",
        ParametersArgs(path=f"/{name}", key_arn=key.arn, plain=settings, secret={}, tags=_TAGS),
    )
    Registry(
        f"{name}-registry",
        RegistryArgs(prefix=name, services=["user", "board"], protect=False, tags=_TAGS),
    )


def measure(cloud: str, size: int) -> Measured:
    """Build that many copies on that cloud, in this process."""
    with _open(cloud) as opened:
        run(copies([0]), _stack(), opened)
        started = time.monotonic()
        recording = run(copies(range(1, size + 1)), _stack(), opened)
        seconds = time.monotonic() - started
    created = sum(resource.custom for resource in recording)
    return Measured(cloud=cloud, size=size, resources=created, seconds=seconds, peak_mb=peak_mb())


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    if asked.one:
        cloud, size = asked.one
        print(json.dumps(asdict(measure(cloud, int(size)))))
        return 0
    console = Console(stderr=asked.json)
    results = list(_all(console, asked.sizes))
    if asked.json:
        print(json.dumps([{**asdict(one), "per_second": round(one.per_second, 1)} for one in results], indent=2))
    else:
        console.print(_table(results))
    return 0


def _all(console: Console, sizes: Sequence[int]) -> Iterator[Measured]:
    for cloud in CLOUDS:
        for size in sizes:
            started = time.monotonic()
            console.print(f"{size} × on {cloud} …", end=" ", highlight=False)
            command = [sys.executable, "-m", "rehearsal.bench", "--one", cloud, str(size)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
            console.print(f"{time.monotonic() - started:.0f} s", highlight=False)
            yield Measured(**json.loads(done.stdout.splitlines()[-1]))


def _table(results: Sequence[Measured]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("cloud")
    for column in ("size", "resources", "seconds", "resources/s", "peak MB"):
        table.add_column(column, justify="right")
    for one in results:
        numbers = (f"{one.resources}", f"{one.seconds:.1f}", f"{one.per_second:.0f}", f"{one.peak_mb}")
        table.add_row(one.cloud, f"{one.size} ×", *numbers)
    return table


@contextmanager
def _open(cloud: str) -> Iterator[Cloud]:
    if cloud == "echo":
        yield Cloud({"aws": EchoProvider(), "random": RandomProvider()})
        return
    with (
        tempfile.TemporaryDirectory() as manifests,
        open_cloud(region=_REGION, account=_ACCOUNT, manifests=Path(manifests)) as opened,
    ):
        yield opened


def _stack() -> StackFile:
    return StackFile(
        project="bench",
        stack="bench",
        path=Path("Pulumi.bench.yaml"),
        config={"aws:region": _REGION},
        secret_keys=frozenset(),
        stood_in=(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.bench", description="Resources per second, by size.")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="sizes to measure")
    parser.add_argument("--one", nargs=2, metavar=("CLOUD", "SIZE"), help="measure one size in this process")
    return parser


if __name__ == "__main__":
    sys.exit(main())
