"""The embedded AWS whose answers follow from the URN that they are about, whoever asked first."""

from __future__ import annotations

from random import Random
from typing import Any

from rehearsal.aws import SERVICES
from rehearsal.aws.provider import AwsProvider
from rehearsal.provider import State
from rehearsal.values import Props


class RepeatableAws(AwsProvider):
    """Throws the dice anew before each call: making a client, or a service's first answer, throws them too."""

    def __init__(self, region: str, dice: Random) -> None:
        super().__init__(SERVICES, region=region)
        self._dice, self._urn = dice, ""
        # An account's default network is made with the first call.
        self.client("ec2", region).describe_vpcs()

    def create(self, urn: str, token: str, inputs: Props) -> State:
        self._urn = urn
        return super().create(urn, token, inputs)

    def client(self, service: str, region: str) -> Any:
        client = super().client(service, region)
        self._dice.seed(f"{service} {self._urn}")
        return client
