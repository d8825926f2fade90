"""The gateway's Lua filter, run in LuaJIT (Envoy's runtime) against the part of Envoy's header API that it uses."""

from __future__ import annotations

import re
import time
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.stacks import ROOT

SCRIPT = ROOT / "deploy/eco2/lua/cookie_to_header.lua"
JWT = b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.q0-_Zm8"
Header = tuple[bytes, bytes]

# Envoy's header object: names are case-insensitive, indexes begin at 0, anything else that the script calls is an error.
HANDLE = b"""
function request_of(names, values)
  local kept = {}
  for i = 1, #names do kept[i] = {names[i]:lower(), values[i]} end
  local headers = {}
  local function all(name)
    local found = {}
    for _, one in ipairs(kept) do if one[1] == name:lower() then found[#found + 1] = one[2] end end
    return found
  end
  function headers:getNumValues(name) return #all(name) end
  function headers:getAtIndex(name, index) return all(name)[index + 1] end
  function headers:add(name, value) kept[#kept + 1] = {name:lower(), value} end
  local handle = {}
  function handle:headers() return headers end
  return handle, kept
end
"""


class Filter:
    """The script, loaded once, as in an Envoy worker."""

    def __init__(self, source: bytes) -> None:
        self._lua: Any = import_module("lupa.luajit21").LuaRuntime(encoding=None)
        self._lua.execute(HANDLE)
        self._lua.execute(source)

    def __call__(self, *headers: Header) -> list[Header]:
        """The headers after the filter has run."""
        lua = self._lua
        names, values = (lua.table_from([one[side] for one in headers]) for side in (0, 1))
        handle, kept = lua.globals()[b"request_of"](names, values)
        lua.globals()[b"envoy_on_request"](handle)
        return [(kept[i][1], kept[i][2]) for i in range(1, len(kept) + 1)]

    def token(self, *cookies: bytes) -> bytes | None:
        """What the filter puts into the authorization header for these Cookie headers; all others stay as they are."""
        before = [(b"cookie", cookie) for cookie in cookies]
        after = self(*before)
        assert after[: len(before)] == before
        assert len(after) <= len(before) + 1
        return after[-1][1] if len(after) > len(before) else None


@pytest.fixture(scope="module")
def lua() -> Filter:
    return Filter(SCRIPT.read_bytes())


TAKEN = {
    "alone": [b"s_access=" + JWT],
    "first": [b"s_access=" + JWT + b"; theme=dark"],
    "last": [b"theme=dark; s_access=" + JWT],
    "without spaces": [b"a=1;s_access=" + JWT + b";b=2"],
    "spaces and tabs around": [b" \t s_access \t=\t " + JWT + b" \t; b=2"],
    "quoted": [b's_access="' + JWT + b'"'],
    "in the second of several headers": [b"theme=dark", b"s_access=" + JWT, b"lang=ko"],
    "beside names that end or begin alike": [
        b"xs_access=x; s_access=" + JWT + b"; s_access2=y; S_ACCESS=z; my-s_access=w"
    ],
    "beside malformed pairs": [b"=; ;;==; =x; nothing; s_access=" + JWT + b"; \x00\x01=\xff"],
    "beside a value that names it": [b"next=s_access=other; s_access=" + JWT],
    "after many other cookies": [b"; ".join(b"c%d=v" % i for i in range(1000)) + b"; s_access=" + JWT],
}
REFUSED = {
    "no cookie at all": [],
    "an empty Cookie header": [b""],
    "a name that ends alike": [b"xs_access=" + JWT],
    "a name in capitals": [b"S_ACCESS=" + JWT],
    "a name in another cookie's value": [b"next=s_access=" + JWT],
    "twice in one header": [b"s_access=" + JWT + b"; s_access=other"],
    "twice the same": [b"s_access=" + JWT + b"; s_access=" + JWT],
    "twice in two headers": [b"s_access=" + JWT, b"s_access=other"],
    "once with a token, once empty": [b"s_access=; s_access=" + JWT],
    "once with a token, once bare": [b"s_access; s_access=" + JWT],
    "empty": [b"s_access="],
    "quoted and empty": [b's_access=""'],
    "bare": [b"s_access"],
    "an open quote": [b's_access="' + JWT],
    "a closing quote": [b"s_access=" + JWT + b'"'],
    "two pairs of quotes": [b's_access=""' + JWT + b'""'],
    "a space within": [b"s_access=abc def"],
    "a comma, as of joined headers": [b"s_access=" + JWT + b",s_access=" + JWT],
    "an equals sign": [b"s_access=YWJj="],
    "a line break": [b"s_access=abc\r\nx-user-id: 1"],
    "a NUL": [b"s_access=abc\x00def"],
    "a NUL before the name": [b"\x00s_access=abc"],
    "a no-break space around the name": ["\u00a0s_access=abc".encode()],
    "unicode": ["s_access=토큰".encode()],
    "percent encoding": [b"s_access=abc%2Edef"],
    "a scheme of its own": [b"s_access=Bearer abc"],
    "a token that is too long": [b"s_access=" + b"a" * 4097],
    "cookies that are too long together": [b"x=" + b"a" * 20000, b"y=" + b"a" * 13000, b"s_access=" + JWT],
    "too many Cookie headers": [b"s_access=" + JWT, *[b"a=b"] * 64],
}


@pytest.mark.parametrize("cookies", TAKEN.values(), ids=TAKEN.keys())
def test_the_cookie_becomes_a_bearer_token(lua: Filter, cookies: list[bytes]) -> None:
    assert lua.token(*cookies) == b"Bearer " + JWT


@pytest.mark.parametrize("cookies", REFUSED.values(), ids=REFUSED.keys())
def test_no_token_is_taken(lua: Filter, cookies: list[bytes]) -> None:
    assert lua.token(*cookies) is None


def test_the_longest_token_is_taken(lua: Filter) -> None:
    assert lua.token(b"s_access=" + b"a" * 4096) == b"Bearer " + b"a" * 4096


@pytest.mark.parametrize(
    "value", [b"Bearer other", b"Basic dXNlcjpw", b"", b" ", b"bearer", b"\xff\x00", b"Bearer a, Bearer b"]
)
@pytest.mark.parametrize("name", [b"authorization", b"Authorization"])
def test_an_authorization_header_stays_as_it_is(lua: Filter, name: bytes, value: bytes) -> None:
    before = [(b"cookie", b"s_access=" + JWT), (name.lower(), value)]
    assert lua((b"cookie", b"s_access=" + JWT), (name, value)) == before


@pytest.mark.parametrize(
    "cookie",
    [b" " * 32000, b"s_access=a" + b" " * 32000 + b"x", b"s_access" + b" \t" * 15000 + b"x=", b";" * 32000, b'"' * 32000,
     b"=" * 32000, b"a=" + b" ;" * 15000, b's_access="' + b'" ' * 15000],
)  # fmt: skip
def test_no_cookie_takes_long(lua: Filter, cookie: bytes) -> None:
    started = time.process_time()
    assert lua.token(cookie) is None
    assert time.process_time() - started < 0.25


def test_the_script_logs_nothing() -> None:
    assert not re.search(r"\blog|print|io\.|os\.|pcall|error\(", SCRIPT.read_text().replace("login", ""))


PIECES = st.sampled_from(
    [b"s_access", b"s_access=", b"=", b";", b"; ", b" ", b"\t", b'"', b",", b"\x00", b"\r\n", b"xs_access=", b"S_ACCESS=",
     JWT, b"a.b.c", "쿠키".encode(), b"%2e", b"\xff"]
)  # fmt: skip
COOKIE = st.one_of(st.lists(PIECES, max_size=12).map(b"".join), st.binary(max_size=60))
COOKIES = st.lists(COOKIE, max_size=4)


def values_of_s_access(cookies: list[bytes]) -> list[bytes | None]:
    """Every s_access cookie's value, read by a second, plain implementation; None for a bare name."""
    pairs = [pair.partition(b"=") for cookie in cookies for pair in cookie.split(b";")]
    return [
        value.strip(b" \t") if equals else None for name, equals, value in pairs if name.strip(b" \t") == b"s_access"
    ]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cookies=COOKIES)
@example(cookies=[b's_access="a"'])
def test_a_token_is_the_value_of_the_only_cookie_or_there_is_none(lua: Filter, cookies: list[bytes]) -> None:
    found, given_ = lua.token(*cookies), values_of_s_access(cookies)
    if found is not None:
        token = found.removeprefix(b"Bearer ")
        assert re.fullmatch(rb"[A-Za-z0-9._-]+", token)
        assert found == b"Bearer " + token
        assert given_ in ([token], [b'"' + token + b'"'])
    elif len(given_) == 1 and given_[0] is not None:
        assert not re.fullmatch(rb'[A-Za-z0-9._-]+|"[A-Za-z0-9._-]+"', given_[0])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cookies=COOKIES, authorization=st.lists(st.binary(max_size=30), min_size=1, max_size=3))
def test_whatever_the_cookies_are_an_authorization_header_stays(
    lua: Filter, cookies: list[bytes], authorization: list[bytes]
) -> None:
    before = [*((b"authorization", one) for one in authorization), *((b"cookie", one) for one in cookies)]
    assert lua(*before) == before


def without(line: str) -> Filter:
    """The filter with one protection taken out."""
    source = SCRIPT.read_text()
    assert source.count(line) == 1
    return Filter(source.replace(line, "true").encode())


@pytest.mark.parametrize(
    ("protection", "cookies"),
    [
        ("count == 1", [b"s_access=a; s_access=b"]),
        ('value:match("^[A-Za-z0-9._-]+$") ~= nil', [b"s_access=a b"]),
        ("#value <= MAX_TOKEN_BYTES", [b"s_access=" + b"a" * 4097]),
    ],
)
def test_without_its_protection_the_filter_would_take_it(lua: Filter, protection: str, cookies: list[bytes]) -> None:
    assert lua.token(*cookies) is None
    assert without(protection).token(*cookies) is not None


def test_without_the_check_an_authorization_header_would_not_be_alone() -> None:
    source = SCRIPT.read_text().replace('headers:getNumValues("authorization") > 0', "false")
    changed = Filter(source.encode())
    assert len(changed((b"authorization", b"Basic x"), (b"cookie", b"s_access=" + JWT))) == 3
