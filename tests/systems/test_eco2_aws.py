"""eco2.md's part of AWS, fact by fact, as the prod stack registers it; the Kubernetes objects have tests of their own."""

from __future__ import annotations

import base64
import fnmatch
import gzip
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from posixpath import normpath
from typing import Any
from urllib.parse import unquote

import boto3
import pytest

from infra.settings.eco2 import Eco2
from infra.systems.eco2 import versions
from rehearsal.recording import Recording, Registered
from rehearsal.values import Secret, contains
from tests.stacks import ACCOUNT, REGION
from tests.systems.eco2_account import account_up, policies_of, statements, stored, tagged

NODES = {
    "k8s-master": ("t3.xlarge", "control-plane", "Control Plane, Prometheus"),
    "k8s-api-auth": ("t3.small", "api", "auth-api, ext-authz"),
    "k8s-api-my": ("t3.small", "api", "my-api"),
    "k8s-api-scan": ("t3.medium", "api", "scan-api"),
    "k8s-api-character": ("t3.small", "api", "character-api"),
    "k8s-api-location": ("t3.small", "api", "location-api"),
    "k8s-api-image": ("t3.small", "api", "image-api"),
    "k8s-api-chat": ("t3.medium", "api", "chat-api"),
    "k8s-postgresql": ("t3.large", "data", "PostgreSQL"),
    "k8s-redis": ("t3.medium", "data", "Redis"),
    "k8s-monitoring": ("t3.large", "observability", "Prometheus, Grafana"),
    "k8s-ingress-gateway": ("t3.medium", "ingress", "Istio Gateway"),
    "k8s-worker-storage": ("t3.medium", "worker", "Celery (I/O)"),
    "k8s-worker-ai": ("t3.medium", "worker", "Celery (Network)"),
}
"""The document's fourteen, written down once more."""

ISSUER = "https://oidc.eco2.example.com"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/eco2/prod"


@pytest.fixture(scope="module")
def with_tenants(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """With workers for tenants."""
    folder = tmp_path_factory.mktemp("tenants")
    with account_up(folder, tenant_workers={"minimum": 0, "maximum": 4}) as recording:
        return recording


@pytest.fixture(scope="module")
def eco2(with_tenants: Recording, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """Up while the module's tests run, so that boto3 sees it: after the other, for a process has one account."""
    with account_up(tmp_path_factory.mktemp("eco2")) as recording:
        yield recording


def node(recording: Recording, name: str) -> Registered:
    return tagged(recording, "Instance", name)


def groups_by_id(recording: Recording) -> dict[str, str]:
    return {one.id: one["name"].removeprefix("eco2-prod-").removesuffix("-sg") for one in recording.of("SecurityGroup")}


class TestNodes:
    """노드 배치 (EC2)."""

    def test_the_fourteen_documented_nodes_and_no_others_stand(self, eco2: Recording) -> None:
        assert {one["tags.Name"] for one in eco2.of("Instance")} == NODES.keys()

    @pytest.mark.parametrize("name", NODES)
    def test_node_has_its_documented_type_and_role(self, eco2: Recording, name: str) -> None:
        found = node(eco2, name)
        assert (found["instanceType"], found["tags"]["eco2.internal/role"]) == NODES[name][:2]

    def test_the_table_of_nodes_is_the_documents(self, eco2: Recording) -> None:
        rows = {row["name"]: (row["type"], row["role"], row["runs"]) for row in eco2.stack_outputs["nodes"]}
        assert rows == NODES

    def test_the_table_says_where_each_node_is(self, eco2: Recording) -> None:
        subnets = {one.id: one["availabilityZone"] for one in eco2.of("Subnet")}
        for row in eco2.stack_outputs["nodes"]:
            assert subnets[node(eco2, row["name"])["subnetId"]] == row["zone"]

    def test_nodes_are_spread_over_three_zones_of_private_subnets(self, eco2: Recording) -> None:
        subnets = {one.id: one for one in eco2.of("Subnet")}
        theirs = [subnets[one["subnetId"]] for one in eco2.of("Instance")]
        assert {one["tags.Tier"] for one in theirs} == {"private"}
        assert {one["availabilityZone"] for one in theirs} == {f"{REGION}{zone}" for zone in "acd"}

    def test_no_node_has_a_public_address_or_an_ssh_key(self, eco2: Recording) -> None:
        for one in eco2.of("Instance"):
            assert one.get("associatePublicIpAddress") in (None, False)
            assert one.get("keyName") is None
        assert {one["mapPublicIpOnLaunch"] for one in eco2.of("Subnet")} == {False}

    def test_metadata_asks_for_a_token_and_answers_no_pod(self, eco2: Recording) -> None:
        options = [one["metadataOptions"] for one in eco2.of("Instance")]
        assert {one["httpTokens"] for one in options} == {"required"}
        assert {one["httpPutResponseHopLimit"] for one in options} == {1}

    def test_disks_are_encrypted_gp3_of_the_configured_size(self, eco2: Recording) -> None:
        disks = [one["rootBlockDevice"] for one in eco2.of("Instance")]
        assert {(one["volumeType"], one["encrypted"], one["volumeSize"]) for one in disks} == {("gp3", True, 40)}

    def test_a_new_image_or_script_touches_no_node_that_runs(self, eco2: Recording) -> None:
        assert {one.ignore_changes for one in eco2.of("Instance")} == {("ami", "userDataBase64")}

    def test_every_node_is_a_resource_of_its_own(self, eco2: Recording) -> None:
        """Replacing one node replaces one node: no other depends on it, but for what points at it."""
        urns = {one.urn for one in eco2.of("Instance")}
        assert [one.name for one in eco2.of("Instance") if one.dependencies & urns] == []

    def test_nodes_start_with_amazon_linux_2023(self, eco2: Recording) -> None:
        image = boto3.client("ssm", REGION).get_parameter(
            Name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
        )["Parameter"]["Value"]
        assert {one["ami"] for one in eco2.of("Instance")} == {image}

    def test_the_master_alone_is_protected_for_etcd_is_on_its_disk(self, eco2: Recording) -> None:
        protected = {one["tags.Name"] for one in eco2.of("Instance") if one.protect or one["disableApiTermination"]}
        assert protected == {"k8s-master"}

    def test_the_control_planes_name_is_the_masters_address_inside_the_vpc_alone(self, eco2: Recording) -> None:
        record = eco2.one("Record", "eco2-private-dns-control-plane")
        assert (record["name"], record["type"]) == ("k8s.eco2-prod.internal", "A")
        assert record["records"] == [node(eco2, "k8s-master").outputs["privateIp"]]
        found = boto3.client("route53").get_hosted_zone(Id=record["zoneId"])
        assert found["HostedZone"]["Config"]["PrivateZone"] is True
        assert [vpc["VPCId"] for vpc in found["VPCs"]] == [eco2.one("Vpc").id]

    def test_nodes_carry_the_clusters_tag_for_its_controllers(self, eco2: Recording) -> None:
        assert {one["tags"]["kubernetes.io/cluster/eco2-prod"] for one in eco2.of("Instance")} == {"owned"}

    def test_without_tenants_there_is_no_group_of_workers(self, eco2: Recording) -> None:
        assert [eco2.of("Group"), eco2.of("LaunchTemplate")] == [[], []]
        assert not [one for one in eco2.of("Role") if "tenant" in one["name"] or "autoscaler" in one["name"]]

    def test_tenants_get_an_auto_scaling_group_and_the_fourteen_stay(
        self, eco2: Recording, with_tenants: Recording
    ) -> None:
        group, template = with_tenants.one("Group"), with_tenants.one("LaunchTemplate")
        assert (group["minSize"], group["maxSize"], group.ignore_changes) == (0, 4, ("desiredCapacity",))
        assert with_tenants.one("BucketObjectv2", "eco2-bootstrap-bundle").urn in group.dependencies
        assert template["metadataOptions"]["httpPutResponseHopLimit"] == 1
        assert "/" not in "".join(template["tags"]) or template["metadataOptions"]["instanceMetadataTags"] == "disabled"
        tags = {tag["key"]: tag["value"] for tag in group["tags"]}
        assert tags["k8s.io/cluster-autoscaler/eco2-prod"] == "owned"
        before = {one.name: one["instanceType"] for one in eco2.of("Instance")}
        assert {one.name: one["instanceType"] for one in with_tenants.of("Instance")} == before


class TestBootstrapMaterial:
    """What a node finds when it starts."""

    def test_the_bundle_is_published_under_its_checksum(self, eco2: Recording) -> None:
        key = eco2.one("BucketObjectv2", "eco2-bootstrap-bundle")["key"]
        body = stored("bootstrap", key)
        assert hashlib.sha256(body).hexdigest() in key
        assert gzip.decompress(body)

    def test_every_node_waits_for_the_bundle_that_it_fetches(self, eco2: Recording) -> None:
        published = eco2.one("BucketObjectv2", "eco2-bootstrap-bundle")
        for one in eco2.of("Instance"):
            assert published.urn in one.dependencies
            assert published["key"] in base64.b64decode(one["userDataBase64"]).decode()

    def test_an_older_bundle_stays_for_a_node_that_is_made_again_as_it_was(self, eco2: Recording) -> None:
        assert eco2.one("BucketObjectv2", "eco2-bootstrap-bundle").retain_on_delete

    def test_no_secret_is_in_user_data_or_the_bundle(self, eco2: Recording) -> None:
        secrets = [one.outputs["result"] for one in eco2.of("RandomPassword")]
        bundle = gzip.decompress(
            base64.b64decode(eco2.one("BucketObjectv2", "eco2-bootstrap-bundle")["contentBase64"])
        ).decode()
        texts = [bundle, *(base64.b64decode(one["userDataBase64"]).decode() for one in eco2.of("Instance"))]
        assert [secret for secret in secrets if any(secret in text for text in texts)] == []

    def test_no_secret_is_registered_in_plain_text(self, eco2: Recording) -> None:
        secrets = {one.outputs["result"] for one in eco2.of("RandomPassword")}

        def leaks(value: Any) -> bool:
            return isinstance(value, str) and any(secret in value for secret in secrets)

        for one in eco2:
            for key, value in one.inputs.items():
                if not isinstance(value, Secret):
                    assert not contains(value, leaks), f"{one.name}.{key}"

    def test_the_parameters_are_those_that_machines_and_pods_ask_for(self, eco2: Recording) -> None:
        services = ("auth", "my", "scan", "character", "location", "image", "chat")
        assert {one["name"].removeprefix("/eco2/prod/") for one in eco2.of("Parameter")} == {
            "postgres/admin-password",
            *(f"postgres/{service}-password" for service in services),
            *(f"redis/{one}-password" for one in ("auth-api", "ext-authz", "celery-storage", "celery-ai", "probe")),
            "jwt/secret",
            *(f"oauth/{one}-client-{part}" for one in ("kakao", "google", "naver") for part in ("id", "secret")),
            "grafana/admin-password",
        }

    def test_every_parameter_is_encrypted_with_ecos_key(self, eco2: Recording) -> None:
        key = eco2.one("Key").outputs["arn"]
        plain = {
            one["name"] for one in eco2.of("Parameter") if (one["type"], one.get("keyId")) != ("SecureString", key)
        }
        assert plain == set()

    def test_each_of_the_projects_images_has_a_repository(self, eco2: Recording) -> None:
        apis = {f"eco2-prod-{name.removeprefix('k8s-api-')}-api" for name in NODES if name.startswith("k8s-api-")}
        own = {one["name"] for one in eco2.of("Repository") if "/" not in one["name"]}
        assert own == {*apis, "eco2-prod-ext-authz", "eco2-prod-celery"}

    def test_istios_images_have_repositories_where_the_nodes_pull_them_from_the_stacks_registry(
        self, eco2: Recording
    ) -> None:
        mirrored = {one["name"] for one in eco2.of("Repository") if "/" in one["name"]}
        assert mirrored == {f"eco2-prod-istio/{image}" for image in versions.ISTIO_IMAGE_NAMES}

    @pytest.mark.parametrize("part", ["etcd-snapshots", "etcd-checksums"])
    def test_a_snapshot_is_written_once_and_locked(self, eco2: Recording, part: str) -> None:
        assert eco2.one("Bucket", f"eco2-{part}")["objectLockEnabled"] is True
        policy = json.loads(eco2.one("BucketPolicy", f"eco2-{part}-policy")["policy"])["Statement"]
        denied = {one["Sid"]: one for one in policy if one["Action"] == ["s3:PutObject"]}
        assert {one["Effect"] for one in denied.values()} == {"Deny"}
        assert {one["Resource"] for one in denied.values()} == {f"arn:aws:s3:::eco2-example-{part}/*"}
        assert denied["OnlyOnce"]["Condition"] == {"Null": {"s3:if-none-match": "true"}}
        assert denied["OnlyLocked"]["Condition"] == {"StringNotEquals": {"s3:object-lock-mode": "GOVERNANCE"}}

    def test_no_role_ends_a_lock_earlier(self, with_tenants: Recording) -> None:
        for policy in with_tenants.of("Policy"):
            for one in json.loads(policy["policy"])["Statement"]:
                assert not [action for action in one["Action"] if "Bypass" in action or action == "s3:*"]

    @pytest.mark.parametrize(
        ("part", "days"), [("etcd-snapshots", 14), ("etcd-checksums", 14), ("postgres-backups", 14)]
    )
    def test_backups_are_kept_as_long_as_settings_say(self, eco2: Recording, part: str, days: int) -> None:
        rules = eco2.one("BucketLifecycleConfiguration", f"eco2-{part}-lifecycle")["rules"]
        assert [rule["expiration"]["days"] for rule in rules if rule.get("expiration")] == [days]


EDGES = {
    ("0.0.0.0/0", "alb", "tcp", 80),
    ("0.0.0.0/0", "alb", "tcp", 443),
    ("alb", "ingress", "tcp", 30080),
    ("alb", "ingress", "tcp", 30021),
    ("node", "node", "udp", 4789),
    ("node", "node", "udp", 51820),
    ("node", "node", "tcp", 5473),
    ("node", "control-plane", "tcp", 6443),
    ("control-plane", "node", "tcp", 10250),
    ("monitoring", "node", "tcp", 10250),
    ("control-plane", "node", "tcp", 9100),
    ("monitoring", "node", "tcp", 9100),
    ("10.2.0.0/16", "endpoints", "tcp", 443),
}


def rules(recording: Recording, type_: str) -> set[tuple[str, str, str, int]]:
    names = groups_by_id(recording)
    found = set()
    for one in recording.of(type_):
        assert one["fromPort"] == one["toPort"]
        other = names.get(one.get("referencedSecurityGroupId")) or one["cidrIpv4"]
        own = names[one["securityGroupId"]]
        ends = (other, own) if "Ingress" in type_ else (own, other)
        found.add((*ends, one["ipProtocol"], int(one["fromPort"])))
    return found


class TestNetwork:
    """AWS VPC."""

    def test_eco2_has_a_vpc_of_its_own(self, eco2: Recording) -> None:
        assert (eco2.one("Vpc")["cidrBlock"], eco2.one("Vpc")["tags.Name"]) == ("10.2.0.0/16", "eco2-prod-vpc")

    def test_what_goes_in_is_what_kubernetes_its_network_and_the_mesh_need(self, eco2: Recording) -> None:
        assert rules(eco2, "SecurityGroupIngressRule") == EDGES

    def test_what_goes_out_is_the_same_edges_and_https(self, eco2: Recording) -> None:
        between = {edge for edge in EDGES if not edge[0][0].isdigit()}
        assert rules(eco2, "SecurityGroupEgressRule") == between | {("node", "0.0.0.0/0", "tcp", 443)}

    def test_every_rule_says_why(self, eco2: Recording) -> None:
        found = [*eco2.of("SecurityGroupIngressRule"), *eco2.of("SecurityGroupEgressRule")]
        assert [one.name for one in found if len(one.get("description") or "") < 5] == []

    @pytest.mark.parametrize("port", [22, 2379, 2380, 15010, 15012, 30000, 8000, 5432, 6379, 50051])
    def test_no_rule_opens(self, eco2: Recording, port: int) -> None:
        """Remote shells, etcd, and what pods say to each other inside the overlay."""
        assert port not in {edge[3] for edge in rules(eco2, "SecurityGroupIngressRule")}

    @pytest.mark.parametrize(
        ("name", "groups"),
        [
            ("k8s-master", {"node", "control-plane"}),
            ("k8s-monitoring", {"node", "monitoring"}),
            ("k8s-ingress-gateway", {"node", "ingress"}),
            ("k8s-api-auth", {"node"}),
            ("k8s-postgresql", {"node"}),
            ("k8s-worker-ai", {"node"}),
        ],
    )
    def test_node_is_in_its_roles_groups(self, eco2: Recording, name: str, groups: set[str]) -> None:
        names = groups_by_id(eco2)
        assert {names[one] for one in node(eco2, name)["vpcSecurityGroupIds"]} == groups

    def test_exactly_one_group_of_a_node_is_the_clusters(self, eco2: Recording) -> None:
        own = {one["name"] for one in eco2.of("SecurityGroup") if "kubernetes.io/cluster/eco2-prod" in one["tags"]}
        assert own == {"eco2-prod-node-sg"}

    def test_session_manager_and_s3_need_no_nat(self, eco2: Recording) -> None:
        services = {one["serviceName"].rpartition(".")[2] for one in eco2.of("VpcEndpoint")}
        assert services == {"ssm", "ssmmessages", "ec2messages", "s3"}

    def test_the_s3_endpoint_lets_the_layers_of_kubernetes_own_images_through(self, eco2: Recording) -> None:
        (policy,) = [json.loads(one["policy"]) for one in eco2.of("VpcEndpoint") if one["serviceName"].endswith(".s3")]
        buckets = {arn for one in policy["Statement"] for arn in one["Resource"]}
        assert f"arn:aws:s3:::prod-registry-k8s-io-{REGION}/*" in buckets

    def test_settings_without_a_way_out_are_refused(self) -> None:
        section = {
            "domain": "eco2.example.com",
            "bucket_prefix": "eco2-example",
            "network": {"cidr": "10.2.0.0/16", "zones": {"a": 0, "c": 1, "d": 2}, "nat": "none"},
            "gitops": {"repository": "https://git.example/platform"},
            "images": {"auth-api": "1.0.0"},
        }
        with pytest.raises(ValueError, match=r"network\.nat is none: allowed: single, per_zone"):
            Eco2.model_validate(section)


TRANSFORMATIONS: dict[str, Callable[[str], str]] = {"URL_DECODE": unquote, "NORMALIZE_PATH": normpath}


def waf_holds(statement: dict[str, Any], path: str, labels: set[str]) -> bool:
    """Whether WAF finds a request of that path and those labels to be what the statement says."""
    ((kind, inner),) = ((kind, inner) for kind, inner in statement.items() if inner is not None)
    match kind:
        case "andStatement":
            return all(waf_holds(one, path, labels) for one in inner["statements"])
        case "orStatement":
            return any(waf_holds(one, path, labels) for one in inner["statements"])
        case "notStatement":
            return not waf_holds(inner["statement"], path, labels)
        case "labelMatchStatement":
            return inner["key"] in labels
    assert (kind, inner["positionalConstraint"]) == ("byteMatchStatement", "STARTS_WITH")
    for one in sorted(inner["textTransformations"], key=lambda one: one["priority"]):
        path = TRANSFORMATIONS[one["type"]](path.split("?", maxsplit=1)[0])
    return path.startswith(inner["searchString"])


class TestEdge:
    """Client → Route 53 → ALB (HTTPS 443) → Istio Ingress Gateway."""

    def test_the_apis_host_is_an_alias_of_the_load_balancer(self, eco2: Recording) -> None:
        record = eco2.one("Record", "eco2-dns-api-a")
        assert (record["name"], record["type"]) == ("api.eco2.example.com", "A")
        assert record["aliases"][0]["name"] == eco2.one("LoadBalancer").outputs["dnsName"]

    def test_https_ends_at_the_load_balancer_with_a_certificate_of_the_apis_host(self, eco2: Recording) -> None:
        listener = eco2.one("Listener", "eco2-api-https")
        certificate = eco2.one("Certificate", "eco2-api-certificate-certificate")
        assert (listener["port"], listener["protocol"]) == (443, "HTTPS")
        assert (listener["certificateArn"], certificate["domainName"]) == (certificate.id, "api.eco2.example.com")

    def test_plain_http_is_only_redirected(self, eco2: Recording) -> None:
        (action,) = eco2.one("Listener", "eco2-api-http")["defaultActions"]
        assert (action["type"], action["redirect"]["protocol"]) == ("redirect", "HTTPS")

    def test_the_apis_host_alone_is_forwarded(self, eco2: Recording) -> None:
        rule = eco2.one("ListenerRule")
        hosts = [one["hostHeader"]["values"] for one in rule["conditions"] if one.get("hostHeader")]
        assert hosts == [["api.eco2.example.com"]]
        (action,) = rule["actions"]
        assert (action["type"], action["targetGroupArn"]) == ("forward", eco2.one("TargetGroup").id)
        (default,) = eco2.one("Listener", "eco2-api-https")["defaultActions"]
        assert (default["type"], default["fixedResponse"]["statusCode"]) == ("fixed-response", "404")

    def test_the_target_is_the_ingress_gateways_node(self, eco2: Recording) -> None:
        attached = eco2.one("TargetGroupAttachment")
        assert (attached["targetId"], attached["port"]) == (node(eco2, "k8s-ingress-gateway").id, 30080)

    def test_health_is_the_gateways_readiness(self, eco2: Recording) -> None:
        check = eco2.one("TargetGroup")["healthCheck"]
        assert (check["port"], check["path"], check["matcher"]) == ("30021", "/healthz/ready", "200")

    def test_the_load_balancer_passes_the_clients_address_on(self, eco2: Recording) -> None:
        """Its default, append: what the mesh's numTrustedProxies counts on."""
        assert eco2.one("LoadBalancer").get("xffHeaderProcessingMode") in (None, "append")

    def test_a_web_socket_may_be_silent_for_five_minutes(self, eco2: Recording) -> None:
        assert eco2.one("LoadBalancer")["idleTimeout"] == 300

    def test_the_firewall_guards_the_load_balancer(self, eco2: Recording) -> None:
        found = boto3.client("wafv2", REGION).get_web_acl_for_resource(ResourceArn=eco2.one("LoadBalancer").id)
        assert found["WebACL"]["ARN"] == eco2.one("WebAcl").outputs["arn"]

    def test_an_address_is_refused_above_the_configured_rate(self, eco2: Recording) -> None:
        first = min(eco2.one("WebAcl")["rules"], key=lambda rule: rule["priority"])
        rate = first["statement"]["rateBasedStatement"]
        assert (rate["limit"], rate["aggregateKeyType"], rate["evaluationWindowSec"]) == (3000, "IP", 300)
        assert "block" in first["action"]

    def test_uploads_are_not_refused_for_their_size(self, eco2: Recording) -> None:
        overrides = {
            group["name"]: [(one["name"], *one["actionToUse"]) for one in group["ruleActionOverrides"]]
            for rule in eco2.one("WebAcl")["rules"]
            if (group := rule["statement"].get("managedRuleGroupStatement"))
        }
        assert overrides == {
            "AWSManagedRulesAmazonIpReputationList": [],
            "AWSManagedRulesKnownBadInputsRuleSet": [],
            "AWSManagedRulesCommonRuleSet": [
                ("SizeRestrictions_BODY", "count"),
                ("CrossSiteScripting_BODY", "count"),
                ("GenericLFI_BODY", "count"),
            ],
        }

    @pytest.mark.parametrize(
        ("path", "blocked"),
        [
            ("/api/v1/image/1", False),
            ("/api/v1/auth/login", True),
            ("/api/v1/images", True),
            ("/api/v1/image/../auth/login", True),
            ("/api/v1/image/%2e%2e/auth/login", True),
            ("/api/v1/image/..%2fauth/login", True),
            ("/x?/api/v1/image/", True),
        ],
    )
    @pytest.mark.parametrize("label", ["CrossSiteScripting_Body", "GenericLFI_Body"])
    def test_an_attack_in_a_body_is_refused_but_where_images_arrive(
        self, eco2: Recording, path: str, blocked: bool, label: str
    ) -> None:
        """As WAF tries the rule: what the group found is a label by then, and transformations come in their order."""
        last = max(eco2.one("WebAcl")["rules"], key=lambda rule: rule["priority"])
        labels = {f"awswaf:managed:aws:core-rule-set:{label}"}
        assert (last["action"], waf_holds(last["statement"], path, labels)) == ({"block": {}}, blocked)
        assert not waf_holds(last["statement"], path, {"awswaf:managed:aws:core-rule-set:SizeRestrictions_Body"})

    def test_the_firewalls_log_holds_no_credentials(self, eco2: Recording) -> None:
        log = eco2.one("WebAclLoggingConfiguration")
        assert {one["singleHeader"]["name"] for one in log["redactedFields"]} == {
            "authorization", "cookie", "x-refresh-token",
        }  # fmt: skip
        assert log["logDestinationConfigs"] == [eco2.one("LogGroup", "eco2-waf-logs").outputs["arn"]]

    def test_a_failed_node_and_an_edge_without_gateway_are_told(self, eco2: Recording) -> None:
        watched = {one["dimensions"].get("InstanceId") for one in eco2.of("MetricAlarm")} - {None}
        assert watched == {one.id for one in eco2.of("Instance")}
        assert {one["name"] for one in eco2.of("MetricAlarm") if "InstanceId" not in one["dimensions"]} == {
            "eco2-prod-api-5xx",
            "eco2-prod-no-healthy-gateway",
            "eco2-prod-prometheus-silent",
        }

    def test_who_hears_nothing_of_alertmanager_is_told(self, eco2: Recording) -> None:
        """A dead man's switch: no message on a topic of its own for twenty minutes, and the alarms' topic says so."""
        alarm = next(one for one in eco2.of("MetricAlarm") if one["name"] == "eco2-prod-prometheus-silent")
        counted = (alarm["namespace"], alarm["metricName"], alarm["statistic"], dict(alarm["dimensions"]))
        assert counted == ("AWS/SNS", "NumberOfMessagesPublished", "Sum", {"TopicName": "eco2-prod-heartbeat"})
        assert (alarm["comparisonOperator"], alarm["threshold"], alarm["treatMissingData"]) == (
            "LessThanThreshold",
            1,
            "breaching",
        )
        assert alarm["alarmActions"] == [topic_arn("alarms")]
        assert alarm["period"] * alarm["evaluationPeriods"] == 20 * 60

    def test_alertmanager_speaks_on_two_topics_and_does_nothing_else(self, eco2: Recording) -> None:
        role = next(one for one in eco2.of("RolePolicyAttachment") if one["role"] == "eco2-prod-alertmanager")
        policy = next(one for one in eco2.of("Policy") if one.outputs["arn"] == role["policyArn"])
        publishes, encrypts = json.loads(policy["policy"])["Statement"]
        assert publishes["Action"] == ["sns:Publish"]
        assert publishes["Resource"] == [topic_arn("alarms"), topic_arn("heartbeat")]
        assert encrypts["Condition"] == {"StringEquals": {"kms:ViaService": "sns.ap-northeast-2.amazonaws.com"}}
        assert all(one["kmsMasterKeyId"] for one in eco2.of("Topic"))


def topic_arn(name: str) -> str:
    return f"arn:aws:sns:ap-northeast-2:{ACCOUNT}:eco2-prod-{name}"


ROLES = {
    "aws-load-balancer-controller": ("kube-system", "aws-load-balancer-controller"),
    "external-dns": ("external-dns", "external-dns"),
    "external-secrets": ("external-secrets", "external-secrets"),
    "ebs-csi": ("kube-system", "ebs-csi-controller-sa"),
    "postgres-backup": ("postgres", "postgres-backup"),
    "alertmanager": ("prometheus", "eco2-alertmanager"),
}


def published(path: str) -> dict[str, Any]:
    """What CloudFront would fetch from the issuer's bucket."""
    found: dict[str, Any] = json.loads(stored("issuer", path))
    return found


def admits(trust: dict[str, Any], claims: dict[str, Any]) -> bool:
    """Whether STS would let the bearer of the claims assume the role: the provider is the issuer's, every condition holds."""
    issuer = claims["iss"].removeprefix("https://")
    for statement in trust["Statement"]:
        assert (statement["Effect"], statement["Action"]) == ("Allow", ["sts:AssumeRoleWithWebIdentity"])
        assert statement["Condition"].keys() == {"StringEquals"}
        asked = statement["Condition"]["StringEquals"]
        told = {f"{issuer}:{claim}": claims[claim] for claim in ("sub", "aud")}
        if statement["Principal"]["Federated"] == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}":
            return all(told.get(key) == value for key, value in asked.items()) and asked.keys() >= told.keys()
    return False


class TestIdentity:
    """IRSA: a service account's token is a role in AWS."""

    @pytest.fixture
    def claims(self) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": ISSUER,
            "sub": "system:serviceaccount:external-dns:external-dns",
            "aud": "sts.amazonaws.com",
            "iat": now,
            "exp": now + 3600,
        }

    def test_the_issuers_documents_are_where_its_host_says(self, eco2: Recording) -> None:
        discovery = published(".well-known/openid-configuration")
        assert (discovery["issuer"], discovery["id_token_signing_alg_values_supported"]) == (ISSUER, ["RS256"])
        assert eco2.one("Distribution")["aliases"] == ["oidc.eco2.example.com"]
        provider = boto3.client("iam").get_open_id_connect_provider(
            OpenIDConnectProviderArn=eco2.one("OpenIdConnectProvider").id
        )
        assert (provider["Url"], provider["ClientIDList"]) == ("oidc.eco2.example.com", ["sts.amazonaws.com"])

    def test_only_the_issuers_distribution_reads_its_bucket(self, eco2: Recording) -> None:
        policy = json.loads(eco2.one("BucketPolicy", "eco2-issuer-bucket-policy")["policy"])
        (reader,) = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
        assert reader["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert reader["Condition"] == {"StringEquals": {"aws:SourceArn": eco2.one("Distribution").outputs["arn"]}}

    def test_every_role_for_a_service_account_is_known(self, eco2: Recording) -> None:
        federated = {one["name"] for one in eco2.of("Role") if "WebIdentity" in one["assumeRolePolicy"]}
        assert federated == {f"eco2-prod-{label}" for label in ROLES}

    @pytest.mark.parametrize("label", ROLES)
    def test_role_admits_its_service_account_alone(self, eco2: Recording, claims: dict[str, Any], label: str) -> None:
        namespace, account = ROLES[label]
        (role,) = [one for one in eco2.of("Role") if one["name"] == f"eco2-prod-{label}"]
        trust = json.loads(role["assumeRolePolicy"])
        good = {**claims, "sub": f"system:serviceaccount:{namespace}:{account}"}
        assert admits(trust, good)
        near_misses: list[dict[str, Any]] = [
            {"sub": f"system:serviceaccount:default:{account}"},
            {"sub": f"system:serviceaccount:{namespace}:default"},
            {"sub": f"system:serviceaccount:{namespace}:{account}-2"},
            {"sub": f"system:serviceaccount:{namespace}"},
            {"sub": "*"},
            {"aud": ISSUER},
            {"aud": "https://kubernetes.default.svc.cluster.local"},
            {"iss": "https://oidc.eco2.example.com.attacker.example"},
            {"iss": "https://oidc.eco2-dev.example.com"},
        ]
        for miss in near_misses:
            assert not admits(trust, {**good, **miss}), miss
        others = [f"system:serviceaccount:{one}:{two}" for one, two in ROLES.values() if (one, two) != ROLES[label]]
        assert not any(admits(trust, {**good, "sub": sub}) for sub in others)

    def test_the_keys_are_the_masters_to_publish(self, eco2: Recording) -> None:
        assert {one["key"] for one in eco2.of("BucketObjectv2") if one["bucket"] == "eco2-example-issuer"} == {
            ".well-known/openid-configuration"
        }

    def test_nobody_but_the_master_decrypts_its_keys(self, eco2: Recording) -> None:
        (found,) = [
            one for one in json.loads(eco2.one("Key")["policy"])["Statement"] if one.get("Sid") == "TheMastersKeys"
        ]
        assert (found["Effect"], found["Principal"], found["Action"]) == ("Deny", {"AWS": "*"}, ["kms:Decrypt"])
        names = {f"{PARAMETER}/kubernetes/service-account-keys", f"{PARAMETER}/kubernetes/encryption-keys"}
        assert set(found["Condition"]["StringLike"]["kms:EncryptionContext:PARAMETER_ARN"]) == names
        master = f"arn:aws:iam::{ACCOUNT}:role/eco2-prod-node-control-plane"
        assert found["Condition"]["StringNotEquals"] == {"aws:PrincipalArn": master}
        assert eco2.one("Role", "eco2-node-control-plane").outputs["arn"] == master


ALL_ACTIONS_WITHOUT_A_RESOURCE = (
    "ec2:Describe*", "ec2:Get*", "elasticloadbalancing:Describe*", "autoscaling:Describe*", "acm:*", "wafv2:GetWebACL*",
    "ecr:GetAuthorizationToken", "route53:ListHostedZones", "ssm:UpdateInstanceInformation", "ssmmessages:*",
    "ec2messages:*",
)  # fmt: skip
"""What the service authorization reference gives no resource level, or what only describes."""

SAMPLES = ("kubernetes/join/i-0own", "kubernetes/service-account-keys", "kubernetes/encryption-keys", "jwt/secret")


def may(found: list[dict[str, Any]], action: str, resource: str, **context: str) -> bool:
    """IAM's decision for one request: an explicit deny wins, and a condition on what the request does not say fails."""

    def filled(value: str) -> str:
        """With its policy variable; one that the request does not say makes the statement none."""
        return re.sub(r"\$\{([^}]+)\}", lambda found: context.get(found[1].replace(":", "_"), "no such key"), value)

    def matches(one: dict[str, Any]) -> bool:
        wanted = [fnmatch.fnmatchcase(action, pattern) for pattern in one["Action"]]
        there = [fnmatch.fnmatchcase(resource, pattern) for pattern in one["Resource"]]
        held = [
            any(fnmatch.fnmatchcase(context.get(key.replace(":", "_"), ""), filled(value)) for value in _listed(values))
            for conditions in one.get("Condition", {}).values()
            for key, values in conditions.items()
        ]
        return any(wanted) and any(there) and all(held)

    decided = [one["Effect"] for one in found if matches(one)]
    return "Allow" in decided and "Deny" not in decided


def _listed(values: Any) -> list[str]:
    return values if isinstance(values, list) else [values]


class TestAccess:
    """Least privilege."""

    def test_each_role_of_nodes_has_an_instance_profile_of_its_own(self, eco2: Recording) -> None:
        for name, (_, role, _) in NODES.items():
            assert node(eco2, name)["iamInstanceProfile"] == f"eco2-prod-node-{role}"
        roles = {one["name"]: one["role"] for one in eco2.of("InstanceProfile")}
        assert all(name == role for name, role in roles.items())

    @pytest.mark.parametrize(
        ("role", "policies"),
        [
            ("control-plane", {"node", "node-control-plane"}),
            ("api", {"node", "node-join", "node-images"}),
            ("worker", {"node", "node-join", "node-images"}),
            ("data", {"node", "node-join"}),
            ("observability", {"node", "node-join"}),
            ("ingress", {"node", "node-join"}),
        ],
    )
    def test_role_of_nodes_has_its_policies(self, eco2: Recording, role: str, policies: set[str]) -> None:
        assert policies_of(eco2, f"node-{role}") == policies

    def test_the_master_encrypts_snapshots_by_way_of_their_bucket_alone(self, eco2: Recording) -> None:
        policy = eco2.one("Policy", "eco2-node-control-plane-node-control-plane")
        (one,) = [s for s in json.loads(policy["policy"])["Statement"] if "kms:GenerateDataKey" in s["Action"]]
        assert one["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]
        assert one["Resource"] == eco2.one("Key").outputs["arn"]
        buckets = [f"arn:aws:s3:::eco2-example-{part}" for part in ("etcd-snapshots", "etcd-checksums")]
        assert one["Condition"] == {
            "StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"},
            "StringLike": {
                "kms:EncryptionContext:aws:s3:arn": [
                    f"{one}{below}" for one in buckets for below in ("", "/snapshots/*")
                ]
            },
        }

    def test_everything_stands_for_a_resource_only_where_aws_knows_none(self, with_tenants: Recording) -> None:
        wide = {
            action
            for policy in with_tenants.of("Policy")
            for one in json.loads(policy["policy"])["Statement"]
            if one["Effect"] == "Allow" and one["Resource"] == "*"
            for action in one["Action"]
        }
        allowed = {
            action
            for action in wide
            if any(fnmatch.fnmatchcase(action, pattern) for pattern in ALL_ACTIONS_WITHOUT_A_RESOURCE)
        }
        assert wide - allowed == set()
        assert wide

    def test_no_policy_allows_whole_services(self, with_tenants: Recording) -> None:
        for policy in with_tenants.of("Policy"):
            for one in json.loads(policy["policy"])["Statement"]:
                assert one["Effect"] == "Deny" or not [action for action in one["Action"] if "*" in action]

    @pytest.mark.parametrize("role", ["api", "data", "observability", "ingress", "worker"])
    def test_a_worker_reads_its_own_hand_over_and_no_other_parameter(self, eco2: Recording, role: str) -> None:
        found = [one for policy in policies_of(eco2, f"node-{role}") for one in statements(eco2, policy)]
        (own, other), tag = (
            (f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{one}" for one in ("i-0own", "i-0other")),
            ("aws_ResourceTag/eco2.internal/instance"),
        )

        def readable(tagged: str | None) -> list[str]:
            context = {"ec2_SourceInstanceARN": own, **({tag: tagged} if tagged else {})}
            return [name for name in SAMPLES if may(found, "ssm:GetParameter", f"{PARAMETER}/{name}", **context)]

        assert readable(own) == [SAMPLES[0]]
        assert readable(other) == readable(None) == []
        assert not may(found, "ssm:GetParameter", f"{PARAMETER}/{SAMPLES[0]}", **{tag: own}), "from outside a machine"
        for action in ("ssm:PutParameter", "ssm:AddTagsToResource", "ssm:DeleteParameter"):
            assert not may(found, action, f"{PARAMETER}/{SAMPLES[0]}", **{"ec2_SourceInstanceARN": own, tag: own})

    @pytest.mark.parametrize(("role", "names"), [("api", {SAMPLES[0]}), ("control-plane", set(SAMPLES[:3]))])
    def test_a_node_decrypts_what_it_may_read_alone(self, eco2: Recording, role: str, names: set[str]) -> None:
        found = [one for policy in policies_of(eco2, f"node-{role}") for one in statements(eco2, policy)]
        key, through = eco2.one("Key").outputs["arn"], {"kms_ViaService": f"ssm.{REGION}.amazonaws.com"}

        def decrypts(name: str, **context: str) -> bool:
            parameter = {"kms_EncryptionContext_PARAMETER_ARN": f"{PARAMETER}/{name}"}
            return may(found, "kms:Decrypt", key, **parameter, **context)

        assert {name for name in SAMPLES if decrypts(name, **through)} == names
        assert not any(decrypts(name) for name in SAMPLES)

    def test_the_master_hands_tokens_over_and_saves_etcd(self, eco2: Recording) -> None:
        found = statements(eco2, "node-control-plane")
        for action in ("ssm:AddTagsToResource", "ssm:DeleteParameter"):
            assert [name for name in SAMPLES if may(found, action, f"{PARAMETER}/{name}")] == [SAMPLES[0]], action
        assert [name for name in SAMPLES if may(found, "ssm:PutParameter", f"{PARAMETER}/{name}")] == list(SAMPLES[:3])
        issuer = "arn:aws:s3:::eco2-example-issuer"
        assert may(found, "s3:PutObject", f"{issuer}/openid/v1/jwks")
        assert not may(found, "s3:PutObject", f"{issuer}/.well-known/openid-configuration")
        assert not may(found, "s3:GetObject", f"{issuer}/openid/v1/jwks")
        assert may(found, "ssm:GetParametersByPath", f"{PARAMETER}/kubernetes/join")
        bucket = "arn:aws:s3:::eco2-example-etcd-snapshots"
        assert may(found, "s3:PutObject", f"{bucket}/snapshots/20261121T000000Z/etcd.db")
        assert may(found, "s3:ListBucket", bucket, s3_prefix="snapshots/")
        for action in ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"):
            assert not may(found, action, f"{bucket}/snapshots/20261121T000000Z/etcd.db")
        assert not may(found, "s3:GetObject", "arn:aws:s3:::eco2-example-postgres-backups/x")

    def test_every_node_fetches_the_bundle(self, eco2: Recording) -> None:
        key = eco2.one("BucketObjectv2", "eco2-bootstrap-bundle")["key"]
        found = statements(eco2, "node")
        assert may(found, "s3:GetObject", f"arn:aws:s3:::eco2-example-bootstrap/{key}")
        assert not may(found, "s3:PutObject", f"arn:aws:s3:::eco2-example-bootstrap/{key}")

    def test_external_secrets_reads_all_but_the_clusters_own_parameters(self, eco2: Recording) -> None:
        found = statements(eco2, "external-secrets")
        assert may(found, "ssm:GetParameter", f"{PARAMETER}/postgres/auth-password")
        assert not [one for one in SAMPLES[:3] if may(found, "ssm:GetParameter", f"{PARAMETER}/{one}")]
        assert not may(found, "ssm:GetParametersByPath", PARAMETER)
        assert not may(found, "ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/wealist/prod/jwt/secret")

    def test_the_load_balancer_controller_changes_its_own_and_the_documents_targets(self, eco2: Recording) -> None:
        found = statements(eco2, "aws-load-balancer-controller")
        balancer = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/tenant/1"
        own = {"aws_ResourceTag/elbv2.k8s.aws/cluster": "eco2-prod"}
        assert may(found, "elasticloadbalancing:DeleteLoadBalancer", balancer, **own)
        assert not may(found, "elasticloadbalancing:DeleteLoadBalancer", balancer)
        assert not may(found, "elasticloadbalancing:DeleteLoadBalancer", eco2.one("LoadBalancer").id)
        target = eco2.one("TargetGroup").id
        assert may(found, "elasticloadbalancing:RegisterTargets", target)
        assert not may(found, "elasticloadbalancing:DeleteTargetGroup", target)

    def test_the_volume_driver_touches_the_clusters_volumes_alone(self, eco2: Recording) -> None:
        found = statements(eco2, "ebs-csi")
        volume = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-1"
        own = {"aws_ResourceTag/kubernetes.io/cluster/eco2-prod": "owned"}
        assert may(found, "ec2:DeleteVolume", volume, **own)
        assert not may(found, "ec2:DeleteVolume", volume)
        assert not may(found, "ec2:CreateVolume", volume)
        assert may(found, "ec2:CreateVolume", volume, **{"aws_RequestTag/kubernetes.io/cluster/eco2-prod": "owned"})

    def test_a_backup_is_written_and_never_read_or_deleted(self, eco2: Recording) -> None:
        found = statements(eco2, "postgres-backup")
        dump = "arn:aws:s3:::eco2-example-postgres-backups/2026-11-21T000000Z/auth.dump"
        allowed = [one for one in ("PutObject", "GetObject", "DeleteObject") if may(found, f"s3:{one}", dump)]
        assert allowed == ["PutObject"]

    def test_the_autoscaler_sizes_its_own_groups_alone(self, with_tenants: Recording) -> None:
        found = statements(with_tenants, "cluster-autoscaler")
        group = with_tenants.one("Group").outputs["arn"]
        own = {"aws_ResourceTag/k8s.io/cluster-autoscaler/eco2-prod": "owned"}
        assert may(found, "autoscaling:SetDesiredCapacity", group, **own)
        assert not may(found, "autoscaling:SetDesiredCapacity", group)
