"""The rate-limit service as its pod runs it: with its own environment, rules as a ConfigMap mounts them, and Redis on a socket."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from infra.components.mesh.filters.rate_limits import ByClaim, Limited, Rate, rules
from infra.systems.eco2.rate_limits import REDIS_CONF, settings
from tests.mesh.processes import Program
from tests.ports import free_port
from tests.tools import required_command, required_tool

pytestmark = pytest.mark.verify

LIMITS = [Limited(name="orders", per=ByClaim(), rates=[Rate(number=2, unit="month"), Rate(number=100, unit="minute")])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short: a socket's path has 107 characters."""
    return tmp_path_factory.mktemp("rl")


@pytest.fixture(scope="module")
def socket(folder: Path) -> Iterator[Path]:
    """A Redis with the pod's configuration, but for the places that a laptop does not have."""
    conf, path = folder / "redis.conf", folder / "redis.sock"
    conf.write_text(REDIS_CONF.read_text().replace("/run/redis", str(folder)))
    program = Program([required_command("redis-server"), conf], folder / "redis.log")
    try:
        program.wait(path.exists)
        yield path
    finally:
        program.stop()


def mounted(folder: Path) -> Path:
    """The rules, as the kubelet mounts a ConfigMap: each file a link into a folder of a hidden name."""
    config = folder / "config/ratelimit/config"
    real = config / "..2026_11_28"
    real.mkdir(parents=True)
    (config / "..data").symlink_to(real.name)
    for domain in ("shop", "bank"):
        (real / f"{domain}.yaml").write_text(yaml.safe_dump(rules(domain, LIMITS)))
        (config / f"{domain}.yaml").symlink_to(f"..data/{domain}.yaml")
    return folder / "config"


def started(folder: Path, socket: Path, stack: ExitStack, **other: str) -> int:
    """The port of its HTTP page."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    given = {
        **settings(),
        "RUNTIME_ROOT": str(mounted(folder)),
        "REDIS_URL": str(socket),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "GRPC_PORT": str(free_port()),
        "DEBUG_PORT": str(free_port()),
        "PROMETHEUS_ADDR": f"127.0.0.1:{free_port()}",
        **other,
    }
    program = Program([required_tool("ratelimit")], folder / "ratelimit.log", environment=given)
    stack.callback(program.stop)
    program.wait(lambda: ask(port, "shop", "the test itself") != 0)
    return port


def ask(port: int, domain: str, who: str) -> int:
    """The status of a question about one request of `who`; 0 when nobody answers."""
    entries = [
        [{"key": "limit", "value": f"orders-{unit}"}, {"key": "claim", "value": who}] for unit in ("month", "minute")
    ]
    question = {"domain": domain, "descriptors": [{"entries": one} for one in entries]}
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/json", json.dumps(question).encode(), timeout=2
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


def healthy(port: int) -> bool:
    """What the kubelet is told."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=2).close()
    except urllib.error.HTTPError:
        return False
    return True


def test_it_counts_per_domain_and_per_who(folder: Path, socket: Path) -> None:
    with ExitStack() as stack:
        port = started(folder / "whole", socket, stack)
        assert [ask(port, "shop", "ann") for _ in range(3)] == [200, 200, 429]
        assert [ask(port, "shop", "bob"), ask(port, "bank", "ann")] == [200, 200]
        assert healthy(port)


def test_counters_outlive_the_service_that_counts(folder: Path, socket: Path) -> None:
    with ExitStack() as first:
        port = started(folder / "first", socket, first)
        assert [ask(port, "shop", "eve") for _ in range(2)] == [200, 200]
    with ExitStack() as second:
        assert ask(started(folder / "second", socket, second), "shop", "eve") == 429


def test_redis_has_no_port_and_keeps_nothing(socket: Path) -> None:
    def told(*command: str) -> list[str]:
        program = [str(required_command("redis-cli")), "-s", str(socket), *command]
        return subprocess.run(program, check=True, capture_output=True, text=True).stdout.splitlines()

    assert told("config", "get", "port") == ["port", "0"]
    assert told("config", "get", "appendonly") == ["appendonly", "no"]
    assert told("config", "get", "maxmemory-policy") == ["maxmemory-policy", "volatile-ttl"]
    assert oct(socket.stat().st_mode & 0o777) == "0o700"
    # What has no end is never evicted: so every counter must have one.
    counters = [key for key in told("keys", "*") if "orders" in key]
    assert counters
    assert [key for key in counters if int(told("ttl", key)[0]) <= 0] == []


def test_names_with_dots_would_undo_all_rules(folder: Path, socket: Path) -> None:
    """A ConfigMap's folder shows every file twice: two rules for one domain, so it takes none, and never gets ready."""
    with ExitStack() as stack:
        port = started(folder / "dots", socket, stack, RUNTIME_IGNOREDOTFILES="false")
        assert (ask(port, "shop", "dot"), healthy(port)) == (400, False)
    assert "duplicate domain" in (folder / "dots/ratelimit.log").read_text()
