"""What becomes of an event after the call: over crashes of the service and of the broker, and which trace it is of; and renewal.

§3.1, §4.1, §7.2 and §8 of immersiverse-auth.md, with the real service, PostgreSQL, Kafka and Envoy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.systems.eco2 import tracing
from infra.systems.immersiverse.document import AUTH, BACKUP, GRPC_PORT, SYSTEM
from tests.mesh import eco2, tenants
from tests.mesh.immersiverse import VERIFIER, Standing, said, standing_up
from tests.mesh.manifests import Manifest, named, pod_of
from tests.mesh.processes import wait_until
from tests.mesh.telemetry import Span, Stores, collector, configuration, stores

pytestmark = pytest.mark.verify
CREATED, LOGGED_IN = "auth.events.user_created", "auth.events.login_succeeded"


def sampled(objects: list[Manifest], percent: float) -> list[Manifest]:
    """With so much of what comes without a decision sampled, as `immersiverse.tracing.percent` says it."""
    for one in objects:
        if one["kind"] == "Telemetry":
            for each in one["spec"].get("tracing", ()):
                each["randomSamplingPercentage"] = percent
    return objects


def rendered(factory: pytest.TempPathFactory) -> list[Manifest]:
    return tenants.with_collector(tenants.objects(tenants.files(factory, SYSTEM)))


@pytest.fixture(scope="module")
def kept() -> Iterator[Stores]:
    with stores() as found:
        yield found


@pytest.fixture(scope="module")
def standing(kept: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """With the cluster's collector, to which the service sends its spans as its Deployment says."""
    objects = sampled(rendered(tmp_path_factory), 100)
    (container,) = named(objects, "Deployment", AUTH)["spec"]["template"]["spec"]["containers"]
    own = {one["name"]: one["value"] for one in container["env"] if one["name"].startswith("OTEL_")}
    collecting, changed = configuration(objects, "otel-collector"), {"tempo.tempo.svc:4317": kept.traces_at}
    with ExitStack() as stack:
        running = collector(tmp_path_factory.mktemp("collector"), stack, tracing.NAME, collecting, changed)
        settings = {**own, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{running.port}"}
        made = standing_up(objects, tmp_path_factory, {tracing.NAME: lambda *_: running}, settings)
        yield stack.enter_context(made)


class TestCrashes:
    """At least once, with the same id: who honours it sees each event once, and none is lost."""

    def test_the_broker_goes_away_after_the_commit(self, standing: Standing) -> None:
        email, user = standing.sign_up()
        standing.events(CREATED, user)
        with standing.world.database.session() as run:
            run("SELECT pg_advisory_lock(hashtext('relay'))")
            assert standing.login(email).status == 200
            assert waiting(standing, user) == 1
            standing.world.kafka.stop()
        try:
            assert waiting(standing, user) == 1
        finally:
            standing.world.kafka.start()
        assert len(standing.records(LOGGED_IN, user)) == 1
        wait_until(lambda: waiting(standing, user) == 0, "the outbox to be empty", patience=60)

    def test_the_broker_crashes_while_events_come(self, standing: Standing) -> None:
        users = [standing.sign_up()[1] for _ in range(3)]
        standing.world.kafka.crash()
        try:
            users += [standing.sign_up()[1] for _ in range(3)]
        finally:
            standing.world.kafka.start()
        users += [standing.sign_up()[1] for _ in range(3)]
        assert [len(standing.events(CREATED, user)) for user in users] == [1] * len(users)

    def test_the_service_crashes_between_sending_and_marking(self, standing: Standing) -> None:
        """The event is sent again, under the id that it had."""
        auth, database = standing.world.auth, standing.world.database
        assert auth
        email, user = standing.sign_up()
        standing.events(CREATED, user)
        with database.session(user=user) as run:
            run("SELECT pg_advisory_lock(hashtext('relay'))")
            assert standing.login(email).status == 200
            run("BEGIN; SELECT 1 FROM outbox WHERE key = :'user' AND published_at IS NULL FOR UPDATE")
            run("SELECT pg_advisory_unlock(hashtext('relay'))")
            standing.records(LOGGED_IN, user)
            auth.crash()
            assert waiting(standing, user) == 1
        auth.start()
        again = standing.records(LOGGED_IN, user, 2)
        assert len({one["event-id"] for one in again}) == 1
        wait_until(lambda: waiting(standing, user) == 0, "the event to be marked", patience=60)
        wait_until(lambda: standing.login(email).status == 200, "the service to answer again")
        assert len(standing.events(LOGGED_IN, user, 2)) == 2


def waiting(standing: Standing, user: str) -> int:
    """A user's events that the outbox still has to send."""
    rows = "SELECT count(*) FROM outbox WHERE key = :'user' AND published_at IS NULL"
    return int(standing.world.database.psql(rows, user=user))


class TestDumps:
    def test_what_a_night_dumps_can_be_read_back(self, standing: Standing, tmp_path: Path) -> None:
        """By the job's own script and variables, over verified TLS; where the server is, the rig says."""
        _, user = standing.sign_up()
        database = standing.world.database
        (dumper,) = pod_of(named(standing.objects, "CronJob", BACKUP))["spec"]["initContainers"]  # type: ignore[index]
        told = {one["name"]: one["value"] for one in dumper["env"]}
        database.dump({**told, "PGHOST": "127.0.0.1"}, tmp_path)
        database.psql("CREATE DATABASE restored")
        try:
            database.restore(tmp_path / "auth.dump", "restored")
            found = database.psql("\\connect restored\nSELECT count(*) FROM users WHERE id = :'user'", user=user)
            assert found == "1"
        finally:
            database.psql("DROP DATABASE restored")


class TestTraces:
    """§8: one trace from the gateway's span by the service's to the event's header."""

    def test_from_the_gateway_to_the_event(self, standing: Standing, kept: Stores) -> None:
        email, user = standing.sign_up()
        client = next(standing.clients)
        assert standing.login(email, client=client).status == 200
        trace = json.loads(standing.edge.access_log(client))["trace_id"]
        (event,) = standing.records(LOGGED_IN, user)
        version, theirs, parent, flags = event["traceparent"].split("-")
        assert (version, theirs, flags) == ("00", trace, "01")

        def is_whole() -> bool:
            """A span is sent when it ends, so the first comes last."""
            found = spans(kept, trace)
            return parent in found and all(one.parent in {"", *found} for one in found.values())

        wait_until(is_whole, f"trace {trace} to be in the store, with the span {parent} of the event", patience=60)
        found = spans(kept, trace)
        assert found[parent].name == "immersiverse.auth.v1.AuthService/Login"
        called = found[found[parent].parent].attributes["upstream_cluster.name"]
        assert called.startswith(f"outbound|{GRPC_PORT}||{AUTH}.")

    def test_what_is_not_sampled_is_traced_and_not_kept(
        self, standing: Standing, kept: Stores, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """The service decides nothing of its own: its share is the gateway's."""
        email, user = standing.sign_up()
        objects = sampled(rendered(tmp_path_factory), 0)
        standing.edge.become(objects, eco2.mesh_configuration(objects))
        try:
            wait_until(lambda: self._flags(standing) == "00", "the gateway to sample nothing")
            assert standing.login(email).status == 200
            (event,) = standing.records(LOGGED_IN, user)
            assert event["traceparent"].endswith("-00")
        finally:
            objects = sampled(objects, 100)
            standing.edge.become(objects, eco2.mesh_configuration(objects))
        wait_until(lambda: self._flags(standing) == "01", "the gateway to sample all again")
        assert spans(kept, event["traceparent"].split("-")[1]) == {}

    @staticmethod
    def _flags(standing: Standing) -> str:
        _, user = standing.sign_up()
        (event,) = standing.records(CREATED, user)
        return event["traceparent"].rpartition("-")[2]


def spans(kept: Stores, trace: str) -> dict[str, Span]:
    """A trace's spans in the store, by their ids."""
    return {one.id: one for one in [*kept.spans] if one.trace == trace}


class TestRenewal:
    """§4.1: a platform's token that ends soon is renewed, and lies in the database as nobody else reads it."""

    ACCOUNT = "SELECT * FROM platform_accounts WHERE user_id = :'user'"

    def test_a_token_that_ends_soon_is_renewed_and_the_platform_is_left_in_peace(self, standing: Standing) -> None:
        platform, database = standing.world.platform, standing.world.database
        user = self._connected(standing, lifetime=60)
        try:
            before = self._row(standing, user)
            assert "rt-" not in before
            wait_until(lambda: bool(platform.renewed), "the token to be renewed", patience=60)
            wait_until(lambda: self._row(standing, user) != before, "the new tokens to be kept", patience=60)
            # It too ends soon: who renews it at once again never stops.
            assert self._rests(standing, user, "1 second")
            assert len(platform.renewed) == 1
        finally:
            database.psql("DELETE FROM platform_accounts")
            platform.lifetime = 3600
            platform.renewed.clear()

    def test_a_platform_that_refuses_is_asked_again_later(self, standing: Standing) -> None:
        platform, database = standing.world.platform, standing.world.database
        platform.revoked = True
        user = self._connected(standing, lifetime=60)
        try:
            wait_until(lambda: self._rests(standing, user, "50 minutes"), "the account to wait", patience=60)
        finally:
            database.psql("DELETE FROM platform_accounts")
            platform.lifetime, platform.revoked = 3600, False

    @staticmethod
    def _connected(standing: Standing, *, lifetime: int) -> str:
        standing.world.platform.lifetime = lifetime
        email, user = standing.sign_up()
        token = said(standing.login(email))["access_token"]
        assert standing.connect(token, standing.world.platform.code(VERIFIER)).status == 200
        return user

    @staticmethod
    def _row(standing: Standing, user: str) -> str:
        columns = "encode(access_token, 'escape'), encode(refresh_token, 'escape'), expires_at"
        return standing.world.database.psql(TestRenewal.ACCOUNT.replace("*", columns), user=user)

    @staticmethod
    def _rests(standing: Standing, user: str, at_least: str) -> bool:
        said = standing.world.database.psql(
            TestRenewal.ACCOUNT.replace("*", "renew_after > now() + :'rest'"), user=user, rest=at_least
        )
        return said == "t"
