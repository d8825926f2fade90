"""Each danger, shown by one change of the production stack; and changes that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from rehearsal.preview.comparison import compare
from rehearsal.preview.dangers import dangers_of
from rehearsal.preview.dangers.model import CLOSE, OPEN, Danger, Rank
from rehearsal.preview.dangers.protections import WATCHED
from rehearsal.preview.dangers.stateful import STATEFUL
from rehearsal.preview.snapshot import Resource, Snapshot
from tests.preview.changes import Edit, added, document, edited, find, removed, renamed, together, with_

RDS, REDIS = ("Instance", "wealist-database-instance"), ("ReplicationGroup", "wealist-cache-group")
RULE, DATABASE_RULE = "SecurityGroupIngressRule", "wealist-security-rds-from-ec2-5432"
POLICY, EXT_AUTHZ = "AuthorizationPolicy", "eco2-mesh-ext-authz-authorizationpolicy"
NETWORK_POLICY = "NetworkPolicy"
OPERATION = "spec.rules.0.to.0.operation"
FLOW_LOGS = ("RolePolicy", "wealist-network-flow-logs")


@dataclass(frozen=True, kw_only=True)
class Case:
    """The change must be called a danger of that rank, in these words."""

    name: str
    edit: Edit
    rank: Rank
    says: tuple[str, ...]


def case(name: str, rank: Rank, edit: Edit, *says: str) -> Any:
    return pytest.param(Case(name=name, edit=edit, rank=rank, says=says), id=name)


def dangers(old: Snapshot, new: Snapshot) -> tuple[Danger, ...]:
    return dangers_of(compare("prod", old, new))


def plain(danger: Danger) -> str:
    text = f"{danger.resource.name}: {danger.what} | {danger.why} | {danger.remedy}"
    return text.replace(OPEN, "").replace(CLOSE, "")


def not_paths(*more: str) -> Edit:
    def edit(snapshot: Snapshot) -> Snapshot:
        policy = find(snapshot, POLICY, EXT_AUTHZ)
        known = policy.inputs["spec"]["rules"][0]["to"][0]["operation"]["notPaths"]
        return edited(POLICY, EXT_AUTHZ, {f"{OPERATION}.notPaths": [*known, *more]})(snapshot)

    return edit


def further_statement(statements: list[dict[str, Any]]) -> None:
    statements.append({"Effect": "Allow", "Action": ["s3:DeleteObject"], "Resource": "*"})


def without_condition(statements: list[dict[str, Any]]) -> None:
    del statements[0]["Condition"]


def any_subject(statements: list[dict[str, Any]]) -> None:
    for keys in statements[0]["Condition"].values():
        for key in (one for one in keys if one.endswith(":sub")):
            keys[key] = ["repo:*"]


def everybody(statements: list[dict[str, Any]]) -> None:
    statements.append({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"})


def without_denials(statements: list[dict[str, Any]]) -> None:
    statements[:] = [one for one in statements if one["Effect"] != "Deny"]


CASES = [
    case("a database that is removed", Rank.LOSS, removed(*RDS), "it is deleted", "its databases", "Keep it"),
    case(
        "a database that is replaced",
        Rank.LOSS,
        edited(*RDS, {"storageEncrypted": False}),
        "it is replaced",
        "storageEncrypted true → false cannot be changed in place",
        "Leave storageEncrypted as it is",
    ),
    case(
        "a database that is renamed",
        Rank.LOSS,
        renamed(*RDS, to="wealist-orders-instance"),
        "created anew as wealist-orders-instance",
        'aliases=[pulumi.Alias(name="wealist-database-instance")]',
        "Pulumi refuses to delete it",
        "AWS refuses while deletion protection is on",
    ),
    case(
        "a cache of another engine port",
        Rank.LOSS,
        edited(*REDIS, {"port": 6380}),
        "port",
        "the sessions and values in it",
    ),
    case(
        "a bucket of another name",
        Rank.LOSS,
        edited("Bucket", "wealist-app-resources", {"bucket": "other"}),
        "its objects and their versions",
    ),
    case("a key that is removed", Rank.LOSS, removed("Key", "eco2-encryption-key"), "whatever is encrypted with it"),
    case(
        "a zone of another name", Rank.LOSS, edited("Zone", "wealist-dns-zone", {"name": "example.org"}), "name servers"
    ),
    case(
        "a node in another subnet",
        Rank.LOSS,
        edited("Instance", "eco2-k8s-postgresql-instance", {"subnetId": "subnet-1"}),
        "subnetId",
        "its disks",
    ),
    case(
        "a node whose user data replaces it",
        Rank.LOSS,
        edited(
            "Instance",
            "eco2-k8s-redis-instance",
            {"userDataBase64": "eA==", "userDataReplaceOnChange": True},
            ignore_changes=(),
        ),
        "userDataBase64",
    ),
    case(
        "images of a repository that is removed",
        Rank.LOSS,
        removed("Repository", "eco2-registry-auth-api"),
        "its images",
    ),
    case(
        "a log group of another name",
        Rank.LOSS,
        edited("LogGroup", "eco2-waf-logs", {"name": "aws-waf-logs-x"}),
        "the log so far",
    ),
    case(
        "a password that is drawn anew",
        Rank.LOSS,
        edited("RandomPassword", "eco2-jwt-secret", {"length": 16}),
        "locked out",
    ),
    case(
        "a StatefulSet with other claims",
        Rank.LOSS,
        edited("StatefulSet", "eco2-data-postgresql-statefulset", {"spec.volumeClaimTemplates": []}),
        "spec.volumeClaimTemplates",
        "orphan",
    ),
    case(
        "a namespace that is removed",
        Rank.LOSS,
        removed("Namespace", "eco2-namespaces-postgres-namespace"),
        "every object in it",
    ),
    case(
        "a replacement that deletes first",
        Rank.LOSS,
        edited(*RDS, {"engine": "mysql"}, delete_before_replace=True),
        "deletes it first: if the new one fails, there is none",
    ),
    case(
        "a security group open to the world",
        Rank.EXPOSED,
        edited(RULE, DATABASE_RULE, {"referencedSecurityGroupId": ..., "cidrIpv4": "0.0.0.0/0"}),
        "wealist-security-rds is opened to the world",
        "tcp port 5432 from 0.0.0.0/0",
        "name who needs it",
    ),
    case(
        "a security group open to IPv6",
        Rank.EXPOSED,
        edited(RULE, DATABASE_RULE, {"referencedSecurityGroupId": ..., "cidrIpv6": "::/0"}),
        "from ::/0",
    ),
    case(
        "a further rule that opens a group",
        Rank.EXPOSED,
        added(RULE, "eco2-security-alb-from-anywhere-443", "eco2-security-alb-ssh", {"fromPort": 22, "toPort": 22}),
        "tcp port 22",
    ),
    case(
        "more ports of a group",
        Rank.WIDENED,
        edited(RULE, DATABASE_RULE, {"fromPort": 1}),
        "ports 1 to 5432",
        "as narrow as they were",
    ),
    case("every protocol of a group", Rank.WIDENED, edited(RULE, DATABASE_RULE, {"ipProtocol": "-1"}), "all traffic"),
    case(
        "a wider range of a group",
        Rank.WIDENED,
        edited(RULE, "wealist-security-endpoints-from-vpc-443", {"cidrIpv4": "10.0.0.0/8"}),
        "10.0.0.0/8",
    ),
    case(
        "a way out that was not there",
        Rank.WIDENED,
        edited("SecurityGroupEgressRule", "wealist-security-ec2-to-rds-5432", {"toPort": 65535}),
        "to wealist-security-rds",
    ),
    case(
        "the default group that lets in",
        Rank.WIDENED,
        edited(
            "DefaultSecurityGroup",
            "wealist-network-default-sg",
            {"ingress": [{"protocol": "-1", "self": True, "fromPort": 0, "toPort": 0}]},
        ),
        "all traffic",
    ),
    case(
        "private subnets with a way to the internet",
        Rank.EXPOSED,
        together(
            removed("Route", "wealist-network-private-nat"),
            added(
                "Route", "wealist-network-public-internet", "wealist-network-private-out", {"routeTableId": "PRIVATE"}
            ),
        ),
        "leads to an internet gateway",
    ),
    case(
        "a database with a public address",
        Rank.EXPOSED,
        edited(*RDS, {"publiclyAccessible": True}),
        "public address",
        "Session Manager",
    ),
    case(
        "a bucket that may be opened",
        Rank.EXPOSED,
        edited("BucketPublicAccessBlock", "eco2-bootstrap-public-access", {"blockPublicPolicy": False}),
        "blockPublicPolicy",
    ),
    case(
        "a bucket without an access block",
        Rank.EXPOSED,
        removed("BucketPublicAccessBlock", "eco2-bootstrap-public-access"),
        "no public access block",
    ),
    case(
        "a load balancer without its firewall",
        Rank.EXPOSED,
        removed("WebAclAssociation", "eco2-waf-association"),
        "no firewall",
    ),
    case(
        "subnets that hand out addresses",
        Rank.EXPOSED,
        edited("Subnet", "wealist-network-private-a", {"mapPublicIpOnLaunch": True}),
        "public address",
    ),
    case(
        "metadata without a token",
        Rank.EXPOSED,
        edited("Instance", "eco2-k8s-master-instance", {"metadataOptions.httpTokens": "optional"}),
        "IMDSv1",
    ),
    case(
        "a service past the gateway",
        Rank.EXPOSED,
        edited("Service", "eco2-workloads-auth-api-service", {"spec.type": "LoadBalancer"}),
        "outside the cluster",
    ),
    case(
        "a further host at the gateway",
        Rank.EXPOSED,
        edited("Gateway", "eco2-mesh-gateway-gateway", {"spec.servers.0.hosts": ["*"]}),
        "further hosts",
    ),
    case(
        "a bucket for everybody",
        Rank.EXPOSED,
        document("BucketPolicy", "eco2-bootstrap-policy", "policy", everybody),
        "for AWS *",
    ),
    case(
        "a trust policy without its condition",
        Rank.WIDENED,
        document("Role", FLOW_LOGS[1], "assumeRolePolicy", without_condition),
        "the trust policy",
        "without the condition",
        "aws:sourceaccount",
    ),
    case(
        "a trust policy for every workflow",
        Rank.WIDENED,
        document("Role", "wealist-github-actions-role", "assumeRolePolicy", any_subject),
        "repo:OrangesCloud/wealist-project:environment:",
        "subject and audience",
    ),
    case(
        "a role that may do more",
        Rank.WIDENED,
        document(*FLOW_LOGS, "policy", further_statement),
        "the actions s3:DeleteObject",
    ),
    case(
        "a role with a further policy",
        Rank.WIDENED,
        added(
            "RolePolicyAttachment",
            "wealist-ec2-role-AmazonSSMManagedInstanceCore",
            "wealist-ec2-role-admin",
            {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        ),
        "which exists, gets the policy",
        "AdministratorAccess",
    ),
    case(
        "a bucket that speaks plain HTTP",
        Rank.WIDENED,
        document("BucketPolicy", "eco2-bootstrap-policy", "policy", without_denials),
        "no longer denied: s3:*",
    ),
    case(
        "a bucket without its policy", Rank.WIDENED, removed("BucketPolicy", "eco2-bootstrap-policy"), "what it denied"
    ),
    case(
        "a path that ext-authz is not asked about",
        Rank.WIDENED,
        not_paths("/api/v1/my/*"),
        "notPaths gains /api/v1/my/*",
        "more than one path",
        "take /api/v1/my/* out of notPaths",
    ),
    case(
        "a check that became a permission",
        Rank.WIDENED,
        edited(POLICY, EXT_AUTHZ, {"spec.action": "ALLOW"}),
        "its action CUSTOM → ALLOW",
    ),
    case(
        "a check of fewer paths",
        Rank.WIDENED,
        edited(POLICY, EXT_AUTHZ, {f"{OPERATION}.paths": ["/api/v1/chat/*"]}),
        "a rule matches less",
    ),
    case(
        "a check for other workloads",
        Rank.WIDENED,
        edited(POLICY, EXT_AUTHZ, {"spec.selector.matchLabels": {"istio": "other"}}),
        "other workloads",
    ),
    case(
        "a check by somebody else",
        Rank.WIDENED,
        edited(POLICY, EXT_AUTHZ, {"spec.provider.name": "nobody"}),
        "another provider",
    ),
    case("a check that is removed", Rank.WIDENED, removed(POLICY, EXT_AUTHZ), "is removed"),
    case(
        "a permission for anybody",
        Rank.WIDENED,
        edited(POLICY, "eco2-mesh-allow-ext-authz-authorizationpolicy", {"spec.rules": [{}]}),
        "it allows more",
    ),
    case(
        "the default denial that is removed",
        Rank.WIDENED,
        removed(POLICY, "eco2-mesh-default-deny-authorizationpolicy"),
        "is removed",
    ),
    case(
        "mutual TLS by choice",
        Rank.WIDENED,
        edited("PeerAuthentication", "eco2-mesh-mutual-tls-peerauthentication", {"spec.mtls.mode": "PERMISSIVE"}),
        "STRICT → PERMISSIVE",
    ),
    case(
        "mutual TLS but for a port",
        Rank.WIDENED,
        edited(
            "PeerAuthentication",
            "eco2-mesh-mutual-tls-peerauthentication",
            {"spec.portLevelMtls": {"8080": {"mode": "DISABLE"}}},
        ),
        "on port 8080 is DISABLE",
    ),
    case(
        "an admission policy that is removed",
        Rank.WIDENED,
        removed("NamespacedValidatingPolicy", "exchange-policies-kubernetes-image-by-digest"),
        "what it refused is let in",
    ),
    case(
        "a policy of signatures that is removed",
        Rank.WIDENED,
        removed("NamespacedImageValidatingPolicy", "exchange-signed-images-policy"),
        "pods run whatever image they name",
    ),
    case(
        "a network policy that is removed",
        Rank.WIDENED,
        removed(NETWORK_POLICY, "eco2-network-policies-my-default-deny"),
        "accept and open every connection",
    ),
    case(
        "a network policy of one direction",
        Rank.WIDENED,
        edited(NETWORK_POLICY, "eco2-network-policies-my-default-deny", {"spec.policyTypes": ["Ingress"]}),
        "no longer restricts Egress",
    ),
    case(
        "a network policy for other pods",
        Rank.WIDENED,
        edited(
            NETWORK_POLICY, "eco2-network-policies-my-default-deny", {"spec.podSelector": {"matchLabels": {"a": "b"}}}
        ),
        "other pods",
    ),
    case(
        "a network policy that lets everybody in",
        Rank.WIDENED,
        edited(NETWORK_POLICY, "eco2-network-policies-my-default-deny", {"spec.ingress": [{}]}),
        "ingress lets more through",
    ),
    case(
        "a network policy of more ports",
        Rank.WIDENED,
        edited(NETWORK_POLICY, "eco2-network-policies-my-api", {"spec.egress.0.ports": []}),
        "egress lets more through",
    ),
    case(
        "a further host outside",
        Rank.WIDENED,
        edited("ServiceEntry", "eco2-mesh-external-worker-serviceentry", {"spec.hosts": ["*.example.com"]}),
        "*.example.com",
    ),
    case(
        "workloads that see everything",
        Rank.WIDENED,
        edited("Sidecar", "eco2-mesh-visible-my-sidecar", {"spec.egress": [{"hosts": ["*/*"]}]}),
        "*/*",
    ),
    case(
        "calls without TLS",
        Rank.WIDENED,
        edited(
            "DestinationRule",
            "eco2-mesh-destination-redis-destinationrule",
            {"spec.trafficPolicy.tls": {"mode": "DISABLE"}},
        ),
        "without TLS",
    ),
    case(
        "a namespace for privileged pods",
        Rank.WIDENED,
        edited("Namespace", "eco2-namespaces-my-namespace", {"metadata.labels": {}}),
        "restricted → privileged",
    ),
    case(
        "a check that fails open",
        Rank.WIDENED,
        edited(
            "Application", "eco2-platform-istiod-application", {"spec.source.helm.valuesObject": {"failOpen": True}}
        ),
        "failOpen",
        "fail closed",
    ),
    case(
        "deletion protection that is off",
        Rank.UNPROTECTED,
        edited(*RDS, {"deletionProtection": False}),
        "deletionProtection true → false",
        "drop the protection in a change of its own",
    ),
    case(
        "a database without a last snapshot",
        Rank.UNPROTECTED,
        edited(*RDS, {"skipFinalSnapshot": True}),
        "no last snapshot",
    ),
    case(
        "a database without backups",
        Rank.UNPROTECTED,
        edited(*RDS, {"backupRetentionPeriod": 0}),
        "backupRetentionPeriod 14 → 0",
    ),
    case(
        "a database that is renamed in place",
        Rank.UNPROTECTED,
        edited(*RDS, {"identifier": "other"}),
        "renamed in place",
        "another endpoint",
    ),
    case(
        "a bucket that may be emptied",
        Rank.UNPROTECTED,
        edited("Bucket", "eco2-bootstrap", {"forceDestroy": True}),
        "forceDestroy false → true",
    ),
    case(
        "a bucket without versions",
        Rank.UNPROTECTED,
        edited("BucketVersioning", "eco2-bootstrap-versioning", {"versioningConfiguration.status": "Suspended"}),
        "suspended",
    ),
    case(
        "a load balancer that may be deleted",
        Rank.UNPROTECTED,
        edited("LoadBalancer", "wealist-api-alb", {"enableDeletionProtection": False}),
        "DNS name",
    ),
    case(
        "claims that go with their set",
        Rank.UNPROTECTED,
        edited(
            "StatefulSet",
            "eco2-data-postgresql-statefulset",
            {"spec.persistentVolumeClaimRetentionPolicy.whenDeleted": "Delete"},
        ),
        "deletes the data",
    ),
    case(
        "a log of fewer days",
        Rank.UNPROTECTED,
        edited("LogGroup", "eco2-network-flow-logs", {"retentionInDays": 1}),
        "fewer days",
    ),
    case(
        "a resource that Pulumi may delete",
        Rank.UNPROTECTED,
        edited(*RDS, {}, protect=False),
        "protect true → false",
        "its databases",
    ),
    case(
        "a network that is not logged",
        Rank.UNPROTECTED,
        removed("FlowLog", "wealist-network-flow-log"),
        "no longer logged",
    ),
]


def resolved(snapshot: Snapshot) -> Snapshot:
    """The private route table's id, which no case can know."""
    table = find(snapshot, "RouteTable", "wealist-network-private-rt").id
    found = [one for one in snapshot if one.inputs.get("routeTableId") == "PRIVATE"]
    return with_(snapshot, *(replace(one, inputs={**one.inputs, "routeTableId": table}) for one in found))


Forth = Callable[[Case], tuple[Snapshot, tuple[Danger, ...]]]


@pytest.fixture(scope="module")
def forth(stack: Snapshot) -> Forth:
    """What a case makes of the stack, and the dangers of it."""

    @cache
    def changed_by(case: Case) -> tuple[Snapshot, tuple[Danger, ...]]:
        new = resolved(case.edit(stack))
        return new, dangers(stack, new)

    return changed_by


@pytest.mark.parametrize("case", CASES)
def test_a_danger_is_said_with_its_reason_and_its_remedy(case: Case, forth: Forth) -> None:
    _, found = forth(case)
    said = [plain(one) for one in found if one.rank is case.rank]
    assert any(all(text in one for text in case.says) for one in said), [plain(one) for one in found]
    assert all(one.what and one.why and one.remedy for one in found)


def test_the_same_program_is_in_no_danger(stack: Snapshot) -> None:
    assert dangers(stack, stack) == ()


@pytest.mark.parametrize("case", CASES)
def test_the_change_back_is_not_the_same_danger(stack: Snapshot, case: Case, forth: Forth) -> None:
    """What widens is told from what narrows. Data is lost by a way back too."""
    new, found = forth(case)
    there = {(one.resource.name, one.what) for one in found}
    back = {(one.resource.name, one.what) for one in dangers(new, stack) if one.rank is not Rank.LOSS}
    assert not there & back


HARMLESS = [
    pytest.param(
        edited(RULE, "wealist-security-endpoints-from-vpc-443", {"cidrIpv4": "10.1.128.0/17"}), id="a narrower range"
    ),
    pytest.param(
        added(RULE, DATABASE_RULE, "wealist-security-rds-again", {"description": "again"}),
        id="a rule that says the same again",
    ),
    pytest.param(edited(RULE, DATABASE_RULE, {"description": "other words"}), id="other words"),
    pytest.param(edited(POLICY, EXT_AUTHZ, {f"{OPERATION}.paths": ["/api/*"]}), id="a check of more paths"),
    pytest.param(edited(POLICY, EXT_AUTHZ, {f"{OPERATION}.notPaths": ...}), id="a check without exceptions"),
    pytest.param(edited(*RDS, {"backupRetentionPeriod": 30}), id="more backups"),
    pytest.param(edited(*RDS, {"instanceClass": "db.t3.small"}), id="a larger database"),
    pytest.param(edited(*RDS, {"engineVersion": "18"}), id="an ignored change"),
    pytest.param(renamed(*RDS, to="wealist-orders-instance", alias=True), id="a rename with its alias"),
    pytest.param(document(*FLOW_LOGS, "policy", lambda all_: all_[0]["Action"].pop()), id="fewer actions"),
    pytest.param(document(*FLOW_LOGS, "policy", lambda all_: all_.reverse()), id="statements in another order"),
    pytest.param(
        document(
            "Role",
            FLOW_LOGS[1],
            "assumeRolePolicy",
            lambda all_: all_[0]["Condition"].update({"Bool": {"a:b": "true"}}),
        ),
        id="one more condition",
    ),
    pytest.param(
        edited(NETWORK_POLICY, "eco2-network-policies-my-api", {"spec.egress": []}), id="a stricter network policy"
    ),
    pytest.param(edited("LogGroup", "eco2-network-flow-logs", {"retentionInDays": 3653}), id="a log of more days"),
]


@pytest.mark.parametrize("edit", HARMLESS)
def test_what_takes_nothing_away_is_no_danger(stack: Snapshot, edit: Edit) -> None:
    assert [plain(one) for one in dangers(stack, edit(stack))] == []


@pytest.mark.parametrize("watched", WATCHED, ids=lambda one: f"{one.type.split(':')[-1]}-{one.path}")
def test_every_watched_input_is_one_of_its_type(watched: Any, stack: Snapshot) -> None:
    """A misspelt one would never fire: it is either set in the stack, or known to pulumi_aws."""
    if watched.type.startswith("kubernetes:"):
        values = [one.inputs for one in stack if one.type == watched.type]
        assert values
        assert watched.path.split(".")[0] in values[0]
    else:
        from tests.preview.provider_inputs import inputs_of

        assert watched.path.split(".")[0] in inputs_of(watched.type)


def test_a_changed_component_name_is_mended_by_one_alias(stack: Snapshot) -> None:
    """The children's aliases follow from the component's, as the engine has it."""
    new = _renamed_component(stack, alias=False)
    (lost,) = [one for one in dangers(stack, new) if one.resource.name == "wealist-database-instance"]
    assert 'where wealist-orders is made: aliases=[pulumi.Alias(name="wealist-database")]' in plain(lost)
    assert dangers(stack, _renamed_component(stack, alias=True)) == ()


def _renamed_component(stack: Snapshot, *, alias: bool) -> Snapshot:
    component = find(stack, "Database", "wealist-database")
    urn = component.urn.replace("wealist-database", "wealist-orders")
    moved = {urn: replace(component, urn=urn, name="wealist-orders", aliases=(component.urn,) if alias else ())}
    for one in stack:
        if one.parent == component.urn:
            child = one.urn.replace("::wealist-database", "::wealist-orders")
            moved[child] = replace(
                one, urn=child, name=one.name.replace("wealist-database", "wealist-orders"), parent=urn
            )
        elif one.urn != component.urn:
            moved[one.urn] = one
    return replace(stack, resources=moved)


def test_a_load_balancer_that_was_internal_is_a_danger_on_the_internet(stack: Snapshot) -> None:
    old = edited("LoadBalancer", "eco2-api-alb", {"internal": True})(stack)
    said = [plain(one) for one in dangers(old, stack) if one.rank is Rank.EXPOSED]
    assert any("faces the internet" in one and "internal true → false" in one for one in said)


def test_who_moves_to_another_parent_is_told_of_the_alias(stack: Snapshot) -> None:
    was = find(stack, *RDS)
    urn = was.urn.replace("platform:aws:Database$", "")
    resources = {key: one for key, one in stack.resources.items() if key != was.urn} | {
        urn: replace(was, urn=urn, parent="")
    }
    (lost,) = [one for one in dangers(stack, replace(stack, resources=resources)) if one.rank is Rank.LOSS]
    assert f'aliases=[pulumi.Alias(parent="{was.parent}")]' in plain(lost)


def test_the_database_comes_before_its_logs(stack: Snapshot) -> None:
    edit = together(
        removed(*RDS), removed("LogGroup", "wealist-database-log-upgrade"), edited(*REDIS, {"multiAzEnabled": False})
    )
    assert [one.resource.type.split(":")[-1] for one in dangers(stack, edit(stack))][:2] == ["Instance", "LogGroup"]


def test_every_stateful_type_of_the_stack_is_in_the_list(stack: Snapshot) -> None:
    """A type that neither holds data nor is known to hold none is a decision to take."""
    kinds = {one.type for one in stack if one.custom}
    holding = {
        "Bucket",
        "Instance",
        "Key",
        "LogGroup",
        "Namespace",
        "RandomPassword",
        "ReplicationGroup",
    }
    holding |= {"Repository", "Parameter", "StatefulSet", "Vpc", "Zone"}
    assert {one.split(":")[-1] for one in kinds if one in STATEFUL} == holding


def test_a_malformed_policy_is_no_reason_to_stop(stack: Snapshot) -> None:
    bad: Resource = find(stack, *FLOW_LOGS)
    for text in ("{", json.dumps({"Statement": "no"}), json.dumps({"Statement": [1]})):
        dangers(stack, with_(stack, replace(bad, inputs={**bad.inputs, "policy": text})))
