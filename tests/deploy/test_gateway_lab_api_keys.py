"""The gateway lab's script for API keys, run in LuaJIT (Envoy's runtime) against the part of Envoy's API that it uses."""

from __future__ import annotations

import hashlib
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stacks import ROOT

SCRIPT = (ROOT / "deploy/gateway_lab/lua/api_keys.lua").read_bytes()
OLD, NEW, OTHER = (letter * 43 for letter in "aBc")
KEYS = {OLD: "warehouse", NEW: "warehouse", OTHER: "auditor"}
Header = tuple[str, str]

# Envoy's handle: anything else that the script calls is an error.
HANDLE = b"""
function handle_of(names, values, keys)
  local kept, metadata, answered = {}, {}, {}
  for i = 1, #names do kept[i] = {names[i], values[i]} end
  local headers = {}
  local function all(name)
    local found = {}
    for _, one in ipairs(kept) do if one[1] == name then found[#found + 1] = one[2] end end
    return found
  end
  function headers:getNumValues(name) return #all(name) end
  function headers:getAtIndex(name, index) return all(name)[index + 1] end
  function headers:add(name, value) kept[#kept + 1] = {name, value} end
  function headers:remove(name)
    for i = #kept, 1, -1 do if kept[i][1] == name then table.remove(kept, i) end end
  end
  local handle, stream, written = {}, {}, {}
  function written:set(where, key, value) metadata[where .. "." .. key] = value end
  function stream:dynamicMetadata() return written end
  function handle:headers() return headers end
  function handle:streamInfo() return stream end
  function handle:filterContext() return {get = function(_, name) return ({keys = keys})[name] end} end
  function handle:respond(head, body) answered[1] = head[":status"] end
  return handle, kept, metadata, answered
end
"""


@pytest.fixture(scope="module")
def lua() -> Any:
    runtime = import_module("lupa.luajit21").LuaRuntime(encoding="latin-1")
    runtime.execute(HANDLE)
    runtime.execute(SCRIPT.decode())
    return runtime


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def after(lua: Any, *headers: Header) -> tuple[list[Header], str | None, str | None]:
    """The headers that go on, the consumer in the metadata, and the status of a refusal."""
    names, values = (lua.table_from([one[side] for one in headers]) for side in (0, 1))
    known = lua.table_from([lua.table_from({"consumer": who, "sha256": digest(key)}) for key, who in KEYS.items()])
    handle, kept, metadata, answered = lua.globals()["handle_of"](names, values, known)
    lua.globals()["envoy_on_request"](handle)
    left = [(kept[i][1], kept[i][2]) for i in range(1, len(kept) + 1)]
    return left, metadata["envoy.filters.http.api_keys.consumer"], answered[1]


@pytest.mark.parametrize("length", [*range(130), 1000])
def test_the_digest_is_sha_256_of_every_length(lua: Any, length: int) -> None:
    """Around 55 and 64 bytes its padding takes another block."""
    text = "".join(chr((7 * length + i) % 256) for i in range(length))
    assert lua.globals()["sha256"](text) == hashlib.sha256(text.encode("latin-1")).hexdigest()


@given(text=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_the_digest_is_sha_256_of_whatever_it_is(lua: Any, text: bytes) -> None:
    assert lua.globals()["sha256"](text.decode("latin-1")) == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(("key", "consumer"), KEYS.items())
def test_a_key_is_its_consumers_and_goes_no_further(lua: Any, key: str, consumer: str) -> None:
    """Both of one consumer's, while it changes one for the other."""
    assert after(lua, ("x-api-key", key)) == ([("x-lab-consumer", consumer)], consumer, None)


def test_without_a_key_a_request_goes_on_and_is_nobodys(lua: Any) -> None:
    forged = ("x-lab-consumer", "warehouse")
    assert after(lua, ("authorization", "Bearer x"), forged, forged) == ([("authorization", "Bearer x")], None, None)


@pytest.mark.parametrize(
    "headers",
    [
        [("x-api-key", OLD[:-1] + "b")],
        [("x-api-key", "b" + OLD[1:])],
        [("x-api-key", "")],
        [("x-api-key", OLD * 1000)],
        [("x-api-key", f"{OLD} ")],
        [("x-api-key", f"{OLD},{NEW}")],
        [("x-api-key", OLD[:-1] + "\0")],
        [("x-api-key", digest(OLD))],
        [("x-api-key", digest(OLD)[:43])],
        [("x-api-key", OLD), ("x-api-key", OLD)],
        [("x-api-key", OLD), ("x-api-key", "wrong")],
        [("x-api-key", OLD), ("authorization", "Bearer x")],
    ],
    ids=["its last letter", "its first letter", "empty", "huge", "a space", "two in one", "a zero byte", "a digest", "half of one",
         "twice", "two", "a token beside it"],
)  # fmt: skip
def test_anything_else_is_refused(lua: Any, headers: list[Header]) -> None:
    _, consumer, status = after(lua, *headers, ("x-lab-consumer", "warehouse"))
    assert (consumer, status) == (None, "401")


@pytest.mark.parametrize("key", ["", OLD * 1000, f"{OLD} ", digest(OLD)])
def test_what_is_no_key_by_its_form_costs_no_digest(lua: Any, key: str) -> None:
    """Or who sends them by the thousand would have the gateway calculate."""
    real = lua.globals()["sha256"]
    lua.execute("sha256 = function() error('a digest') end")
    try:
        assert after(lua, ("x-api-key", key))[2] == "401"
        with pytest.raises(Exception, match="a digest"):
            after(lua, ("x-api-key", OLD))
    finally:
        lua.globals()["sha256"] = real
