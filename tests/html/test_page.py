"""The report: whole, self-contained, closed to what comes from the program, and true to what was recorded."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from policy import aws_types as aws
from policy.mesh_objects import VIRTUAL_SERVICE
from rehearsal.html.network_policies import NETWORK_POLICY
from rehearsal.html.page import Report, page
from rehearsal.recording import Recording
from tests.html.conftest import report_of
from tests.html.parsed import Parsed, parsed

HOSTILE = "<img src=x onerror=alert(1)></td></style><script>alert(2)</script>\"'&{{ 7*7 }}"


class TestThePage:
    def test_closes_every_tag_that_it_opens(self, seen: Parsed) -> None:
        assert seen.unclosed == []
        assert seen.astray == []

    def test_has_each_id_once_and_no_link_that_leads_nowhere(self, seen: Parsed) -> None:
        assert [id_ for id_, count in Counter(seen.ids).items() if count > 1] == []
        links = [one.attributes["href"] for one in seen.of("a")]
        assert links
        assert [link for link in links if link.removeprefix("#") not in seen.ids] == []
        described = [one.attributes["aria-labelledby"] for one in seen.elements if "aria-labelledby" in one.attributes]
        assert [one for one in described if one not in seen.ids] == []

    def test_asks_nothing_of_any_network(self, seen: Parsed, text: str) -> None:
        assert not [one.tag for one in seen.elements if one.tag in {"link", "img", "iframe", "object", "embed", "base"}]
        assert not [one for one in seen.elements if {"src", "srcset", "action", "ping"} & one.attributes.keys()]
        assert "@import" not in text
        assert re.findall(r"url\((?!#)[^)]*\)", text) == []

    def test_lets_nothing_run_but_its_own_script(self, seen: Parsed) -> None:
        (policy,) = [one.attributes["content"] for one in seen.of("meta") if "http-equiv" in one.attributes]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        for tag, rule in (("style", "style-src"), ("script", "script-src")):
            (element,) = seen.of(tag)
            digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
            assert rules[rule] == f"'sha256-{digest}'"
        assert not [key for one in seen.elements for key in one.attributes if key.startswith("on") or key == "style"]

    def test_is_the_same_when_it_is_made_again(self, report: Report, text: str) -> None:
        assert page(report) == text

    def test_says_what_every_table_and_picture_is(self, seen: Parsed) -> None:
        assert all(one.attributes.get("scope") == "col" for one in seen.of("th"))
        scrolled = [one for one in seen.of("div") if one.attributes.get("class") == "scroll"]
        assert all(one.attributes.get("aria-label") and one.attributes.get("tabindex") == "0" for one in scrolled)
        levels = [int(one.tag[1]) for one in seen.elements if re.fullmatch(r"h[1-6]", one.tag)]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.fixture(scope="module")
def spoiled(prod: Recording) -> Parsed:
    """Texts that a stack file or a pull request may set are made hostile."""
    spoiled = Recording()
    spoiled.stack_outputs = prod.stack_outputs
    for one in prod:
        inputs = dict(one.inputs)
        if one.type == aws.INGRESS_RULE:
            inputs["description"] = HOSTILE
        if one.type in (aws.INSTANCE, aws.SUBNET, aws.VPC):
            inputs["tags"] = {**inputs["tags"], "Name": HOSTILE}
        if one.type == aws.SECURITY_GROUP:
            inputs["name"] = HOSTILE
        if one.type == VIRTUAL_SERVICE:
            inputs["spec"] = {**inputs["spec"], "hosts": [HOSTILE]}
        spoiled.add(replace(one, inputs=inputs))
    return parsed(page(report_of(spoiled)))


class TestWhatComesFromTheProgram:
    def test_is_shown_and_never_run(self, spoiled: Parsed) -> None:
        assert len(spoiled.of("script")) == 1
        assert spoiled.of("img") == []
        assert spoiled.unclosed == []
        assert spoiled.astray == []
        assert not [key for one in spoiled.elements for key in one.attributes if key.startswith("on")]
        rules = spoiled.tables["wealist-group-rules"]
        assert {row[3] for row in rules} == {HOSTILE}
        assert HOSTILE in spoiled.tables["eco2-route-rules"][0][0]

    def test_is_masked_where_it_is_secret(self, prod: Recording, text: str) -> None:
        secrets = [
            str(one.outputs["result"]) for one in prod if one.type == "random:index/randomPassword:RandomPassword"
        ]
        assert len(secrets) > 10
        assert [one for one in secrets if one in text] == []


def boxes_of(seen: Parsed) -> dict[str, set[str]]:
    """The texts of the boxes of each picture, by its figure."""
    found: dict[str, set[str]] = {}
    figure = ""
    for one in seen.elements:
        if one.tag == "figure":
            figure = one.attributes["id"]
        if one.tag == "g":
            found.setdefault(figure, set()).add(one.attributes["data-text"].strip())
    return found


class TestTheFacts:
    def test_each_machine_and_what_runs_on_it(self, seen: Parsed, prod: Recording) -> None:
        rows = {row[0]: row for row in seen.tables["eco2-machines"]}
        nodes = {node["name"]: node for node in prod.stack_outputs["eco2"]["nodes"]}
        for name, node in nodes.items():
            assert rows[name][1] == node["type"]
            assert rows[name][2] == node["zone"]
            assert rows[name][5] == node["runs"]
        assert len(prod.of(aws.INSTANCE)) == len(nodes) >= 14

    def test_each_rule_of_a_security_group(self, seen: Parsed, prod: Recording) -> None:
        rows = [row for id_, rows in seen.tables.items() if id_.endswith("-group-rules") for row in rows]
        assert len(rows) == len(prod.of(aws.INGRESS_RULE))
        assert ["wealist-prod-ec2-sg", "wealist-prod-rds-sg", "tcp 5432", "PostgreSQL"] in rows

    def test_each_route_with_its_guard(self, seen: Parsed, prod: Recording) -> None:
        rows = [row for id_, rows in seen.tables.items() if id_.endswith("-route-rules") for row in rows]
        assert len(rows) == sum(len(one["spec.http"]) for one in prod.of(VIRTUAL_SERVICE))
        (own,) = [row for row in rows if "/api/v1/my/" in row[1]]
        assert own[2] == "my-api.my:8000"
        assert own[3].startswith("ext-authz (")

    def test_each_arrow_of_a_network_policy_and_where_it_is_opened(self, seen: Parsed) -> None:
        rows = seen.tables["eco2-arrow-rules"]
        assert ["my/my-api", "postgres/postgresql", "5432", "both ends"] in rows
        assert ["istio-system/ingress-gateway", "my/my-api", "8000", "both ends"] in rows
        # Every policy that opens something is in it.
        assert len(rows) > 50

    def test_the_picture_of_network_policies_is_between_namespaces_and_each_has_its_own(self, seen: Parsed) -> None:
        boxes = boxes_of(seen)
        assert {"my", "postgres", "istio-system", "the internet", "machines of the vpc"} <= boxes["eco2-arrows"]
        assert not any("/" in box for box in boxes["eco2-arrows"])
        assert {"immersiverse-auth", "kafka"} <= boxes["eco2-arrows-immersiverse"]

    def test_a_policy_that_is_gone_takes_its_arrows_along(self, prod: Recording, seen: Parsed) -> None:
        left = Recording()
        left.stack_outputs = prod.stack_outputs
        for one in prod:
            if one.name != "eco2-network-policies-my-api":
                left.add(one)
        rows = parsed(page(report_of(left))).tables["eco2-arrow-rules"]
        assert ["my/my-api", "postgres/postgresql", "5432", "the target alone"] in rows
        assert NETWORK_POLICY in {one.type for one in prod}

    def test_each_finding_and_the_day_of_its_exemption(self, seen: Parsed, report: Report) -> None:
        rows = seen.tables["findings"]
        exempt = [one.exemption for one in report.judgement.findings if one.exemption]
        days = {str(one.expires) for one in exempt}
        assert days
        assert len(rows) == len(report.judgement.findings)
        assert [row[4] for row in rows].count("advice") == len(report.judgement.open)
        assert sorted(row[4] for row in rows if row[4] != "advice") == sorted(
            f"exempt until {one.expires}" for one in exempt
        )
        assert {row[0] for row in seen.tables["exemptions"]} == days

    def test_what_each_resource_costs(self, seen: Parsed) -> None:
        rows = {row[1]: row for row in seen.tables["costs"]}
        assert float(rows["eco2-k8s-master-instance"][2]) > 150
        total = sum(float(row[2].replace(",", "")) for row in seen.tables["costs"])
        assert f"${total:,.0f} of a budget of $" in next(one.text for one in seen.of("dl"))

    def test_who_takes_a_role_and_what_it_reaches(self, seen: Parsed) -> None:
        (taken,) = [row for row in seen.tables["eco2-takers"] if row[0] == "eco2-prod-ebs-csi"]
        assert "ebs-csi-controller-sa" in taken[1]
        rows = [row for row in seen.tables["eco2-roles"] if row[0] == "eco2-prod-ebs-csi"]
        assert any("ec2:CreateVolume" in row[1] for row in rows)
