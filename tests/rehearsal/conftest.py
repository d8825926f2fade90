"""One moto account for a file of tests, each of which leaves it as it found it; and a world of resources in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.aws import SERVICES
from rehearsal.aws.provider import AwsProvider
from rehearsal.provider import State
from tests.rehearsal.aws_rows import BUCKET, CERTIFICATE, ROWS, logging_policy

REGION = "ap-northeast-2"
SETTINGS = {
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "false",  # no row needs them, and loading them takes a second each time
}
VARIANTS: dict[tuple[str, str], dict[str, Any]] = {
    (BUCKET, "logs"): {"bucket": "wealist-prod-logs"},
    (CERTIFICATE, "other"): {"domainName": "board.wealist.co.kr", "region": REGION},
}


@pytest.fixture(scope="module")
def account() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        # A stack that the same process rehearsed before stood in an account of its own.
        patch.delenv("MOTO_ACCOUNT_ID", raising=False)
        from moto import mock_aws

        with mock_aws():
            yield


@pytest.fixture(scope="module")
def aws(account: None) -> AwsProvider:
    return AwsProvider(SERVICES, region=REGION)


class Prerequisites:
    """What rows refer to, each made once per test from its own row, and deleted after it, the last first."""

    def __init__(self, provider: AwsProvider) -> None:
        self.provider = provider
        self.made: dict[tuple[str, str], State] = {}

    def __call__(self, token: str, variant: str = "") -> State:
        if (token, variant) not in self.made:
            self.made[token, variant] = self.create(token, variant)
        return self.made[token, variant]

    def create(self, token: str, variant: str = "", **more: Any) -> State:
        row = ROWS[token]
        changed = (row.variants or {}).get(variant) or VARIANTS.get((token, variant)) or {}
        if (token, variant) == ("aws:s3/bucketPolicy:BucketPolicy", "logs"):
            changed = {"bucket": self(BUCKET, "logs").id, "policy": logging_policy("wealist-prod-logs")}
        inputs = {**row.inputs(self), **changed, **more}
        inputs = {key: value for key, value in inputs.items() if value is not None}
        self.provider.check(f"urn:{token}", token, inputs)
        return self.provider.create(f"urn:{token}", token, inputs)

    def clean(self) -> None:
        for (token, _), state in reversed(list(self.made.items())):
            self.provider.delete(f"urn:{token}", token, state)


@pytest.fixture
def world(aws: AwsProvider) -> Iterator[Prerequisites]:
    made = Prerequisites(aws)
    yield made
    made.clean()
