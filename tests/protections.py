"""What protects the stacks, as data: which property of which resources must be how, and the value that would break it.

`test_protections.py` holds both stacks to it, and shows for each that the check fails once the protection is taken away.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from rehearsal.recording import Registered

GONE = object()
"""As a bad value: the property is not there."""


@dataclass(frozen=True, kw_only=True)
class Protection:
    """`sentence` is the test's name. `holds` is asked about the value at `path` of every resource of the `type`.

    A path into a JSON document goes on behind `|`: `policy|Statement`.
    """

    sentence: str
    type: str
    path: str
    holds: Callable[[Any], bool]
    broken: Any
    name: str | None = None
    stacks: tuple[str, ...] = ("dev", "prod")

    def applies(self, resource: Registered) -> bool:
        return (
            resource.custom
            and resource.type.split(":")[-1] == self.type
            and (self.name is None or self.name in resource.name)
        )

    def kept_by(self, resource: Registered) -> bool:
        """Whether the resource has the protection."""
        path, _, inner = self.path.partition("|")
        value = getattr(resource, path[1:]) if path.startswith("@") else resource.get(path)
        if inner:
            value = json.loads(value)[inner]
        return self.holds(value)

    def without(self, resource: Registered) -> Registered:
        """The resource as it would be registered without the protection."""
        path, _, inner = self.path.partition("|")
        if path.startswith("@"):
            return replace(resource, **{path[1:]: self.broken})
        inputs = copy.deepcopy(resource.inputs)
        broken = self.broken
        if inner:
            broken = json.dumps({**json.loads(resource[path]), inner: self.broken})
        _set(inputs, path.split("."), broken)
        return replace(resource, inputs=inputs)


def _set(value: Any, path: list[str], broken: Any) -> None:
    *parents, last = path
    for part in parents:
        value = value[int(part)] if isinstance(value, list) else value[part]
    if broken is GONE:
        value.pop(last, None)
    else:
        value[int(last) if isinstance(value, list) else last] = broken


def _is(wanted: Any) -> Callable[[Any], bool]:
    return lambda value: bool(value == wanted)


def _statements(document: Any) -> Iterator[dict[str, Any]]:
    yield from document


def _denies_plain_http(statements: Any) -> bool:
    return any(
        one["Effect"] == "Deny"
        and one["Principal"] == {"AWS": "*"}
        and one["Action"] == ["s3:*"]
        and one.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for one in _statements(statements)
    )


def _only_this_distribution(statements: Any) -> bool:
    readers = [one for one in _statements(statements) if one["Effect"] == "Allow"]
    return len(readers) == 1 and all(
        one["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        and one["Action"] == ["s3:GetObject"]
        and ":distribution/" in one["Condition"]["StringEquals"]["aws:SourceArn"]
        for one in readers
    )


def _audience_and_subject(statements: Any) -> bool:
    (one,) = statements
    condition = one["Condition"]
    issuer = "token.actions.githubusercontent.com"
    return bool(
        condition.keys() == {"StringEquals"}
        and condition["StringEquals"][f"{issuer}:aud"] == "sts.amazonaws.com"
        and re.fullmatch(
            r"repo:OrangesCloud/wealist-project:environment:(dev|prod)",
            " ".join(condition["StringEquals"][f"{issuer}:sub"]),
        )
    )


def _own_account_only(statements: Any) -> bool:
    return bool(statements[0].get("Condition") == {"StringEquals": {"aws:PrincipalAccount": "290008131187"}})


def _source_account(statements: Any) -> bool:
    return bool(statements[0].get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount") == "290008131187")


def _is_boundary(arn: Any) -> bool:
    return bool(arn) and re.fullmatch(r"arn:aws:iam::\d{12}:policy/delivery-(dev|prod)-boundary", arn) is not None


def _subjects(wanted: str) -> Callable[[Any], bool]:
    """Exactly AWS as audience, and exactly subjects of that form, of this repository."""

    def hold(statements: Any) -> bool:
        issuer = "token.actions.githubusercontent.com"
        (one,) = statements
        tests = one["Condition"].get("StringEquals", {})
        return (
            one["Condition"].keys() == {"StringEquals"}
            and tests.get(f"{issuer}:aud") == "sts.amazonaws.com"
            and bool(tests.get(f"{issuer}:sub"))
            and all(
                re.fullmatch(f"repo:example/edge-platform:({wanted})", subject) for subject in tests[f"{issuer}:sub"]
            )
        )

    return hold


def _github(operator: str, subject: str, audience: str = "sts.amazonaws.com") -> list[dict[str, Any]]:
    """A trust in GitHub that is broken in one way."""
    issuer = "token.actions.githubusercontent.com"
    condition = {"StringEquals": {f"{issuer}:aud": audience}}
    condition.setdefault(operator, {})[f"{issuer}:sub"] = [subject]  # type: ignore[assignment]
    return [{"Effect": "Allow", "Action": ["sts:AssumeRoleWithWebIdentity"], "Condition": condition}]


_TRUST_WITHOUT_CONDITION = [{"Effect": "Allow", "Principal": {"Service": "x"}, "Action": ["sts:AssumeRole"]}]
_OPEN_READ = [{"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": ["*"]}]
_ANY_WORKFLOW = [
    {
        "Effect": "Allow",
        "Action": ["sts:AssumeRoleWithWebIdentity"],
        "Condition": {
            "StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
            "StringLike": {"token.actions.githubusercontent.com:sub": ["repo:*"]},
        },
    }
]

PROTECTIONS = (
    Protection(
        sentence="instances answer metadata requests only with a token (IMDSv2)",
        type="LaunchTemplate", path="metadataOptions.httpTokens", holds=_is("required"), broken="optional",
    ),
    Protection(
        sentence="containers do not reach their machine's role",
        type="LaunchTemplate", path="metadataOptions.httpPutResponseHopLimit", holds=_is(1), broken=2,
    ),
    Protection(
        sentence="instances' disks are encrypted",
        type="LaunchTemplate", path="blockDeviceMappings.0.ebs.encrypted", holds=_is("true"), broken="false",
    ),
    Protection(
        sentence="instances have no SSH key",
        type="LaunchTemplate", path="keyName", holds=_is(None), broken="admin",
    ),
    Protection(
        sentence="instances get no public address from their template",
        type="LaunchTemplate", path="networkInterfaces", holds=_is(None), broken=[{"associatePublicIpAddress": "true"}],
    ),
    Protection(
        sentence="no subnet gives instances a public address",
        type="Subnet", path="mapPublicIpOnLaunch", holds=_is(False), broken=True,
    ),
    Protection(
        sentence="the default security group lets nothing in",
        type="DefaultSecurityGroup", path="ingress", holds=_is([]), broken=[{"protocol": "-1", "self": True}],
    ),
    Protection(
        sentence="the default security group lets nothing out",
        type="DefaultSecurityGroup", path="egress", holds=_is([]), broken=[{"protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}],
    ),
    Protection(
        sentence="all traffic of the VPC is logged",
        type="FlowLog", path="trafficType", holds=_is("ALL"), broken="REJECT",
    ),
    Protection(
        sentence="log groups are encrypted with the system's key",
        type="LogGroup", path="kmsKeyId", holds=lambda value: bool(value) and ":key/" in value, broken=GONE,
    ),
    Protection(
        sentence="logs are not kept for ever",
        type="LogGroup", path="retentionInDays", holds=bool, broken=0,
    ),
    Protection(
        sentence="VPC endpoints serve this account's principals alone",
        type="VpcEndpoint", path="policy|Statement", holds=_own_account_only,
        broken=[{"Effect": "Allow", "Principal": "*", "Action": ["*"], "Resource": ["*"]}],
    ),
    Protection(
        sentence="buckets block public ACLs",
        type="BucketPublicAccessBlock", path="blockPublicAcls", holds=_is(True), broken=False,
    ),
    Protection(
        sentence="buckets ignore public ACLs",
        type="BucketPublicAccessBlock", path="ignorePublicAcls", holds=_is(True), broken=False,
    ),
    Protection(
        sentence="buckets block public policies",
        type="BucketPublicAccessBlock", path="blockPublicPolicy", holds=_is(True), broken=False,
    ),
    Protection(
        sentence="buckets restrict public policies to their account",
        type="BucketPublicAccessBlock", path="restrictPublicBuckets", holds=_is(True), broken=False,
    ),
    Protection(
        sentence="buckets know no ACLs",
        type="BucketOwnershipControls", path="rule.objectOwnership", holds=_is("BucketOwnerEnforced"),
        broken="ObjectWriter",
    ),
    Protection(
        sentence="buckets are encrypted with AES-256",
        type="BucketServerSideEncryptionConfiguration",
        path="rules.0.applyServerSideEncryptionByDefault.sseAlgorithm", holds=_is("AES256"), broken="",
    ),
    Protection(
        sentence="buckets refuse plain HTTP",
        type="BucketPolicy", path="policy|Statement", holds=_denies_plain_http, broken=_OPEN_READ,
    ),
    Protection(
        sentence="only this distribution reads the frontend's bucket",
        type="BucketPolicy", name="wealist-site", path="policy|Statement", holds=_only_this_distribution, broken=_OPEN_READ,
    ),
    Protection(
        sentence="the distribution signs its requests to the bucket",
        type="OriginAccessControl", path="signingBehavior", holds=_is("always"), broken="never",
    ),
    Protection(
        sentence="viewers speak TLS 1.2 or better to the distribution",
        type="Distribution", path="viewerCertificate.minimumProtocolVersion", holds=_is("TLSv1.2_2021"), broken="TLSv1",
    ),
    Protection(
        sentence="viewers are sent to HTTPS, or served nothing else",
        type="Distribution", path="defaultCacheBehavior.viewerProtocolPolicy",
        holds=lambda policy: policy in {"redirect-to-https", "https-only"}, broken="allow-all",
    ),
    Protection(
        sentence="responses carry HSTS",
        type="ResponseHeadersPolicy", path="securityHeadersConfig.strictTransportSecurity.accessControlMaxAgeSec",
        holds=lambda seconds: bool(seconds) and seconds >= 31_536_000, broken=0,
    ),
    Protection(
        sentence="the site may not be framed",
        type="ResponseHeadersPolicy", path="securityHeadersConfig.frameOptions.frameOption", holds=_is("DENY"),
        broken="SAMEORIGIN",
    ),
    Protection(
        sentence="the site runs only its own scripts",
        type="ResponseHeadersPolicy", path="securityHeadersConfig.contentSecurityPolicy.contentSecurityPolicy",
        holds=lambda policy: str(policy).startswith(("default-src 'self'", "default-src 'none'")) and "unsafe-eval" not in policy,
        broken="default-src *",
    ),
    Protection(
        sentence="the load balancer's TLS policy is a modern one",
        type="Listener", name="https", path="sslPolicy", holds=_is("ELBSecurityPolicy-TLS13-1-2-Res-2021-06"),
        broken="ELBSecurityPolicy-2016-08",
    ),
    Protection(
        sentence="plain HTTP is only redirected",
        type="Listener", name="api-http", path="defaultActions.0.type",
        holds=lambda kind: kind in ("redirect", "fixed-response"), broken="forward",
    ),
    Protection(
        sentence="the load balancer drops invalid headers",
        type="LoadBalancer", path="dropInvalidHeaderFields", holds=_is(True), broken=False,
    ),
    Protection(
        sentence="the load balancer refuses requests that could be smuggled",
        type="LoadBalancer", path="desyncMitigationMode", holds=_is("strictest"), broken="monitor",
    ),
    Protection(
        sentence="the load balancer's access is logged",
        type="LoadBalancer", path="accessLogs.enabled", holds=_is(True), broken=False,
    ),
    Protection(
        sentence="production's load balancer cannot be deleted by mistake",
        type="LoadBalancer", path="enableDeletionProtection", holds=_is(True), broken=False, stacks=("prod",),
    ),
    Protection(
        sentence="the database is encrypted",
        type="Instance", name="database", path="storageEncrypted", holds=_is(True), broken=False,
    ),
    Protection(
        sentence="the database has no public address",
        type="Instance", name="database", path="publiclyAccessible", holds=_is(False), broken=True,
    ),
    Protection(
        sentence="the database is backed up",
        type="Instance", name="database", path="backupRetentionPeriod", holds=bool, broken=0,
    ),
    Protection(
        sentence="the database's logs are exported",
        type="Instance", name="database", path="enabledCloudwatchLogsExports", holds=_is(["postgresql", "upgrade"]),
        broken=[],
    ),
    Protection(
        sentence="the database speaks only TLS",
        type="ParameterGroup", name="database", path="parameters.0",
        holds=lambda parameter: parameter is not None and (parameter["name"], parameter["value"]) == ("rds.force_ssl", "1"),
        broken={"name": "rds.force_ssl", "value": "0"},
    ),
    Protection(
        sentence="the database takes passwords by SCRAM alone",
        type="ParameterGroup", name="database", path="parameters.2",
        holds=_is({"name": "rds.accepted_password_auth_method", "value": "scram"}),
        broken={"name": "rds.accepted_password_auth_method", "value": "md5+scram"},
    ),
    Protection(
        sentence="RDS makes and keeps the master's password: the state has none",
        type="Instance", name="database", path="manageMasterUserPassword", holds=_is(True), broken=GONE,
    ),
    Protection(
        sentence="production's database cannot be deleted by mistake",
        type="Instance", name="database", path="deletionProtection", holds=_is(True), broken=False, stacks=("prod",),
    ),
    Protection(
        sentence="production's database leaves a last snapshot",
        type="Instance", name="database", path="skipFinalSnapshot", holds=_is(False), broken=True, stacks=("prod",),
    ),
    Protection(
        sentence="Redis is encrypted at rest",
        type="ReplicationGroup", path="atRestEncryptionEnabled", holds=_is(True), broken=False,
    ),
    Protection(
        sentence="Redis speaks only TLS",
        type="ReplicationGroup", path="transitEncryptionMode", holds=_is("required"), broken="preferred",
    ),
    Protection(
        sentence="Redis asks for a token",
        type="ReplicationGroup", path="authToken", holds=bool, broken=GONE,
    ),
    Protection(
        sentence="the system's key is rotated",
        type="Key", path="enableKeyRotation", holds=_is(True), broken=False,
    ),
    Protection(
        sentence="image tags are immutable",
        type="Repository", path="imageTagMutability", holds=_is("IMMUTABLE"), broken="MUTABLE",
    ),
    Protection(
        sentence="images are scanned when pushed",
        type="Repository", path="imageScanningConfiguration.scanOnPush", holds=_is(True), broken=False,
    ),
    Protection(
        sentence="a failed release is rolled back",
        type="DeploymentGroup", path="autoRollbackConfiguration.events",
        holds=_is(["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]), broken=[],
    ),
    Protection(
        sentence="an alarm stops a release",
        type="DeploymentGroup", path="alarmConfiguration.enabled", holds=_is(True), broken=False,
    ),
    *(
        Protection(
            sentence=f"silence is an alarm where {what}",
            type="MetricAlarm", name=name, path="treatMissingData", holds=_is("breaching"), broken="notBreaching",
        )
        for name, what in {
            "-failed": "a machine is checked",
            "-no-healthy-": "a target group has healthy targets",
            "-database-": "the database is measured",
        }.items()
    ),
    Protection(
        sentence="alarms travel encrypted",
        type="Topic", path="kmsMasterKeyId", holds=bool, broken=GONE,
    ),
    Protection(
        sentence="only the documented repositories' workflows deploy, with AWS as audience",
        type="Role", name="github-actions", path="assumeRolePolicy|Statement", holds=_audience_and_subject,
        broken=_ANY_WORKFLOW,
    ),
    Protection(
        sentence="the deploy role is bound to its environment, letter by letter",
        type="Role", name="delivery-deploy", path="assumeRolePolicy|Statement", holds=_subjects("environment:(dev|prod)"),
        broken=_github("StringLike", "repo:example/edge-platform:environment:prod"),
    ),
    Protection(
        sentence="the deploy role is of no use to a workflow outside its environment",
        type="Role", name="delivery-deploy", path="assumeRolePolicy|Statement", holds=_subjects("environment:(dev|prod)"),
        broken=_github("StringEquals", "repo:example/edge-platform:ref:refs/heads/main"),
    ),
    Protection(
        sentence="images are pushed from their own environment alone",
        type="Role", name="delivery-images", path="assumeRolePolicy|Statement",
        holds=_subjects("environment:(dev|prod)-images"),
        broken=_github("StringEquals", "repo:example/edge-platform:environment:prod"),
    ),
    Protection(
        sentence="the preview role is of no use to a pull request outside its environment",
        type="Role", name="delivery-preview", path="assumeRolePolicy|Statement",
        holds=_subjects("environment:(dev|prod)-preview|ref:refs/heads/main"),
        broken=_github("StringEquals", "repo:example/edge-platform:pull_request"),
    ),
    Protection(
        sentence="the drift role is the main branch's alone",
        type="Role", name="delivery-drift", path="assumeRolePolicy|Statement", holds=_subjects("ref:refs/heads/main"),
        broken=_github("StringEquals", "repo:example/edge-platform:ref:refs/heads/other"),
    ),
    Protection(
        sentence="delivery roles take no token that was meant for somebody else",
        type="Role", name="delivery-", path="assumeRolePolicy|Statement",
        holds=_subjects("environment:(dev|prod)(-preview|-images)?|ref:refs/heads/main"),
        broken=_github("StringEquals", "repo:example/edge-platform:environment:prod", audience="somebody-else"),
    ),
    Protection(
        sentence="delivery roles trust no other repository",
        type="Role", name="delivery-", path="assumeRolePolicy|Statement",
        holds=_subjects("environment:(dev|prod)(-preview|-images)?|ref:refs/heads/main"),
        broken=_github("StringEquals", "repo:example/fork:environment:prod"),
    ),
    Protection(
        sentence="wealist's roles stay within the boundary",
        type="Role", name="wealist-", path="permissionsBoundary", holds=_is_boundary, broken=GONE,
    ),
    Protection(
        sentence="eco2's roles stay within the boundary",
        type="Role", name="eco2-", path="permissionsBoundary", holds=_is_boundary, broken=GONE,
    ),
    Protection(
        sentence="CodeDeploy assumes its role for this account alone",
        type="Role", name="codedeploy", path="assumeRolePolicy|Statement", holds=_source_account,
        broken=_TRUST_WITHOUT_CONDITION,
    ),
    Protection(
        sentence="flow logs' role is assumed for this account alone",
        type="Role", name="flow-logs", path="assumeRolePolicy|Statement", holds=_source_account,
        broken=_TRUST_WITHOUT_CONDITION,
    ),
    Protection(
        sentence="secret parameters are encrypted with the system's key",
        type="Parameter", name="password", path="keyId", holds=lambda key: bool(key) and ":key/" in key, broken=GONE,
    ),
    Protection(
        sentence="Pulumi refuses to delete production's database",
        type="Instance", name="database", path="@protect", holds=_is(True), broken=False, stacks=("prod",),
    ),
    Protection(
        sentence="Pulumi refuses to delete production's Redis",
        type="ReplicationGroup", path="@protect", holds=_is(True), broken=False, stacks=("prod",),
    ),
    Protection(
        sentence="Pulumi refuses to delete production's buckets",
        type="Bucket", path="@protect", holds=_is(True), broken=False, stacks=("prod",),
    ),
    Protection(
        sentence="Pulumi refuses to delete production's key",
        type="Key", path="@protect", holds=_is(True), broken=False, stacks=("prod",),
    ),
    Protection(
        sentence="Pulumi refuses to delete production's zone",
        type="Zone", path="@protect", holds=_is(True), broken=False, stacks=("prod",),
    ),
)  # fmt: skip
