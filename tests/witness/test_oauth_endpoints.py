"""Where the streaming platforms trade codes and say whose a token is, held to what nobody here wrote: modules of Go's proxy."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from infra.systems.immersiverse.document import PLATFORMS
from tests.stacks import ROOT
from tests.tools import required_command

pytestmark = pytest.mark.verify
NAMES = {"twitch": "Twitch", "youtube": "Google", "facebook": "Facebook"}
"""Afreeca is in no package of a registry: docs/systems/immersiverse.md says from where it is known."""


def module(name: str, pinned_by: str) -> Path:
    """The module's folder, in the version that a folder's go.mod pins."""
    required_command("go")
    fetch = ["go", "mod", "download", "-json", name]
    done = subprocess.run(fetch, cwd=ROOT / pinned_by, capture_output=True, text=True, check=True)
    return Path(json.loads(done.stdout)["Dir"])


def test_codes_are_traded_where_others_trade_them() -> None:
    text = (module("golang.org/x/oauth2", "services/auth") / "endpoints/endpoints.go").read_text()
    found = dict(re.findall(r'var (\w+) = oauth2\.Endpoint\{[^}]*?TokenURL:\s+"([^"]+)"', text))
    assert {one.name: one.token_url for one in PLATFORMS if one.name in NAMES} == {
        name: found[theirs] for name, theirs in NAMES.items()
    }


def test_youtube_says_whose_a_token_is_where_google_says_so() -> None:
    """By Google's own description of the API, which google.golang.org/api is made from."""
    told = json.loads((module("google.golang.org/api", "tools/engine") / "youtube/v3/youtube-api.json").read_text())
    method = told["resources"]["channels"]["methods"]["list"]
    (ours,) = [one for one in PLATFORMS if one.name == "youtube"]
    address, _, query = ours.user_url.partition("?")
    assert address == told["rootUrl"] + told["servicePath"] + method["path"]
    assert method["httpMethod"] == "GET"
    assert {part.split("=")[0] for part in query.split("&")} <= set(method["parameters"])
    answer = told["schemas"][method["response"]["$ref"]]["properties"]
    assert answer["items"] == {**answer["items"], "type": "array", "items": {"$ref": "Channel"}}
    assert told["schemas"]["Channel"]["properties"]["id"]["type"] == "string"
    assert ours.id_field == "items.0.id"
