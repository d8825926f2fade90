"""Whoever has a controller, or an account of their own, moves no name and opens no key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rehearsal.recording import Recording
from tests.iam import Policies, policies_of

REGION, ACCOUNT = "ap-northeast-2", "290008131187"
CHANGE = "route53:ChangeResourceRecordSets"
NAMES, TYPES = f"{CHANGE}NormalizedRecordNames", f"{CHANGE}RecordTypes"
KEYS = ["wealist-encryption-key", "eco2-encryption-key"]


def changes(prod: Recording, names: list[str], types: list[str], zone: str = "eco2-dns-zone") -> bool:
    arn = f"arn:aws:route53:::hostedzone/{prod.one('Zone', zone).id}"
    return policies_of(prod, "eco2-prod-external-dns").allow(CHANGE, arn, {NAMES: names, TYPES: types})


class TestExternalDns:
    """A Service's or an Ingress's annotation is all that it takes to make it write a name."""

    @pytest.mark.parametrize("record", ["A", "AAAA", "CNAME", "TXT"])
    def test_it_writes_below_its_label(self, prod: Recording, record: str) -> None:
        assert changes(prod, ["shop.apps.eco2.example.com", "cname-shop.apps.eco2.example.com"], [record])

    @pytest.mark.parametrize(
        "name",
        [
            "eco2.example.com",
            "api.eco2.example.com",
            "oidc.eco2.example.com",
            "www.eco2.example.com",
            "_0123456789abcdef.api.eco2.example.com",
            "apps.eco2.example.com",
            "myapps.eco2.example.com",
            "x.apps.eco2.example.com.evil.example.com",
        ],
    )
    def test_it_takes_over_no_other_name(self, prod: Recording, name: str) -> None:
        assert not changes(prod, [name], ["A"])
        # Nor in one request with a name that it may write.
        assert not changes(prod, ["shop.apps.eco2.example.com", name], ["A"])

    @pytest.mark.parametrize("record", ["CAA", "DS", "MX", "NS", "SRV"])
    def test_it_gives_no_name_away(self, prod: Recording, record: str) -> None:
        assert not changes(prod, ["shop.apps.eco2.example.com"], [record])

    def test_it_has_no_other_zone(self, prod: Recording) -> None:
        assert not changes(prod, ["shop.apps.eco2.example.com"], ["A"], zone="wealist-dns-zone")

    def test_a_request_that_names_nothing_is_none_of_its(self, prod: Recording) -> None:
        arn = f"arn:aws:route53:::hostedzone/{prod.one('Zone', 'eco2-dns-zone').id}"
        assert not policies_of(prod, "eco2-prod-external-dns").allow(CHANGE, arn)


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_no_authority_but_acms_gives_out_certificates(stack: str, request: pytest.FixtureRequest) -> None:
    recording: Recording = request.getfixturevalue(stack)
    public = {one.id: one["name"] for one in recording.of("Zone") if not one.get("vpcs")}
    records = {one["zoneId"]: one for one in recording.of("Record") if one["type"] == "CAA"}
    assert len(public) == 2
    assert {zone: (one["name"], one["records"]) for zone, one in records.items()} == {
        zone: (name, ['0 issue "amazon.com"']) for zone, name in public.items()
    }


class TestKeys:
    """CloudWatch acts for every account: who made an alarm elsewhere must not have it open this key."""

    def opened(self, prod: Recording, key: str, service: str, context: dict[str, Any]) -> bool:
        statements = [
            {name: value for name, value in one.items() if name != "Principal"}
            for one in json.loads(prod.one("Key", key)["policy"])["Statement"]
            if one["Principal"] == {"Service": service}
        ]
        assert statements
        return Policies(statements=tuple(statements)).allow("kms:Decrypt", "*", context)

    @pytest.mark.parametrize("key", KEYS)
    def test_the_systems_alarms_open_it(self, prod: Recording, key: str) -> None:
        prefix = key.split("-", maxsplit=1)[0] + "-prod"
        alarm = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{prefix}-x"
        context = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": alarm}
        assert self.opened(prod, key, "cloudwatch.amazonaws.com", context)

    @pytest.mark.parametrize("key", KEYS)
    @pytest.mark.parametrize("account", ["111111111111", ACCOUNT])
    def test_nobody_elses_do(self, prod: Recording, key: str, account: str) -> None:
        context = {"aws:SourceAccount": account, "aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{account}:alarm:theirs"}
        assert not self.opened(prod, key, "cloudwatch.amazonaws.com", context)
        assert not self.opened(prod, key, "cloudwatch.amazonaws.com", {})

    @pytest.mark.parametrize("key", KEYS)
    @pytest.mark.parametrize("account", [{"aws:SourceAccount": "111111111111"}, {}])
    def test_an_alarms_name_is_not_taken_for_its_account(
        self, prod: Recording, key: str, account: dict[str, str]
    ) -> None:
        prefix = key.split("-", maxsplit=1)[0] + "-prod"
        alarm = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{prefix}-x"
        assert not self.opened(prod, key, "cloudwatch.amazonaws.com", {"aws:SourceArn": alarm, **account})

    @pytest.mark.parametrize("key", KEYS)
    def test_no_statement_lets_a_service_in_without_saying_for_whom(self, prod: Recording, key: str) -> None:
        for one in json.loads(prod.one("Key", key)["policy"])["Statement"]:
            if "Service" in one["Principal"]:
                assert ACCOUNT in json.dumps(one["Condition"])
