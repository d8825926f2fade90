"""wealist.md, fact by fact, as the prod stack registers it."""

from __future__ import annotations

import base64
import json
import re
from posixpath import normpath
from typing import Any
from urllib.parse import unquote

import pytest

from rehearsal.aws.tables import table
from rehearsal.preview.replacement import FIXED
from rehearsal.recording import Recording, Registered
from tests.systems.load_balancer_rules import answer as answer_of

REGION, ACCOUNT = "ap-northeast-2", "290008131187"


@pytest.fixture(scope="module")
def prod(prod: Recording) -> Recording:
    return prod.part("wealist")


@pytest.fixture(scope="module")
def dev(dev: Recording) -> Recording:
    return dev.part("wealist")


def names(recording: Recording, type_: str) -> set[str]:
    return {resource["tags.Name"] for resource in recording.of(type_)}


def by_tag(recording: Recording, type_: str, name: str) -> Registered:
    (found,) = [resource for resource in recording.of(type_) if resource.get("tags.Name") == name]
    return found


def statements(policy: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(policy)["Statement"]
    return found


def as_tomcat_reads(path: str) -> str:
    """A request's path as the servlet container takes it: without parameters, unescaped, without dots and double slashes."""
    return normpath(unquote(re.sub(r";[^/]*", "", path))).replace("//", "/")


def spellings(base: str, *segments: str) -> list[str]:
    """The same resource, written otherwise: escapes of every letter, dots, parameters, empty segments."""
    first, rest = segments[0], "/".join(segments[1:])
    escaped = [f"{base}{first[:n]}%{ord(first[n]):02x}{first[n + 1 :]}/{rest}" for n in range(len(first))]
    around = ("./", "/", ";a=b/", "x/../", "x/%2e%2e/", "x/.%2E/", "x/..;/", "x/..;a=b/", "%2e/", "x/y/../../")
    inside = (
        f"{first};a=b/{rest}",
        f"{first};/{rest}",
        f"{first}//{rest}",
        f"{first}/./{rest}",
        f"x/../{first}/{rest}",
    )
    every = "".join(f"%{ord(letter):02X}" for letter in first)
    return [
        *escaped,
        *(f"{base}{one}{first}/{rest}" for one in around),
        *(f"{base}{one}" for one in inside),
        f"{base}{every}/{rest}",
        f"{base.rstrip('/')}//{first}/{rest}",
        f"{base}{first}%2f..%2f{first}/{rest}",
    ]


class TestNetwork:
    """§2."""

    def test_the_vpc_is_wealist_prod_vpc_10_1(self, prod: Recording) -> None:
        vpc = prod.one("Vpc")
        assert (vpc["tags.Name"], vpc["cidrBlock"]) == ("wealist-prod-vpc", "10.1.0.0/16")

    def test_the_vpc_resolves_names_for_private_dns(self, prod: Recording) -> None:
        vpc = prod.one("Vpc")
        assert vpc["enableDnsSupport"] is True
        assert vpc["enableDnsHostnames"] is True

    @pytest.mark.parametrize(
        ("tier", "zone", "cidr"),
        [
            ("public", "a", "10.1.0.0/24"),
            ("public", "c", "10.1.1.0/24"),
            ("public", "d", "10.1.2.0/24"),
            ("private", "a", "10.1.10.0/24"),
            ("private", "c", "10.1.11.0/24"),
            ("private", "d", "10.1.12.0/24"),
        ],
    )
    def test_subnet(self, prod: Recording, tier: str, zone: str, cidr: str) -> None:
        subnet = by_tag(prod, "Subnet", f"wealist-prod-{tier}-{zone}")
        assert (subnet["cidrBlock"], subnet["availabilityZone"]) == (cidr, f"{REGION}{zone}")

    def test_there_are_no_other_subnets(self, prod: Recording) -> None:
        assert len(prod.of("Subnet")) == 6

    def test_the_internet_gateway_is_wealist_prod_igw(self, prod: Recording) -> None:
        assert names(prod, "InternetGateway") == {"wealist-prod-igw"}

    def test_one_nat_gateway_with_an_elastic_ip_stands_in_public_subnet_1(self, prod: Recording) -> None:
        nat = prod.one("NatGateway")
        assert nat["subnetId"] == by_tag(prod, "Subnet", "wealist-prod-public-a").id
        assert nat["allocationId"] == prod.one("Eip").id

    def test_the_route_tables_have_their_documented_names(self, prod: Recording) -> None:
        assert names(prod, "RouteTable") == {"wealist-prod-public-rt", "wealist-prod-private-rt"}

    def test_the_public_default_route_goes_to_the_internet_gateway(self, prod: Recording) -> None:
        table = by_tag(prod, "RouteTable", "wealist-prod-public-rt")
        (route,) = [route for route in prod.of("Route") if route["routeTableId"] == table.id]
        assert (route["destinationCidrBlock"], route["gatewayId"]) == ("0.0.0.0/0", prod.one("InternetGateway").id)

    def test_the_private_default_route_goes_to_the_nat_gateway(self, prod: Recording) -> None:
        table = by_tag(prod, "RouteTable", "wealist-prod-private-rt")
        (route,) = [route for route in prod.of("Route") if route["routeTableId"] == table.id]
        assert (route["destinationCidrBlock"], route["natGatewayId"]) == ("0.0.0.0/0", prod.one("NatGateway").id)

    @pytest.mark.parametrize("tier", ["public", "private"])
    def test_every_subnet_uses_its_tiers_table(self, prod: Recording, tier: str) -> None:
        table = by_tag(prod, "RouteTable", f"wealist-prod-{tier}-rt")
        associated = {one["subnetId"] for one in prod.of("RouteTableAssociation") if one["routeTableId"] == table.id}
        assert associated == {by_tag(prod, "Subnet", f"wealist-prod-{tier}-{zone}").id for zone in "acd"}

    @pytest.mark.parametrize("service", ["ssm", "ssmmessages", "ec2messages"])
    def test_interface_endpoint(self, prod: Recording, service: str) -> None:
        endpoint = by_tag(prod, "VpcEndpoint", f"wealist-prod-{service}-endpoint")
        assert endpoint["serviceName"] == f"com.amazonaws.{REGION}.{service}"
        assert (endpoint["vpcEndpointType"], endpoint["privateDnsEnabled"]) == ("Interface", True)
        assert set(endpoint["subnetIds"]) == {by_tag(prod, "Subnet", f"wealist-prod-private-{z}").id for z in "acd"}
        assert endpoint["securityGroupIds"] == [by_tag(prod, "SecurityGroup", "wealist-prod-endpoints-sg").id]

    def test_s3_is_a_gateway_endpoint_on_the_private_table(self, prod: Recording) -> None:
        endpoint = by_tag(prod, "VpcEndpoint", "wealist-prod-s3-endpoint")
        assert (endpoint["serviceName"], endpoint["vpcEndpointType"]) == (f"com.amazonaws.{REGION}.s3", "Gateway")
        assert endpoint["routeTableIds"] == [by_tag(prod, "RouteTable", "wealist-prod-private-rt").id]

    def test_instances_still_reach_package_mirrors_and_image_layers_through_s3(self, prod: Recording) -> None:
        _, owned = statements(by_tag(prod, "VpcEndpoint", "wealist-prod-s3-endpoint")["policy"])
        assert "arn:aws:s3:::prod-ap-northeast-2-starport-layer-bucket/*" in owned["Resource"]
        assert "arn:aws:s3:::al2023-repos-ap-northeast-2-de612dc2/*" in owned["Resource"]
        assert owned["Action"] == ["s3:GetObject"]


class TestSecurityGroups:
    """§8: five groups, and no edge that is not in the picture."""

    def rules(self, prod: Recording, direction: str) -> set[tuple[str, int, str]]:
        groups = {group.id: group["tags.Name"].removeprefix("wealist-prod-") for group in prod.of("SecurityGroup")}
        found = set()
        for rule in prod.of(f"SecurityGroup{direction}Rule"):
            assert rule["ipProtocol"] == "tcp"
            assert rule["fromPort"] == rule["toPort"]
            peer = groups.get(rule.get("referencedSecurityGroupId"), rule.get("cidrIpv4"))
            found.add((groups[rule["securityGroupId"]], rule["fromPort"], peer))
        return found

    def test_there_are_five(self, prod: Recording) -> None:
        assert names(prod, "SecurityGroup") == {
            f"wealist-prod-{part}-sg" for part in ("alb", "ec2", "rds", "redis", "endpoints")
        }

    def test_exactly_the_documented_edges_lead_in(self, prod: Recording) -> None:
        assert self.rules(prod, "Ingress") == {
            ("alb-sg", 80, "0.0.0.0/0"),
            ("alb-sg", 443, "0.0.0.0/0"),
            ("ec2-sg", 8080, "alb-sg"),
            ("ec2-sg", 8000, "alb-sg"),
            ("ec2-sg", 3001, "alb-sg"),
            ("rds-sg", 5432, "ec2-sg"),
            ("redis-sg", 6379, "ec2-sg"),
            ("endpoints-sg", 443, "10.1.0.0/16"),
        }

    def test_what_leads_out_is_no_wider_than_needed(self, prod: Recording) -> None:
        assert self.rules(prod, "Egress") == {
            ("alb-sg", 8080, "ec2-sg"),
            ("alb-sg", 8000, "ec2-sg"),
            ("alb-sg", 3001, "ec2-sg"),
            ("ec2-sg", 5432, "rds-sg"),
            ("ec2-sg", 6379, "redis-sg"),
            ("ec2-sg", 443, "0.0.0.0/0"),
        }

    def test_groups_have_no_inline_rules(self, prod: Recording) -> None:
        assert all(not group.get("ingress") and not group.get("egress") for group in prod.of("SecurityGroup"))


class TestFrontend:
    """§3."""

    def test_the_bucket_is_wealist_frontend(self, prod: Recording) -> None:
        assert prod.one("Bucket", "wealist-site-bucket")["bucket"] == "wealist-frontend"

    def test_its_versioning_is_disabled(self, prod: Recording) -> None:
        versioning = prod.one("BucketVersioning", "wealist-site-bucket-versioning")
        assert versioning["versioningConfiguration.status"] == "Disabled"

    def test_the_distribution_reads_it_through_oac_with_sigv4(self, prod: Recording) -> None:
        access = prod.one("OriginAccessControl")
        assert (access["originAccessControlOriginType"], access["signingProtocol"]) == ("s3", "sigv4")
        origin = prod.one("Distribution")["origins.0"]
        assert origin["originAccessControlId"] == access.id
        assert origin["domainName"].startswith("wealist-frontend.s3.")

    def test_the_distribution_answers_for_wealist_co_kr(self, prod: Recording) -> None:
        assert prod.one("Distribution")["aliases"] == ["wealist.co.kr"]

    def test_its_certificate_is_from_us_east_1_and_validated_by_dns(self, prod: Recording) -> None:
        certificate = prod.one("Certificate", "wealist-site-certificate-certificate")
        assert (certificate["region"], certificate["validationMethod"]) == ("us-east-1", "DNS")
        assert prod.one("Distribution")["viewerCertificate.acmCertificateArn"] == certificate.outputs["arn"]

    def test_its_cache_policy_is_managed_caching_optimized(self, prod: Recording) -> None:
        policy = prod.one("Distribution")["defaultCacheBehavior.cachePolicyId"]
        assert policy == table("cloudfront")["cachePolicies"]["CACHING_OPTIMIZED"]

    @pytest.mark.parametrize("code", [403, 404])
    def test_unknown_paths_answer_with_the_application(self, prod: Recording, code: int) -> None:
        (response,) = [one for one in prod.one("Distribution")["customErrorResponses"] if one["errorCode"] == code]
        assert (response["responsePagePath"], response["responseCode"]) == ("/index.html", 200)

    def test_it_speaks_http_2_and_3(self, prod: Recording) -> None:
        assert prod.one("Distribution")["httpVersion"] == "http2and3"

    def test_its_security_headers_let_the_browser_call_the_api(self, prod: Recording) -> None:
        policy = prod.one("ResponseHeadersPolicy")
        assert prod.one("Distribution")["defaultCacheBehavior.responseHeadersPolicyId"] == policy.id
        csp = policy["securityHeadersConfig.contentSecurityPolicy.contentSecurityPolicy"]
        assert "https://api.wealist.co.kr wss://api.wealist.co.kr" in csp

    def test_its_access_is_logged(self, prod: Recording) -> None:
        source = prod.one("LogDeliverySource")
        assert (source["resourceArn"], source["logType"]) == (prod.one("Distribution").outputs["arn"], "ACCESS_LOGS")
        assert prod.one("LogDelivery")["deliverySourceName"] == source["name"]
        destination = prod.one("LogDeliveryDestination")["deliveryDestinationConfiguration.destinationResourceArn"]
        assert destination == "arn:aws:s3:::wealist-access-logs/cloudfront"

    def test_the_zone_is_wealist_co_kr(self, prod: Recording) -> None:
        assert prod.one("Zone")["name"] == "wealist.co.kr"

    def test_the_apex_is_an_alias_of_the_distribution(self, prod: Recording) -> None:
        records = [one for one in prod.of("Record") if one["name"] == "wealist.co.kr" and one["type"] != "CAA"]
        assert {record["type"] for record in records} == {"A", "AAAA"}
        assert {record["aliases.0.name"] for record in records} == {prod.one("Distribution").outputs["domainName"]}

    def test_the_api_has_a_host_of_its_own(self, prod: Recording) -> None:
        (record,) = [record for record in prod.of("Record") if record["name"] == "api.wealist.co.kr"]
        assert record["aliases.0.name"] == prod.one("LoadBalancer").outputs["dnsName"]


class TestBackend:
    """§4."""

    def test_the_load_balancer_faces_the_internet_from_all_public_subnets(self, prod: Recording) -> None:
        balancer = prod.one("LoadBalancer")
        assert (balancer["name"], balancer["internal"]) == ("wealist-prod-alb", False)
        assert set(balancer["subnets"]) == {by_tag(prod, "Subnet", f"wealist-prod-public-{zone}").id for zone in "acd"}

    def test_https_is_443_with_the_apis_certificate(self, prod: Recording) -> None:
        listener = prod.one("Listener", "wealist-api-https")
        certificate = prod.one("Certificate", "wealist-api-certificate-certificate")
        assert (listener["port"], listener["protocol"]) == (443, "HTTPS")
        assert listener["certificateArn"] == certificate.outputs["arn"]
        assert certificate["domainName"] == "api.wealist.co.kr"

    def test_http_is_redirected_to_https_for_good(self, prod: Recording) -> None:
        listener = prod.one("Listener", "wealist-api-http")
        assert listener["port"] == 80
        assert listener["defaultActions.0.redirect"] == {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}

    @pytest.mark.parametrize(
        ("target", "port", "health"),
        [
            ("user", 8080, "/api/users/actuator/health"),
            ("board", 8000, "/api/boards/health"),
            ("monitoring", 3001, "/monitoring/api/health"),
        ],
    )
    def test_target_group(self, prod: Recording, target: str, port: int, health: str) -> None:
        group = by_tag(prod, "TargetGroup", f"wealist-prod-{target}-tg")
        assert (group["port"], group["healthCheck.path"]) == (port, health)

    def test_targets_drain_for_30_seconds(self, prod: Recording) -> None:
        assert {group["deregistrationDelay"] for group in prod.of("TargetGroup")} == {30}

    def test_boards_web_sockets_stay_on_their_instance(self, prod: Recording) -> None:
        sticky = {group["tags.Name"]: group["stickiness.enabled"] for group in prod.of("TargetGroup")}
        assert sticky == {
            "wealist-prod-board-tg": True,
            "wealist-prod-user-tg": False,
            "wealist-prod-monitoring-tg": False,
        }

    def test_a_board_that_nobody_touches_stays_connected_for_five_minutes(self, prod: Recording) -> None:
        assert prod.one("LoadBalancer")["idleTimeout"] == 300

    @pytest.mark.parametrize(
        ("path", "answer"),
        [
            ("/api/users/me", "wealist-prod-user-tg"),
            ("/api/users/actuator/health", "wealist-prod-user-tg"),
            ("/api/users/actuator/env", "403"),
            ("/api/users/actuator", "403"),
            ("/api/users/actuator/health/db", "403"),
            ("/api/boards/1", "wealist-prod-board-tg"),
            ("/api/boards/api/ws/room", "wealist-prod-board-tg"),
            ("/monitoring", "wealist-prod-monitoring-tg"),
            ("/monitoring/d/1", "wealist-prod-monitoring-tg"),
            ("/", "404"),
            ("/api/orders", "404"),
        ],
    )
    def test_path(self, prod: Recording, path: str, answer: str) -> None:
        assert answer_of(prod, path) == answer

    @pytest.mark.parametrize(
        "path", ["/api/users/%EA%B0%80/", "/api/users/a.b+c@d.kr", "/api/users/", "/api/users/me?q=%61;x"]
    )
    def test_what_is_spelled_plainly_reaches_the_user_service(self, prod: Recording, path: str) -> None:
        assert answer_of(prod, path) == "wealist-prod-user-tg"

    @pytest.mark.parametrize("path", spellings("/api/users/", "actuator", "env"))
    def test_no_spelling_reaches_springs_management(self, prod: Recording, path: str) -> None:
        """Whether the load balancer compares what is sent or what it reads there; a server reads all of these as one."""
        assert as_tomcat_reads(path) == "/api/users/actuator/env"
        assert "wealist-prod-user-tg" not in {answer_of(prod, path), answer_of(prod, unquote(path))}

    def test_the_backend_scales_from_2_to_6_over_three_private_subnets(self, prod: Recording) -> None:
        group = prod.one("Group", "wealist-backend-asg")
        assert (group["minSize"], group["maxSize"]) == (2, 6)
        assert set(group["vpcZoneIdentifiers"]) == {
            by_tag(prod, "Subnet", f"wealist-prod-private-{zone}").id for zone in "acd"
        }

    def test_each_backend_instance_runs_both_services(self, prod: Recording) -> None:
        targets = {by_tag(prod, "TargetGroup", f"wealist-prod-{one}-tg").outputs["arn"] for one in ("user", "board")}
        assert set(prod.one("Group", "wealist-backend-asg")["targetGroupArns"]) == targets

    def test_the_backend_follows_its_cpu(self, prod: Recording) -> None:
        tracking = prod.one("Policy", "wealist-backend-cpu")["targetTrackingConfiguration"]
        assert tracking["predefinedMetricSpecification"] == {"predefinedMetricType": "ASGAverageCPUUtilization"}

    def test_scaling_is_not_undone_by_the_next_update(self, prod: Recording) -> None:
        assert prod.one("Group", "wealist-backend-asg").ignore_changes == ("desiredCapacity",)

    def test_a_new_template_is_rolled_out_by_instance_refresh(self, prod: Recording) -> None:
        for group in prod.of("Group"):
            assert group["instanceRefresh.strategy"] == "Rolling"
            assert group["launchTemplate.version"] == "1"

    def test_monitoring_is_one_instance_in_zone_d(self, prod: Recording) -> None:
        group = prod.one("Group", "wealist-monitoring-asg")
        assert (group["minSize"], group["maxSize"]) == (1, 1)
        assert group["vpcZoneIdentifiers"] == [by_tag(prod, "Subnet", "wealist-prod-private-d").id]
        assert group["targetGroupArns"] == [by_tag(prod, "TargetGroup", "wealist-prod-monitoring-tg").outputs["arn"]]

    def test_the_image_is_amazon_linux_2023_unless_set(self, prod: Recording) -> None:
        """Looked up at the update, as eco2's nodes' is: AWS rolls no refresh back whose template names the parameter."""
        (image,) = {template["imageId"] for template in prod.of("LaunchTemplate")}
        assert image.startswith("ami-")

    @pytest.mark.parametrize("fleet", ["backend", "monitoring", "database-init-machine"])
    def test_user_data_is_a_script_of_at_most_16_kib_that_knows_its_stack(self, prod: Recording, fleet: str) -> None:
        script = base64.b64decode(prod.one("LaunchTemplate", f"wealist-{fleet}-template")["userData"]).decode()
        assert script.startswith("#!/bin/bash\n")
        assert len(script) <= 16 * 1024
        assert "readonly PARAMETER_PREFIX='/wealist/prod'" in script


class TestDatabase:
    """§5."""

    def test_it_is_postgresql_17_on_db_t3_micro(self, prod: Recording) -> None:
        database = prod.one("Instance")
        assert (database["engine"], database["engineVersion"]) == ("postgres", "17")
        assert (database["instanceClass"], database["identifier"]) == ("db.t3.micro", "wealist-prod-rds")
        assert database["port"] == 5432

    def test_its_last_snapshot_has_a_name_of_its_own(self, prod: Recording) -> None:
        """A second database of the name would find the first one's snapshot there, and could not be deleted."""
        suffix = prod.one("RandomId", "wealist-database-final-snapshot")
        assert prod.one("Instance")["finalSnapshotIdentifier"] == f"wealist-prod-rds-final-{suffix.outputs['hex']}"

    def test_what_replaces_the_database_draws_another_name(self, dev: Recording) -> None:
        """Without multi-AZ, where its zone is chosen; what is fixed by the component never changes."""
        database = dev.one("Instance")
        chosen = FIXED[database.type].paths & database.inputs.keys() - {"engine", "storageEncrypted"}
        kept = dev.one("RandomId", "wealist-database-final-snapshot")["keepers"]
        assert set(kept.values()) == {database[key] for key in chosen}

    def test_with_multi_az_aws_places_the_standby(self, prod: Recording) -> None:
        database = prod.one("Instance")
        assert database["multiAz"] is True
        assert database.get("availabilityZone") is None

    def test_without_multi_az_it_stands_in_zone_a(self, dev: Recording) -> None:
        database = dev.one("Instance")
        assert (database["multiAz"], database["availabilityZone"]) == (False, f"{REGION}a")

    def test_it_may_live_in_every_private_subnet(self, prod: Recording) -> None:
        subnets = prod.one("SubnetGroup", "wealist-database-subnets")["subnetIds"]
        assert set(subnets) == {by_tag(prod, "Subnet", f"wealist-prod-private-{zone}").id for zone in "acd"}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("db/user_db_name", "wealist_user_db"),
            ("db/user_db_user", "user_service"),
            ("db/board_db_name", "wealist_board_db"),
            ("db/board_db_user", "board_service"),
            ("db/port", "5432"),
            ("redis/port", "6379"),
        ],
    )
    def test_parameter(self, prod: Recording, name: str, value: str) -> None:
        (parameter,) = [one for one in prod.of("Parameter") if one["name"] == f"/wealist/prod/{name}"]
        assert (parameter["type"], parameter["insecureValue"]) == ("String", value)

    def test_the_endpoint_parameter_is_the_host(self, prod: Recording) -> None:
        (parameter,) = [one for one in prod.of("Parameter") if one["name"] == "/wealist/prod/db/endpoint"]
        assert parameter["insecureValue"] == prod.one("Instance").outputs["address"]

    @pytest.mark.parametrize(
        "name",
        [
            "db/user_db_password",
            "db/board_db_password",
            "redis/auth_token",
            "jwt/secret",
            "google/client_id",
            "google/client_secret",
            "monitoring/grafana_admin_password",
        ],
    )
    def test_secret_parameter_is_a_secure_string(self, prod: Recording, name: str) -> None:
        (parameter,) = [one for one in prod.of("Parameter") if one["name"] == f"/wealist/prod/{name}"]
        assert parameter["type"] == "SecureString"
        assert repr(parameter.inputs["value"]) == "Secret()"

    def test_the_masters_password_is_made_and_kept_by_rds(self, prod: Recording) -> None:
        database = prod.one("Instance")
        assert (database["manageMasterUserPassword"], database.get("password")) == (True, None)
        assert database["masterUserSecretKmsKeyId"] == prod.one("Key").outputs["arn"]
        assert not [one for one in prod.of("RandomPassword") if "master" in one.name]

    def test_the_masters_secret_is_found_by_a_parameter(self, prod: Recording) -> None:
        (parameter,) = [one for one in prod.of("Parameter") if one["name"] == "/wealist/prod/db/master_arn"]
        assert parameter["insecureValue"] == prod.one("Instance").outputs["masterUserSecrets"][0]["secretArn"]

    def test_passwords_are_accepted_by_scram_alone(self, prod: Recording) -> None:
        settings = {
            one["name"]: one["value"] for one in prod.one("ParameterGroup", "wealist-database-parameters")["parameters"]
        }
        assert settings["rds.accepted_password_auth_method"] == "scram"
        assert settings["password_encryption"] == "scram-sha-256"

    def test_databases_and_roles_are_made_by_a_document_on_a_machine_that_does_only_this(self, prod: Recording) -> None:
        document = prod.one("Document")
        association = prod.one("Association")
        assert document["name"] == "wealist-prod-database-init"
        assert association["name"] == document["name"]
        assert association["targets"] == [{"key": "tag:Name", "values": ["wealist-prod-database-init"]}]
        machine = prod.one("LaunchTemplate", "wealist-database-init-machine-template")
        assert machine["tagSpecifications"][0]["tags"]["Name"] == "wealist-prod-database-init"
        assert prod.one("Group", "wealist-database-init-machine-asg")["targetGroupArns"] == []
        assert "CREATE" in document["content"]


class TestCache:
    """§6."""

    def test_it_is_redis_7_on_cache_t3_micro(self, prod: Recording) -> None:
        cache = prod.one("ReplicationGroup")
        assert (cache["engine"], cache["engineVersion"], cache["nodeType"]) == ("redis", "7.0", "cache.t3.micro")
        assert cache["port"] == 6379

    def test_with_multi_az_the_primary_is_in_c_and_the_replica_in_d(self, prod: Recording) -> None:
        cache = prod.one("ReplicationGroup")
        assert cache["preferredCacheClusterAzs"] == [f"{REGION}c", f"{REGION}d"]
        assert (cache["automaticFailoverEnabled"], cache["multiAzEnabled"]) == (True, True)

    def test_without_multi_az_it_is_a_single_node_in_c(self, dev: Recording) -> None:
        cache = dev.one("ReplicationGroup")
        assert (cache["numCacheClusters"], cache["preferredCacheClusterAzs"]) == (1, [f"{REGION}c"])
        assert (cache["automaticFailoverEnabled"], cache["multiAzEnabled"]) == (False, False)


class TestDelivery:
    """§7."""

    @pytest.mark.parametrize("service", ["user-service", "board-service"])
    def test_repository(self, prod: Recording, service: str) -> None:
        assert prod.one("Repository", f"wealist-registry-{service}")["name"] == f"wealist-prod-{service}"

    @pytest.mark.parametrize("service", ["user-service", "board-service"])
    def test_application(self, prod: Recording, service: str) -> None:
        assert prod.one("Application", f"wealist-release-{service}")["name"] == f"wealist-prod-{service}"

    @pytest.mark.parametrize(("service", "target"), [("user-service", "user"), ("board-service", "board")])
    def test_deployment_group(self, prod: Recording, service: str, target: str) -> None:
        group = prod.one("DeploymentGroup", f"wealist-release-{service}-dg")
        assert group["deploymentConfigName"] == "CodeDeployDefault.OneAtATime"
        assert group["deploymentStyle"] == {"deploymentOption": "WITH_TRAFFIC_CONTROL", "deploymentType": "IN_PLACE"}
        assert group["loadBalancerInfo.targetGroupInfos"] == [{"name": f"wealist-prod-{target}-tg"}]
        assert group["autoscalingGroups"] == ["wealist-prod-backend-asg"]
        assert group["alarmConfiguration.alarms"] == [f"wealist-prod-{service}-5xx"]

    @pytest.mark.parametrize("service", ["user-service", "board-service"])
    def test_a_release_that_fails_is_told_where_the_alarms_are(self, prod: Recording, service: str) -> None:
        (trigger,) = prod.one("DeploymentGroup", f"wealist-release-{service}-dg")["triggerConfigurations"]
        assert trigger["triggerTargetArn"] == prod.one("Topic", "wealist-alarms-topic").outputs["arn"]
        assert {*trigger["triggerEvents"]} == {"DeploymentFailure", "DeploymentRollback", "DeploymentStop"}

    def test_codedeploy_may_say_so_on_that_encrypted_topic_and_on_no_other(self, prod: Recording) -> None:
        """The service role publishes, and so needs the topic's key (CodeDeploy's user guide, "Grant Amazon SNS permissions")."""
        (policy,) = [one for one in prod.of("aws:iam/policy:Policy") if one["name"] == "wealist-prod-codedeploy-policy"]
        (publish,) = [one for one in statements(policy["policy"]) if "sns:Publish" in one["Action"]]
        assert publish["Resource"] == prod.one("Topic", "wealist-alarms-topic").outputs["arn"]
        (key,) = [one for one in statements(policy["policy"]) if "kms:GenerateDataKey" in one["Action"]]
        assert key["Condition"] == {"StringEquals": {"kms:ViaService": "sns.ap-northeast-2.amazonaws.com"}}

    def test_instances_that_a_release_keeps_from_coming_up_are_told(self, prod: Recording) -> None:
        """Both groups deploy to a new instance, and either ends it when it fails."""
        releases = prod.of("DeploymentGroup")
        (shared,) = {name for group in releases for name in group["autoscalingGroups"]}
        alarm = prod.one("MetricAlarm", "wealist-alarms-backend-too-few")
        assert (len(releases), alarm["dimensions"]) == (2, {"AutoScalingGroupName": shared})
        assert (alarm["metricName"], alarm["comparisonOperator"]) == ("GroupInServiceInstances", "LessThanThreshold")
        group = prod.one("Group", "wealist-backend-asg")
        assert alarm["threshold"] == group["minSize"]
        assert alarm["metricName"] in group["enabledMetrics"]

    @pytest.mark.parametrize(
        "bucket",
        ["wealist-deploy-scripts", "wealist-app-resources", "wealist-codedeploy-artifacts", "wealist-app-artifacts"],
    )
    def test_bucket(self, prod: Recording, bucket: str) -> None:
        assert bucket in {one["bucket"] for one in prod.of("Bucket")}


class TestIdentity:
    """§9."""

    def policy(self, prod: Recording, name: str) -> list[dict[str, Any]]:
        (policy,) = [one for one in prod.of("aws:iam/policy:Policy") if one["name"] == name]
        return statements(policy["policy"])

    def granted(self, found: list[dict[str, Any]]) -> dict[str, set[str]]:
        grants: dict[str, set[str]] = {}
        for statement in found:
            for action in statement["Action"]:
                resources = statement["Resource"]
                grants.setdefault(action, set()).update([resources] if isinstance(resources, str) else resources)
        return grants

    def test_the_roles_have_their_documented_names(self, prod: Recording) -> None:
        made = {role["name"] for role in prod.of("Role") if role.type == "aws:iam/role:Role"}
        assert {"wealist-prod-ec2-role", "wealist-prod-github-actions-role", "wealist-prod-codedeploy-role"} <= made

    def test_instances_read_parameters_and_decrypt_with_the_systems_key_alone(self, prod: Recording) -> None:
        grants = self.granted(self.policy(prod, "wealist-prod-ssm-kms-policy"))
        parameters = {f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/wealist/*"}
        assert grants == {
            "ssm:GetParameter": parameters,
            "ssm:GetParameters": parameters,
            "ssm:GetParametersByPath": parameters,
            "kms:Decrypt": {prod.one("Key").outputs["arn"]},
        }

    def test_instances_pull_wealists_images(self, prod: Recording) -> None:
        repositories = {f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/wealist-prod-*"}
        assert self.granted(self.policy(prod, "wealist-prod-ecr-policy")) == {
            "ecr:GetAuthorizationToken": {"*"},
            "ecr:BatchCheckLayerAvailability": repositories,
            "ecr:GetDownloadUrlForLayer": repositories,
            "ecr:BatchGetImage": repositories,
        }

    def test_instances_use_the_documented_buckets(self, prod: Recording) -> None:
        grants = self.granted(self.policy(prod, "wealist-prod-s3-policy"))
        assert grants["s3:ListBucket"] == {"arn:aws:s3:::wealist-deploy-scripts", "arn:aws:s3:::wealist-app-resources"}
        assert grants["s3:PutObject"] == grants["s3:DeleteObject"] == {"arn:aws:s3:::wealist-app-resources/*"}
        assert {"arn:aws:s3:::wealist-deploy-scripts/*", "arn:aws:s3:::wealist-app-resources/*"} < grants[
            "s3:GetObject"
        ]

    def test_a_deployment_has_the_documented_actions_each_on_its_resource(self, prod: Recording) -> None:
        grants = self.granted(self.policy(prod, "wealist-prod-github-actions-policy"))
        documented = {
            "ssm:GetParameter", "ssm:PutParameter", "ssm:SendCommand", "ecr:GetAuthorizationToken", "ecr:*",
            "s3:PutObject", "s3:GetObject", "s3:DeleteObject", "codedeploy:CreateDeployment",
            "codedeploy:GetDeployment", "codedeploy:RegisterApplicationRevision", "ec2:DescribeInstances",
            "autoscaling:DescribeAutoScalingGroups", "cloudfront:CreateInvalidation",
        }  # fmt: skip
        assert documented < grants.keys()
        assert grants.keys() - documented == {
            "codedeploy:GetDeploymentConfig", "s3:ListBucket", "ssm:GetCommandInvocation",
        }  # fmt: skip
        assert grants["s3:ListBucket"] == {prod.one("Bucket", "wealist-site-bucket").outputs["arn"]}
        assert {action for action, resources in grants.items() if "*" in resources} == {
            "ecr:GetAuthorizationToken",
            "ec2:DescribeInstances",
            "autoscaling:DescribeAutoScalingGroups",
            "ssm:GetCommandInvocation",
        }
        assert grants["cloudfront:CreateInvalidation"] == {prod.one("Distribution").outputs["arn"]}
        assert grants["ssm:GetParameter"] == {f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/wealist/prod/*"}
        assert grants["ssm:PutParameter"] == {f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/wealist/prod/version/*"}

    def test_codedeploy_changes_only_wealists_groups(self, prod: Recording) -> None:
        grants = self.granted(self.policy(prod, "wealist-prod-codedeploy-policy"))
        anywhere = {action for action, resources in grants.items() if "*" in resources}
        assert all(action.split(":")[1].startswith(("Describe", "GetResources")) for action in anywhere)
        assert all("wealist-prod-" in one for one in grants["autoscaling:SuspendProcesses"])

    def test_github_is_trusted_by_oidc(self, prod: Recording) -> None:
        provider = prod.one("OpenIdConnectProvider")
        assert provider["url"] == "https://token.actions.githubusercontent.com"
        assert provider["clientIdLists"] == ["sts.amazonaws.com"]

    def test_a_stack_that_shares_the_account_uses_the_provider_there_is(self, dev: Recording) -> None:
        assert dev.of("OpenIdConnectProvider") == []
        (trust,) = statements(dev.one("aws:iam/role:Role", "wealist-github-actions-role")["assumeRolePolicy"])
        assert trust["Principal"]["Federated"].endswith(":oidc-provider/token.actions.githubusercontent.com")

    def test_instances_are_reached_by_session_manager(self, prod: Recording) -> None:
        attached = {one["policyArn"] for one in prod.of("RolePolicyAttachment")}
        assert "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore" in attached


class TestAlarms:
    """Whom Prometheus' alerts reach: `tests/alerts/test_wealist.py`."""

    def test_who_hears_nothing_of_prometheus_is_told(self, prod: Recording) -> None:
        """A dead man's switch: no message on a topic of its own for twenty minutes, and the alarms' topic says so."""
        alarm = prod.one("MetricAlarm", "wealist-alarms-prometheus-silent")
        counted = (alarm["namespace"], alarm["metricName"], dict(alarm["dimensions"]), alarm["treatMissingData"])
        assert counted == (
            "AWS/SNS", "NumberOfMessagesPublished", {"TopicName": "wealist-prod-heartbeat"}, "breaching",
        )  # fmt: skip
        assert (alarm["comparisonOperator"], alarm["threshold"]) == ("LessThanThreshold", 1)
        assert alarm["period"] * alarm["evaluationPeriods"] == 20 * 60
        assert [one.rpartition(":")[2] for one in alarm["alarmActions"]] == ["wealist-prod-alarms"]
