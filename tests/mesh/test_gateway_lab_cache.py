"""What the gateway lab's cache keeps, for whom, and who takes it back: Varnish as rendered, before a product service that counts.

"캐싱 전략". Between the gateway and the service it is tried in test_gateway_lab_edge.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.mesh import gateway_lab
from tests.mesh.cache import KEPT, Rendered, Tried, came_by, fresh, origin, rendered, varnish
from tests.mesh.client import send
from tests.mesh.processes import wait_until

pytestmark = pytest.mark.verify
USER = [("x-lab-user-id", "1"), ("x-lab-user-name", "user"), ("x-lab-user-role", "user")]


@pytest.fixture(scope="module")
def what(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    return rendered(gateway_lab.objects(tmp_path_factory))


@pytest.fixture(scope="module")
def tried(what: Rendered, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    with ExitStack() as stack:
        behind = stack.enter_context(origin())
        yield Tried(varnish(tmp_path_factory.mktemp("cache"), stack, "cache", what, behind.port), behind)


@pytest.fixture(scope="module")
def hasty(what: Rendered, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    """One that keeps nothing for more than a second."""
    bound = what.files["own.vcl"].replace("300s", "1s")
    assert bound.count(" 1s") == 2
    with ExitStack() as stack:
        behind = stack.enter_context(origin())
        short = replace(what, files={**what.files, "own.vcl": bound})
        yield Tried(varnish(tmp_path_factory.mktemp("hasty"), stack, "hasty", short, behind.port), behind)


class TestWhatIsKept:
    """Only what the service declares to be everybody's."""

    @pytest.mark.parametrize(
        "declared",
        [
            "public, max-age=300",
            "s-maxage=300",
            "max-age=0, s-maxage=300",
            "Public,Max-Age=300",
            "must-revalidate, max-age=300, public",
        ],
    )
    def test_the_second_one_is_answered_without_the_service(self, tried: Tried, declared: str) -> None:
        path, before = fresh(), tried.asked
        first = tried.ask(path, USER, headers={"cache-control": declared}, body="one")
        second = tried.ask(path, [("x-lab-consumer", "warehouse")], headers={"cache-control": declared}, body="two")
        assert [(came_by(one), one.body) for one in (first, second)] == [("miss", b"one"), ("hit", b"one")]
        assert tried.asked - before == 1
        assert int(second.headers["age"]) >= 0

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"cache-control": "max-age=300"},
            {"cache-control": "must-revalidate, max-age=300"},
            {"cache-control": "private, max-age=300"},
            {"cache-control": "public, private, max-age=300"},
            {"cache-control": "public, max-age=300, private=x-lab-user-id"},
            {"cache-control": "public, max-age=300, no-cache"},
            {"cache-control": "no-store, s-maxage=300"},
            {"cache-control": "public"},
            {"cache-control": "public, max-age=0"},
            {"cache-control": "s-maxage=0, max-age=300, public"},
            {"cache-control": "republican, x-public=1, max-age=300"},
            {"cache-control": "public, max-age=300\r\ncache-control: private"},
            {"cache-control": "max-age=300", "surrogate-control": "max-age=300, public"},
            {"expires": "Fri, 01 Jan 2100 00:00:00 GMT"},
            {**KEPT, "set-cookie": "session=secret"},
            {**KEPT, "vary": "*"},
            {**KEPT, "vary": "accept\r\nvary: *"},
        ],
        ids=str,
    )
    def test_anything_else_is_asked_for_each_time(self, tried: Tried, headers: dict[str, str]) -> None:
        path, before = fresh(), tried.asked
        for text in ("one", "two"):
            assert tried.ask(path, USER, headers=headers, body=text).body.decode() == text
        assert tried.asked - before == 2

    @pytest.mark.parametrize("status", [206, 301, 302, 400, 403, 404, 413, 500, 503])
    def test_an_error_is_nobody_elses(self, tried: Tried, status: int) -> None:
        """Or who brings one about, by a header that is too long, takes the page from all."""
        path = fresh()
        assert tried.ask(path, status=status, headers=KEPT, body="broken").status == status
        assert tried.ask(path, headers=KEPT, body="well").body == b"well"

    def test_who_it_is_for_the_service_says_by_vary(self, tried: Tried) -> None:
        path, told = fresh(), {**KEPT, "vary": "accept-language, x-lab-user-role"}
        korean, english = ([*USER, ("accept-language", one)] for one in ("ko", "en"))
        assert tried.ask(path, korean, headers=told, body="안녕").body.decode() == "안녕"
        assert tried.ask(path, english, headers=told, body="hello").body == b"hello"
        admin = [("x-lab-user-role", "admin"), ("accept-language", "ko")]
        assert tried.ask(path, admin, headers=told, body="admin").body == b"admin"
        assert [came_by(tried.ask(path, one)) for one in (korean, english, admin)] == ["hit"] * 3
        assert tried.ask(path, korean).body.decode() == "안녕"

    def test_a_token_that_got_this_far_opens_nothing_for_others(self, tried: Tried) -> None:
        path, token = fresh(), [("authorization", "Bearer secret")]
        answer = tried.ask(path, token, headers=KEPT, body="his own")
        assert (came_by(answer), answer.body) == ("pass", b"his own")
        assert tried.ask(path, headers=KEPT, body="everybody's").body == b"everybody's"
        assert tried.ask(path, token, headers=KEPT, body="his own again").body == b"his own again"

    def test_nothing_is_kept_longer_than_the_settings_say(self, hasty: Tried) -> None:
        path, long = fresh(), {"cache-control": "public, max-age=86400"}
        assert came_by(hasty.ask(path, headers=long)) == "miss"
        wait_until(lambda: came_by(hasty.ask(path, headers=long)) == "miss", "the service to be asked again")

    def test_what_is_over_is_given_to_nobody(self, tried: Tried) -> None:
        """Not even while a newer one is fetched: then the first that is newer would be a hit."""
        path, short = fresh(), {"cache-control": "public, max-age=1"}
        assert came_by(tried.ask(path, headers=short)) == "miss"
        wait_until(lambda: came_by(tried.ask(path, headers=short)) == "miss", "the service to be asked again")

    def test_many_at_once_are_one_question(self, tried: Tried) -> None:
        path, before = fresh(), tried.asked
        with ThreadPoolExecutor(8) as clients:
            found = list(clients.map(lambda _: tried.ask(path, headers=KEPT, body="one", delay=0.5).body, range(8)))
        assert (found, tried.asked - before) == ([b"one"] * 8, 1)

    def test_who_has_it_already_gets_no_body(self, tried: Tried) -> None:
        path = fresh()
        tried.ask(path, headers={**KEPT, "etag": '"7"'}, body="one")
        answer = tried.ask(path, [("if-none-match", '"7"')])
        assert (answer.status, answer.body) == (304, b"")

    def test_what_is_kept_is_answered_while_the_service_is_out(self, tried: Tried) -> None:
        path, other = fresh(), fresh()
        tried.ask(path, headers=KEPT, body="one")
        tried.origin.echo.down = True
        try:
            kept, lost = tried.ask(path), tried.ask(other)
        finally:
            tried.origin.echo.down = False
        assert (kept.status, kept.body) == (200, b"one")
        assert (lost.status, json.loads(lost.body)["error"]) == (503, "Service Unavailable")
        assert tried.ask(other, headers=KEPT, body="back").body == b"back"


UNKEYED = [
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-scheme", "http"),
    ("x-forwarded-port", "1"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-for", "6.6.6.6"),
    ("forwarded", "host=evil.example"),
    ("x-host", "evil.example"),
    ("x-original-url", "/evil"),
    ("x-rewrite-url", "/evil"),
    ("x-http-method-override", "POST"),
    ("x-kept-path", "/evil"),
    ("x-cache", "hit"),
    ("cookie", "session=evil"),
    ("user-agent", "evil"),
    ("referer", "https://evil.example"),
    ("origin", "https://evil.example"),
    ("pragma", "evil"),
    ("x-nobody-thought-of", "evil"),
    ("accept-evil", "evil"),
]
"""What a service may take something from, and what is in no key."""


class TestPoison:
    """What one sends sways nothing that another gets."""

    @pytest.mark.parametrize("header", UNKEYED, ids=lambda header: header[0])
    def test_what_is_in_no_key_does_not_reach_the_service(self, tried: Tried, header: tuple[str, str]) -> None:
        for sent in (header, (header[0].upper(), header[1])):
            answer = tried.ask(fresh(), [sent])
            assert answer.upstream == "product-service"
            assert "evil" not in str(answer.values(header[0]))
            assert answer.values(header[0]) in ([], ["127.0.0.1"])

    def test_another_host_is_no_other_answer(self, tried: Tried) -> None:
        path = fresh()
        tried.origin.echo.answers = {"headers": KEPT}
        evil = send(tried.cache.read, "GET", path, [("host", "evil.example")])
        assert evil.values("host") == ["product-service.gateway-lab.svc.cluster.local"]
        absolute = send(tried.cache.read, "GET", f"http://evil.example{path}", [("host", "lab.eco2.example.com")])
        assert [came_by(one) for one in (evil, absolute, tried.ask(path))] == ["miss", "hit", "hit"]

    @pytest.mark.parametrize(
        "spelling",
        ["?a=1&b=2", "?b=2&a=1", "?a=2&a=1&b=2", "?a=1;b=2", "?", "/", "//", "/.", "%2f", "?a=1%26b=2", ".css", ";a=1"],
    )
    def test_each_spelling_is_its_own_and_comes_as_it_was_sent(self, tried: Tried, spelling: str) -> None:
        """The key is what the service gets: what it makes of that is the same for all who send it."""
        path = fresh()
        tried.ask(path, headers=KEPT)
        answer = tried.ask(f"{path}{spelling}", headers=KEPT)
        assert (came_by(answer), answer.seen["path"]) == ("miss", f"{path}{spelling}")
        assert tried.ask(path).seen["path"] == path
        assert tried.ask(f"{path}{spelling}").seen["path"] == f"{path}{spelling}"

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE", "BAN", "get"])
    def test_only_reads_come_by_the_gateways_way_in(self, tried: Tried, method: str) -> None:
        path = fresh()
        tried.ask(path, headers=KEPT, body="one")
        before = tried.asked
        answer = tried.ask(path, method=method, content=b"evil")
        assert (answer.status, answer.headers["allow"], tried.asked) == (405, "GET, HEAD", before)
        assert tried.ask(path).body == b"one"

    def test_a_head_is_asked_for_as_a_get(self, tried: Tried) -> None:
        path, before = fresh(), tried.asked
        head = tried.ask(path, method="HEAD", headers=KEPT, body="one")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "3")
        assert (tried.ask(path).body, tried.asked - before) == (b"one", 1)

    def test_a_gets_body_stays_here(self, tried: Tried) -> None:
        assert tried.ask(fresh(), content=b"evil").seen["bytes"] == 0

    def test_a_part_is_no_whole(self, tried: Tried) -> None:
        path = fresh()
        part = tried.ask(path, [("range", "bytes=0-1")], headers=KEPT, body="whole")
        assert (part.status, part.body) == (206, b"wh")
        assert tried.ask(path).body == b"whole"

    def test_answers_tell_of_the_cache_nothing_but_whether_it_had_them(self, tried: Tried) -> None:
        path = fresh()
        for _ in range(2):
            assert not {"via", "x-varnish", "x-kept-path", "server"} & tried.ask(path, headers=KEPT).headers.keys()


class TestPurge:
    """By the way in that is for it alone; whose that is the mesh says (test_gateway_lab_edge.py)."""

    def test_a_path_is_taken_back_with_all_its_queries_and_variants(self, tried: Tried) -> None:
        path, told = fresh(), {**KEPT, "vary": "accept-language"}
        mine = [(path, "ko"), (path, "en"), (f"{path}?page=2", "ko")]
        others = [(f"{path}0", "ko"), (f"{path}/parts", "ko"), (fresh(), "ko")]
        for target, language in (*mine, *others):
            tried.ask(target, [("accept-language", language)], headers=told, body="old")
        assert tried.purge(path).status == 200
        found = [tried.ask(one, [("accept-language", language)], headers=told, body="new") for one, language in mine]
        assert [one.body for one in found] == [b"new"] * 3
        assert [came_by(tried.ask(one, [("accept-language", language)])) for one, language in others] == ["hit"] * 3

    def test_a_star_is_all_that_starts_so(self, tried: Tried) -> None:
        path, other = fresh("-shelf"), fresh()
        for target in (path, f"{path}/1", f"{path}?page=2", other):
            tried.ask(target, headers=KEPT, body="old")
        assert tried.purge(f"{path}*").status == 200
        assert {tried.ask(one, headers=KEPT, body="new").body for one in (path, f"{path}/1", f"{path}?page=2")} == {
            b"new"
        }
        assert came_by(tried.ask(other)) == "hit"

    @pytest.mark.parametrize(
        "target", ["/a?b=1", "/a||obj.http.x-kept-path~.", "/(", "/a*b", "*", 'x"', "/a&&b", "/a[", "/a\\d"]
    )
    def test_what_is_no_path_is_no_expression_either(self, tried: Tried, target: str) -> None:
        path = fresh()
        tried.ask(path, headers=KEPT)
        assert tried.purge(target).status == 400
        assert came_by(tried.ask(path)) == "hit"

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "BAN"])
    def test_nothing_is_read_there(self, tried: Tried, method: str) -> None:
        path = fresh()
        tried.ask(path, headers=KEPT, body="one")
        answer = tried.purge(path, method=method)
        assert (answer.status, b"one" in answer.body) == (405, False)

    def test_a_header_is_no_expression(self, tried: Tried) -> None:
        path = fresh()
        tried.ask(path, headers=KEPT)
        tried.purge(fresh(), [("x-kept", "obj.status == 200")])
        assert came_by(tried.ask(path)) == "hit"


def test_it_is_well_without_the_service(tried: Tried) -> None:
    tried.origin.echo.down = True
    try:
        answer = tried.ask("/cache/health")
    finally:
        tried.origin.echo.down = False
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
