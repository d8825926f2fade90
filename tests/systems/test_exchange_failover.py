"""Away for five minutes at most (svc-gateway.md): the arithmetic of the settings, and what stands for it in prod."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES
from pydantic import ValidationError

from infra.components.aws.dns import AliasTarget
from infra.components.aws.failover import FailoverHostArgs
from infra.contract import Chaos
from infra.settings import SettingsError, load_settings
from infra.settings.exchange import Exchange
from infra.settings.exchange_failover import (
    ADMISSION_SECONDS,
    ALIAS_TTL_SECONDS,
    AUTOSCALER_SECONDS,
    LIMIT_SECONDS,
    Failover,
)
from infra.systems.exchange.document import EDGE_HEALTH, SERVICES
from infra.systems.exchange.standby import BODY, RETRY_SECONDS
from infra.systems.exchange.tenancy import tenant
from rehearsal.cloud import Cloud
from rehearsal.inprocess import run
from rehearsal.recording import Recording, Registered
from rehearsal.values import reveal
from tests.stacks import changed_stack, program, stack_file
from tests.systems.test_exchange import HOST, pod, the

CHECKED = "exchange-edge.eco2.example.com"
CHECK, DISTRIBUTION = "aws:route53/healthCheck:HealthCheck", "aws:cloudfront/distribution:Distribution"


def records(stack: Recording) -> dict[str, Registered]:
    """The host's records, by their role."""
    found = [one for one in stack.of("Record") if one["name"] == HOST and one["type"] == "A"]
    return {one["failoverRoutingPolicies"][0]["type"]: one for one in found}


def settings_alone() -> None:
    load_settings()


class TestArithmetic:
    def test_the_summands_of_both_ways_are_these(self) -> None:
        found = Failover()
        assert [one.seconds for one in found.to_the_standby] == [10 * 3, 60, ALIAS_TTL_SECONDS]
        assert [one.seconds for one in found.to_the_same_environment] == [
            50, 30, AUTOSCALER_SECONDS, 30, 40, 2 * (ADMISSION_SECONDS + 5), 10, 10, 10, 30,
        ]  # fmt: skip

    def test_both_ways_take_five_minutes_at_most(self) -> None:
        for way in (Failover().to_the_standby, Failover().to_the_same_environment):
            assert sum(one.seconds for one in way) <= LIMIT_SECONDS == 5 * 60

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"checked_every_seconds": 30, "failures": 10}, "the standby takes 420 s"),
            ({"moved_seconds": 200, "checked_every_seconds": 30}, "the standby takes 350 s"),
            ({"pods_leave_seconds": 300}, "the same environment takes 520 s"),
            ({"launched_seconds": 100}, "the same environment takes 320 s"),
            ({"prepared_seconds": 120}, "packages are there 120 s"),
            ({"look_seconds": 40}, "node is let in 100 s"),
            ({"network_mebibytes": 2000}, "network's images arrive 80 s"),
            ({"network_seconds": 90}, "node is ready 90 s"),
            ({"image_mebibytes": 2000}, "images arrive 80 s"),
            ({"pull_mebibytes_per_second": 2}, "network's images arrive 120 s.* images arrive 125 s"),
            ({"node_lost_seconds": 120}, "node taken for lost 120 s"),
            ({"ready_seconds": 90}, "pods are ready 90 s"),
        ],
    )
    def test_a_setting_that_makes_it_longer_is_an_error(self, change: dict[str, Any], said: str) -> None:
        with pytest.raises(ValidationError, match=said):
            Failover.model_validate(change)

    def test_the_error_names_the_section_and_what_is_allowed(self, tmp_path: Any) -> None:
        file = changed_stack(tmp_path, "prod", {"exchange.failover": {"pods_leave_seconds": 300}})
        with pytest.raises(
            SettingsError, match=r"exchange\.failover: .*520 s .*allowed: at most 300 \(svc-gateway\.md\)"
        ):
            run(settings_alone, file, Cloud({}))

    def test_every_summand_says_where_it_is_from(self) -> None:
        for one in (*Failover().to_the_standby, *Failover().to_the_same_environment):
            settings = [word.removeprefix("failover.") for word in one.source.split() if word.startswith("failover.")]
            assert settings or one.seconds in (ALIAS_TTL_SECONDS, AUTOSCALER_SECONDS)
            assert set(settings) <= Failover.model_fields.keys()

    @pytest.mark.parametrize("stack", ["dev", "prod"])
    def test_images_come_no_faster_than_the_machine_may_always_take_them(self, stack: str, request: Any) -> None:
        """A t3 sends and writes faster for a while, but not for ever."""
        (template,) = [one for one in request.getfixturevalue(stack).of("LaunchTemplate") if "tenant" in one.name]
        machine = INSTANCE_TYPES[template["instanceType"]]
        network = sum(card["BaselineBandwidthInGbps"] for card in machine["NetworkInfo"]["NetworkCards"]) * 1e9 / 8
        disk = machine["EbsInfo"]["EbsOptimizedInfo"]["BaselineThroughputInMBps"] * 1e6
        (volume,) = template["blockDeviceMappings"]
        assert volume["ebs"]["volumeType"] == "gp3"  # 125 MiB/s at least: more than any of these machines always has
        assert Failover().pull_mebibytes_per_second * 2**20 <= min(network, disk)


class TestFailover:
    def test_the_host_is_the_load_balancer_while_the_way_in_answers_and_the_standby_then(self, prod: Recording) -> None:
        found = records(prod)
        assert set(found) == {"PRIMARY", "SECONDARY"}
        (balancer,) = [one for one in prod.of("LoadBalancer") if one.name == "eco2-api-alb"]
        standby = prod.one(DISTRIBUTION, "exchange-standby-distribution")
        assert found["PRIMARY"]["aliases"][0]["name"] == balancer.outputs["dnsName"]
        assert found["PRIMARY"]["healthCheckId"] == prod.one(CHECK).id
        assert found["SECONDARY"]["aliases"][0]["name"] == standby.outputs["domainName"]
        assert "healthCheckId" not in found["SECONDARY"].inputs

    def test_the_check_asks_as_often_as_the_settings_say(self, prod: Recording) -> None:
        check = prod.one(CHECK)
        assert (check["type"], check["port"], check["enableSni"]) == ("HTTPS", 443, True)
        assert (check["fqdn"], check["resourcePath"]) == (CHECKED, EDGE_HEALTH)
        assert (check["requestInterval"], check["failureThreshold"]) == (10, 3)

    def test_what_is_looked_at_never_moves(self, prod: Recording) -> None:
        (record,) = [one for one in prod.of("Record") if one["name"] == CHECKED and one["type"] == "A"]
        assert "failoverRoutingPolicies" not in record.inputs

    def test_a_host_that_looks_at_itself_is_refused(self) -> None:
        there = AliasTarget(dns_name="a.example", zone_id="Z1")
        with pytest.raises(ValueError, match="must not be the one that moves"):
            FailoverHostArgs(
                host=HOST, primary=there, standby=there, zone_id="Z", checked_host=HOST, path="/",
                every_seconds=10, failures=3, tags={},
            )  # fmt: skip

    def test_the_gateway_itself_answers_the_check(self, prod: Recording) -> None:
        spec = the(prod, "VirtualService", "exchange-health")["spec"]
        (route,) = spec["http"]
        assert spec["hosts"] == [CHECKED]
        assert route["match"] == [{"uri": {"exact": EDGE_HEALTH}}]
        assert route["directResponse"]["status"] == 200
        assert "route" not in route

    def test_every_request_to_the_standby_is_503_and_says_when_to_come_again(self, prod: Recording) -> None:
        standby = prod.one(DISTRIBUTION, "exchange-standby-distribution")
        answers = {
            one["errorCode"]: (one["responseCode"], one["responsePagePath"]) for one in standby["customErrorResponses"]
        }
        assert {403, 404, 405} <= answers.keys()
        assert set(answers.values()) == {(503, "/standby.json")}
        assert "defaultRootObject" not in standby.inputs
        assert {"GET", "POST", "DELETE"} <= set(standby["defaultCacheBehavior.allowedMethods"])
        headers = prod.one("ResponseHeadersPolicy", "exchange-standby-headers")
        assert headers["customHeadersConfig.items"][0] == {
            "header": "retry-after",
            "value": str(RETRY_SECONDS),
            "override": True,
        }
        page = prod.one("BucketObjectv2", "exchange-standby-page")
        assert page["content"] == BODY
        assert json.loads(BODY)["error"] == "Service Unavailable"

    def test_nobody_writes_into_the_standbys_bucket(self, prod: Recording) -> None:
        policy = json.loads(reveal(prod.one("BucketPolicy", "exchange-standby-bucket-policy")["policy"]))
        allowed = [one["Action"] for one in policy["Statement"] if one["Effect"] == "Allow"]
        assert allowed == [["s3:GetObject"]]

    def test_one_proof_of_the_host_serves_both_certificates(self, prod: Recording) -> None:
        """ACM asks for the same record of an account's host in every region: a second one would be refused."""
        names = [one.name for one in prod.of("Record") if "exchange" in one.name and one.name.endswith("-validation")]
        assert sorted(names) == [
            "eco2-tenant-exchange-certificate-validation",
            "eco2-tenant-exchange-edge-certificate-validation",
        ]
        assert prod.one("Certificate", "exchange-standby-certificate-certificate")["region"] == "us-east-1"

    def test_a_pod_leaves_a_lost_node_within_the_time_that_is_added_up(self, prod: Recording) -> None:
        for service in SERVICES:
            told = {one["key"]: one["tolerationSeconds"] for one in pod(prod, service)["tolerations"]}
            assert told == {"node.kubernetes.io/not-ready": 30, "node.kubernetes.io/unreachable": 30}


class TestExperiments:
    def test_nothing_of_chaos_mesh_stands_unless_it_is_asked_for(self, prod: Recording) -> None:
        assert not [one.name for one in prod if "chaos" in one.name]

    def test_who_asks_for_it_gets_it_in_the_exchanges_namespace_alone(self) -> None:
        section = json.loads(stack_file("dev").config["edge-platform:exchange"])
        for asked in (True, False):
            found = tenant(Exchange.model_validate({**section, "experiments": asked}))
            assert any(isinstance(need, Chaos) for need in found.needs) is asked
            assert list(found.namespaces) == ["gateway"]

    def test_a_production_stack_is_refused(self, tmp_path: Any) -> None:
        file = changed_stack(tmp_path, "prod", {"platform.systems": ["eco2", "exchange"], "exchange.experiments": True})
        with pytest.raises(SettingsError, match=r"exchange\.experiments: True — allowed: false where platform\.tier"):
            run(program, file, Cloud({}))
