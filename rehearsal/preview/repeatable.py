"""The embedded cloud with its dice loaded: what it makes up for a resource follows from the resource's URN alone.

Two rehearsals of programs that differ in one place then differ in that place, and not in every id after it.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rehearsal.cloud import Cloud, open_cloud
from rehearsal.local import Make
from rehearsal.preview.keys import repeatable_private_key
from rehearsal.provider import Provider, State
from rehearsal.tls import TlsProvider
from rehearsal.values import Props


class _RepeatableKeys(TlsProvider):
    types: dict[str, Make] = {**TlsProvider.types, "tls:index/privateKey:PrivateKey": repeatable_private_key}


class _RepeatableCloud(Cloud):
    """Throws the dice anew for every resource that it makes."""

    def __init__(self, providers: Mapping[str, Provider], dice: random.Random) -> None:
        super().__init__(providers)
        self._dice = dice

    def create(self, urn: str, token: str, inputs: Props) -> State:
        seed = hashlib.sha256(urn.encode()).digest()
        with self._lock:
            self._dice.seed(seed)
            random.seed(seed)
            return super().create(urn, token, inputs)


@contextmanager
def open_repeatable_cloud(*, region: str, account: str, manifests: Path) -> Iterator[Cloud]:
    """A fresh cloud, as `open_cloud` gives; meanwhile this process has no other source of chance than moto's."""
    with open_cloud(region=region, account=account, manifests=manifests) as cloud:
        from moto.moto_api._internal import mock_random

        from rehearsal.preview.repeatable_aws import RepeatableAws

        chance, os.urandom = os.urandom, random.randbytes
        try:
            providers: dict[str, Provider] = {"aws": RepeatableAws(region, mock_random), "tls": _RepeatableKeys()}
            yield _RepeatableCloud({**cloud.providers, **providers}, mock_random)
        finally:
            os.urandom = chance
