"""The page of secrets has a row for each secret of the built stack, with everybody who reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest

from infra.settings import SECRETS
from rehearsal.recording import Recording, Registered
from tests.stacks import ROOT, stack_file

PAGE = (ROOT / "docs/runbooks/rotate-secrets.md").read_text()
DRAWN = (
    "random:index/randomPassword:RandomPassword",
    "random:index/randomBytes:RandomBytes",
    "tls:index/privateKey:PrivateKey",
)
OPERATORS = ("kubernetes:kafka.strimzi.io/v1:KafkaUser", "kubernetes:cert-manager.io/v1:Certificate")
_NAME = re.compile(r"`([\w*-]+)`")


@dataclass(frozen=True, kw_only=True)
class Row:
    patterns: tuple[str, ...]
    who: str
    readers: frozenset[str]

    def covers(self, secret: str) -> bool:
        return any(fnmatchcase(secret, pattern) for pattern in self.patterns)


def rows() -> Iterator[Row]:
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 5:
            yield Row(patterns=tuple(_NAME.findall(cells[0])), who=cells[1], readers=frozenset(_NAME.findall(cells[3])))


ROWS = list(rows())


def secrets_of(stack: Recording) -> set[str]:
    """What is drawn by the stack, set by people, or made by RDS and by operators."""
    drawn = {one.name for one in stack if one.type in DRAWN}
    managed = {one.name for one in stack.of("Instance") if one.get("manageMasterUserPassword")}
    made = {one.name for one in stack if one.type in OPERATORS}
    return drawn | managed | made | set(SECRETS)


def parameters_of(stack: Recording, secret: str) -> set[str]:
    """The parameters that hold it."""
    urns = {one.urn for one in stack if one.type in DRAWN and one.name == secret}
    set_by_people = stack_file("prod").config.get(f"edge-platform:{secret}")

    def holds(one: Registered) -> bool:
        return bool(urns & one.dependencies) or (set_by_people is not None and one.get("value") == set_by_people)

    return {one["name"] for one in stack.of("Parameter") if one.get("type") == "SecureString" and holds(one)}


@pytest.fixture(scope="module")
def readers(prod: Recording) -> dict[str, set[str]]:
    """The Secrets of the cluster, by the parameter that they are fetched from."""
    found: dict[str, set[str]] = {}
    for one in prod.of("kubernetes:external-secrets.io/v1:ExternalSecret"):
        for item in one.get("spec.data") or []:
            found.setdefault(item["remoteRef"]["key"], set()).add(one["spec.target.name"])
    return found


def test_each_secret_has_one_row(prod: Recording) -> None:
    secrets = secrets_of(prod)
    assert len(secrets) > 55
    assert {secret: count for secret in secrets if (count := sum(row.covers(secret) for row in ROWS)) != 1} == {}


def test_each_row_is_about_secrets_that_there_are(prod: Recording) -> None:
    secrets = secrets_of(prod)
    patterns = [pattern for row in ROWS for pattern in row.patterns]
    assert [one for one in patterns if not any(fnmatchcase(secret, one) for secret in secrets)] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.patterns[0])
def test_a_row_names_everybody_who_reads_it_in_the_cluster(
    prod: Recording, readers: dict[str, set[str]], row: Row
) -> None:
    covered = [secret for secret in secrets_of(prod) if row.covers(secret)]
    found = [readers.get(name, set()) for secret in covered for name in parameters_of(prod, secret)]
    assert row.readers == set().union(*found)


def test_who_draws_it_is_as_built(prod: Recording) -> None:
    drawn = {one.name for one in prod if one.type in DRAWN}
    for row in ROWS:
        covered = {secret for secret in secrets_of(prod) if row.covers(secret)}
        assert (row.who == "the stack") == (covered <= drawn), row.patterns
        assert (row.who == "people") == (covered <= set(SECRETS)), row.patterns


def test_nothing_in_the_cluster_keeps_a_secret_for_more_than_an_hour(prod: Recording) -> None:
    fetched = prod.of("kubernetes:external-secrets.io/v1:ExternalSecret")
    assert {one.get("spec.refreshInterval") for one in fetched} == {"1h"}
