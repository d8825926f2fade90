"""The policy pack, as the engine starts it: `pulumi preview --policy-pack policy`."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

# The engine runs this folder, and finds nothing beside it.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pulumi_policy import PolicyPack

from policy.catalog import ALL_RULES, NAMES
from policy.exemptions import Exemption, ExemptionsError, load_exemptions
from policy.pack import Pack
from policy.read_once import resources_read_once


def _exemptions() -> tuple[Exemption, ...]:
    """The exemptions; what is wrong with their file is said without a trace, which is all that the engine shows of it."""
    try:
        return load_exemptions(NAMES)
    except ExemptionsError as error:
        sys.exit(str(error))


with resources_read_once():
    PolicyPack("edge-platform", Pack(ALL_RULES, _exemptions(), date.today()).policies())
