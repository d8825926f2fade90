"""§5 of immersiverse-auth.md from end to end: a real Envoy with the rendered mesh, the Auth Service, PostgreSQL over TLS, Redis,
Kafka with the rendered topics, users and ACLs, and a made-up platform; and each with one part failing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer

from infra.systems.immersiverse.document import AUTH, LOGIN_TRIES, SYSTEM, USER_DEACTIVATED
from tests.mesh import tenants
from tests.mesh.client import Answer
from tests.mesh.immersiverse import HOST, PASSWORD, VERIFIER, Standing, refused, said, standing_up
from tests.mesh.manifests import Manifest
from tests.mesh.mutations import Change, Mutation, edited, gone, without_it
from tests.mesh.processes import wait_until

pytestmark = pytest.mark.verify


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return tenants.with_collector(tenants.objects(tenants.files(tmp_path_factory, SYSTEM)))


@pytest.fixture(scope="module")
def standing(objects: list[Manifest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with standing_up(objects, tmp_path_factory) as made:
        yield made


def test_the_proxy_takes_everything_and_nobody_warns(standing: Standing) -> None:
    assert standing.edge.problems() == []


class TestFlows:
    """§5.1 to §5.3, with nothing failing."""

    def test_all_three(self, standing: Standing) -> None:
        email, user = standing.sign_up()
        assert len(standing.events("auth.events.user_created", user)) == 1
        login = said(standing.login(email))
        assert (login["token_type"], login["expires_in"]) == ("Bearer", 900)
        assert len(standing.events("auth.events.login_succeeded", user)) == 1
        answer = standing.connect(login["access_token"], standing.world.platform.code(VERIFIER))
        assert (answer.status, said(answer)["platform"]) == (200, "twitch"), answer
        assert len(standing.events("auth.events.platform_connected", user)) == 1


class TestStatuses:
    """§7.1: the codes that the service gives as HTTP has them."""

    def test_what_is_not_valid(self, standing: Standing) -> None:
        refused(standing.post("/auth/users", {"email": "a", "password": PASSWORD, "display_name": "A"}), 400)

    def test_who_is_there_already(self, standing: Standing) -> None:
        email, _ = standing.sign_up()
        refused(standing.post("/auth/users", {"email": email, "password": PASSWORD, "display_name": "A"}), 409)

    def test_who_is_not_known(self, standing: Standing) -> None:
        refused(standing.login("nobody@example.com"), 401)
        refused(standing.connect("no token", "code"), 401)

    def test_what_there_is_not(self, standing: Standing) -> None:
        email, _ = standing.sign_up()
        refused(standing.connect(said(standing.login(email))["access_token"], "code", "myspace"), 404)

    @pytest.mark.parametrize("by", ["account", "address"])
    def test_the_sixth_login_of_a_minute(self, standing: Standing, by: str) -> None:
        client, account = next(standing.clients), f"{uuid.uuid4().hex}@example.com"

        def attempt(number: int) -> Answer:
            email = account if by == "account" else f"{number}-{account}"
            body = {"email": email, "password": "wrong"}
            return standing.post("/auth/login", body, client=client if by == "address" else "")

        assert [attempt(one).status for one in range(LOGIN_TRIES)] == [401] * LOGIN_TRIES
        sixth = attempt(LOGIN_TRIES)
        refused(sixth, 429)
        assert 55 <= int(sixth.headers["retry-after"]) <= 60


class TestLockOut:
    def test_nobody_locks_an_owner_out_of_where_they_are_known(self, standing: Standing) -> None:
        """Who knows the address of an account tries it from everywhere: its owner still comes in from home."""
        email, _ = standing.sign_up()
        home = next(standing.clients)
        assert standing.login(email, client=home).status == 200
        guesses = [standing.login(email, "guessed").status for _ in range(3 * LOGIN_TRIES)]
        assert guesses[LOGIN_TRIES:] == [429] * (2 * LOGIN_TRIES)
        assert standing.login(email, client=home).status == 200
        refused(standing.login(email), 429)

    def test_a_network_of_ipv6_is_one_address(self, standing: Standing) -> None:
        tried = [
            standing.login(f"{uuid.uuid4().hex}@example.com", client=f"2001:db8:7:7::{one}").status
            for one in range(LOGIN_TRIES + 1)
        ]
        assert tried == [401] * LOGIN_TRIES + [429]


class TestRedis:
    """Its own users file: the service's user counts, and nothing else."""

    def test_nobody_comes_in_without_a_password(self, standing: Standing) -> None:
        for user in ("default", AUTH, "probe"):
            for password in ("", "guessed"):
                assert "NOAUTH" in standing.world.redis.cli(user, "mget", "blacklist:x", password=password)

    @pytest.mark.parametrize(
        "command",
        [
            "keys *", "scan 0", "flushall", "config get *", "acl list", "client list", "monitor", "shutdown", "save",
            "get blacklist:x", "set another 1", "del {login", "mget another", "zadd another 1 a", "script flush",
            "function list", "replicaof 203.0.113.1 6379", "migrate 203.0.113.1 6379 blacklist:x 0 1",
        ],
    )  # fmt: skip
    def test_the_service_may_do_no_more_than_it_does(self, standing: Standing, command: str) -> None:
        assert "NOPERM" in standing.world.redis.cli(AUTH, *command.split())

    def test_a_script_may_do_no_more_than_its_user(self, standing: Standing) -> None:
        for line, key in (("redis.call('mget', KEYS[1])", "another"), ("redis.call('keys', '*')", "blacklist:x")):
            answer = standing.world.redis.cli(AUTH, "eval", f"return {line}", "1", key)
            # In the words of 7.0, and of later ones.
            assert "NOPERM" in answer or "can't" in answer or "permissions" in answer, answer


class TestShape:
    """What the transcoder makes of other requests."""

    def test_a_field_that_there_is_not_is_passed_over(self, standing: Standing) -> None:
        body = {
            "email": f"{uuid.uuid4().hex}@example.com",
            "password": PASSWORD,
            "display_name": "A",
            "roles": ["admin"],
        }
        assert standing.post("/auth/users", body).status == 200

    @pytest.mark.parametrize("body", [b"{", b"[]", b'{"email": 1}', b'{"email": {"a": 1}}'])
    def test_what_is_no_such_message(self, standing: Standing, body: bytes) -> None:
        refused(standing.post("/auth/login", body), 400)

    def test_too_much(self, standing: Standing) -> None:
        refused(standing.post("/auth/login", {"email": "a" * (17 << 10), "password": "p"}), 413)

    @pytest.mark.parametrize("kind", ["application/grpc", "application/grpc-web", "application/grpc+proto"])
    @pytest.mark.parametrize("path", ["/auth/login", "/auth/users", "/immersiverse.auth.v1.AuthService/Login"])
    def test_nobody_streams_past_the_transcoder(self, standing: Standing, path: str, kind: str) -> None:
        """REST alone comes in: what says that it is gRPC already would be passed on as it is."""
        frame = b"\x00\x00\x00\x00\x02\x0a\x00"
        headers = [("content-type", kind), ("te", "trailers")]
        answer = standing.edge.send("POST", path, headers, frame * 3, host=HOST, client=next(standing.clients))
        # PERMISSION_DENIED or UNIMPLEMENTED, as gRPC says it; or plain HTTP.
        assert answer.headers.get("grpc-status") in ("7", "12") or answer.status in (400, 403), answer

    def test_nobody_from_outside_validates_tokens(self, standing: Standing) -> None:
        for path in ("/auth/token/validate", "/immersiverse.auth.v1.AuthService/ValidateToken"):
            refused(standing.post(path, {"token": "t"}), 403)

    def test_another_host_has_no_rest_of_it(self, standing: Standing) -> None:
        answer = standing.post("/auth/login", {"email": "a@example.com", "password": "p"}, host="api.eco2.example.com")
        assert answer.status in (403, 404)

    def test_an_address_is_not_what_a_client_says(self, standing: Standing) -> None:
        """Only what the load balancer adds counts: six forged addresses are one."""
        client, answers = next(standing.clients), []
        for one in range(LOGIN_TRIES + 1):
            headers = [("content-type", "application/json"), ("x-forwarded-for", f"192.0.2.{one}")]
            body = json.dumps({"email": f"{uuid.uuid4().hex}@example.com", "password": "p"}).encode()
            answers.append(standing.edge.send("POST", "/auth/login", headers, body, host=HOST, client=client).status)
        assert answers == [401] * LOGIN_TRIES + [429]


class TestFailures:
    """Nothing is lost, nothing comes twice to who honours the id, and the caller gets the documented status."""

    def test_the_database_is_down(self, standing: Standing) -> None:
        email, user = standing.sign_up()
        standing.world.database.stop()
        try:
            body = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD, "display_name": "A"}
            refused(standing.post("/auth/users", body), 500)
            refused(standing.login(email), 500)
        finally:
            standing.world.database.start()
        wait_until(lambda: standing.login(email).status == 200, "the database to be there again")
        assert len(standing.events("auth.events.login_succeeded", user)) >= 1

    def test_the_broker_is_down(self, standing: Standing) -> None:
        """Before the commit, and while events wait: the calls succeed, and each event comes once it is up again."""
        email, user = standing.sign_up()
        standing.world.kafka.stop()
        try:
            assert standing.login(email).status == 200
            assert standing.login(email).status == 200
        finally:
            standing.world.kafka.start()
        assert len(standing.events("auth.events.login_succeeded", user, 2)) == 2
        assert len(standing.events("auth.events.user_created", user)) == 1

    def test_the_counters_are_down(self, standing: Standing) -> None:
        """Nobody logs in uncounted, and no token counts that may be revoked."""
        email, _ = standing.sign_up()
        token = said(standing.login(email))["access_token"]
        standing.world.redis.stop()
        try:
            refused(standing.login(email), 503)
            refused(standing.connect(token, standing.world.platform.code(VERIFIER)), 503)
        finally:
            standing.world.redis.start()
        wait_until(lambda: standing.login(email).status == 200, "Redis to be there again")

    def test_the_platform_is_slow(self, standing: Standing) -> None:
        email, user = standing.sign_up()
        token = said(standing.login(email))["access_token"]
        standing.world.platform.slow = True
        try:
            refused(standing.connect(token, standing.world.platform.code(VERIFIER)), 504)
        finally:
            standing.world.platform.slow = False
        assert standing.connect(token, standing.world.platform.code(VERIFIER)).status == 200
        assert len(standing.events("auth.events.platform_connected", user)) == 1

    def test_a_code_is_of_who_began(self, standing: Standing) -> None:
        """Who steals a code has not its verifier."""
        email, _ = standing.sign_up()
        token = said(standing.login(email))["access_token"]
        refused(standing.connect(token, standing.world.platform.code(VERIFIER), verifier="w" * 43), 400)

    def test_a_token_is_revoked_by_an_event(self, standing: Standing) -> None:
        email, user = standing.sign_up()
        token = said(standing.login(email))["access_token"]
        self._send(standing, user, _deactivated(user))
        code = standing.world.platform.code
        wait_until(lambda: standing.connect(token, code(VERIFIER)).status != 200, "the token to be void", patience=60)
        refused(standing.connect(token, code(VERIFIER)), 401)
        refused(standing.login(email), 401)

    def test_what_cannot_be_read_ends_among_the_dead_letters(self, standing: Standing) -> None:
        """Tried again three times, with longer and longer waits; what comes after it does not wait."""
        key = uuid.uuid4().hex
        self._send(standing, key, b"\xff not a message")
        assert len(standing.events(f"{USER_DEACTIVATED}.retry", key)) == 1
        assert len(standing.events(f"{USER_DEACTIVATED}.dlq", key)) == 1

    @staticmethod
    def _send(standing: Standing, key: str, value: bytes) -> None:
        """As user-profile-service."""
        user = "user-profile-service"
        producer = Producer(standing.world.kafka.client(user, standing.world.passwords[user]))
        producer.produce(USER_DEACTIVATED, value, key=key, headers={"event-id": uuid.uuid4().hex})
        assert producer.flush(30) == 0


def _deactivated(user: str) -> bytes:
    """A UserDeactivated: fields 1 and 3 are texts."""
    event = uuid.uuid4().hex
    return b"".join(bytes([tag, len(text)]) + text.encode() for tag, text in ((0x0A, event), (0x1A, user)))


def test_a_service_that_is_gone_is_unavailable(standing: Standing) -> None:
    switch = standing.edge.backends.switches[AUTH]
    switch.mode = "closed"
    try:
        refused(standing.login("nobody@example.com"), 503)
    finally:
        switch.mode = "open"


def _opened(spec: Manifest) -> None:
    (rule,) = spec["rules"]
    rule["to"][0]["operation"]["paths"].append("/auth/token/*")


def _json(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").startswith("application/json")


MUTATIONS: dict[str, tuple[Change, Callable[[Standing], bool]]] = {
    "without the transcoder": (
        gone("EnvoyFilter", "immersiverse-transcoder"),
        lambda standing: standing.login("nobody@example.com").status == 401,
    ),
    "with the validation of tokens opened": (
        edited("AuthorizationPolicy", "immersiverse-edge", _opened),
        lambda standing: standing.post("/auth/token/validate", {"token": "t"}).status == 403,
    ),
    "with errors as Envoy words them": (
        gone("EnvoyFilter", "tenants-local-replies"),
        lambda standing: _json(standing.post("/auth/token/validate", {"token": "t"})),
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_protection_that_is_taken_out_is_noticed(standing: Standing, objects: list[Manifest], name: str) -> None:
    change, holds = MUTATIONS[name]
    wait_until(lambda: holds(standing), f"{name}: what holds before")
    with without_it(standing.edge, objects, Mutation(name, change, "")):
        wait_until(lambda: not (holds(standing) or holds(standing)), name)
    wait_until(lambda: holds(standing), f"{name}: what holds again")
