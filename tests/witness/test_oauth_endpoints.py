"""Where the streaming platforms trade codes, held to golang.org/x/oauth2/endpoints, which nobody here wrote."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from infra.systems.immersiverse.document import PLATFORMS
from tests.stacks import ROOT
from tests.tools import required_command

pytestmark = pytest.mark.verify
NAMES = {"twitch": "Twitch", "youtube": "Google", "facebook": "Facebook"}
"""Afreeca is not in it: its own pages are the source (docs/systems/immersiverse.md)."""


def test_codes_are_traded_where_others_trade_them() -> None:
    listed = ["go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/oauth2"]
    required_command("go")
    done = subprocess.run(listed, cwd=ROOT / "services/auth", capture_output=True, text=True, check=True)
    text = (Path(done.stdout.strip()) / "endpoints/endpoints.go").read_text()
    found = dict(re.findall(r'var (\w+) = oauth2\.Endpoint\{[^}]*?TokenURL:\s+"([^"]+)"', text))
    assert {one.name: one.token_url for one in PLATFORMS if one.name in NAMES} == {
        name: found[theirs] for name, theirs in NAMES.items()
    }
