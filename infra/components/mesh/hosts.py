"""Hosts, as policies compare them."""

from __future__ import annotations

import re
from collections.abc import Sequence

HOST = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


def with_any_port(reference: str, hosts: Sequence[str]) -> list[str]:
    """Hosts as Istio compares them, with what the client sent: a port may follow. `ValueError` names what is no host."""
    if vague := [host for host in hosts if not HOST.fullmatch(host)]:
        raise ValueError(f"{reference}: '{vague[0]}' is not the name of one host")
    return [pattern for host in hosts for pattern in (host, f"{host}:*")]
