"""What each AWS rule must find, once the real stack is spoiled in that one place."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from policy.aws_types import (
    ACCESS_CONTROL,
    ALARM,
    AUTO_SCALING_GROUP,
    BUCKET,
    BUCKET_ENCRYPTION,
    BUCKET_LIFECYCLE,
    BUCKET_LOGGING,
    BUCKET_OBJECT,
    BUCKET_OWNERSHIP,
    BUCKET_POLICY,
    BUCKET_VERSIONING,
    CACHE,
    CERTIFICATE,
    CERTIFICATE_VALIDATION,
    DATABASE,
    DATABASE_PARAMETERS,
    DEFAULT_GROUP,
    DEPLOYMENT_GROUP,
    DISTRIBUTION,
    DOCUMENT,
    EGRESS_RULE,
    ENDPOINT,
    FLOW_LOG,
    HEADERS,
    IDENTITY_PROVIDER,
    INGRESS_RULE,
    INSTANCE,
    KEY,
    LAUNCH_TEMPLATE,
    LISTENER,
    LISTENER_RULE,
    LOAD_BALANCER,
    LOG_DELIVERY,
    LOG_GROUP,
    LOG_SOURCE,
    PARAMETER,
    POLICY,
    POLICY_ATTACHMENT,
    PUBLIC_ACCESS_BLOCK,
    REPOSITORY,
    REPOSITORY_LIFECYCLE,
    ROLE,
    ROLE_POLICY,
    ROUTE,
    SECURITY_GROUP,
    SUBNET,
    TOPIC,
    VPC,
    WEB_ACL,
    WEB_ACL_ASSOCIATION,
    WEB_ACL_LOGGING,
    ZONE,
)
from policy.rules.aws_operations import TAGS
from tests.policy.broken import Broken

GITHUB = "token.actions.githubusercontent.com"
GITHUB_PROVIDER = f"arn:aws:iam::290008131187:oidc-provider/{GITHUB}"
OWN_REPOSITORY = "repo:OrangesCloud/wealist-project:environment:prod"
TLS_ONLY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(actions: str | list[str], resources: str | list[str] = "*", **more: Any) -> str:
    return document({"Effect": "Allow", "Action": actions, "Resource": resources, **more})


def trust(principal: Any, **more: Any) -> str:
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


def trust_github(**equals: Any) -> str:
    action = "sts:AssumeRoleWithWebIdentity"
    condition = {operator: {f"{GITHUB}:{key}": value} for operator, (key, value) in equals.items()}
    return document(
        {"Effect": "Allow", "Principal": {"Federated": GITHUB_PROVIDER}, "Action": action, "Condition": condition}
    )


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode())).decode()


def _database(rule: str, **change: Any) -> Broken:
    return Broken(rule=rule, type=DATABASE, name="wealist-database-instance", change=change)


def _cache(rule: str, **change: Any) -> Broken:
    return Broken(rule=rule, type=CACHE, name="wealist-cache-group", change=change)


def _balancer(rule: str, change: dict[str, Any]) -> Broken:
    return Broken(rule=rule, type=LOAD_BALANCER, name="wealist-api-alb", change=change)


def _site(rule: str, change: dict[str, Any]) -> Broken:
    return Broken(rule=rule, type=DISTRIBUTION, name="wealist-site-distribution", change=change)


def _machine(rule: str, change: dict[str, Any], *also: str) -> Broken:
    return Broken(rule=rule, type=INSTANCE, name="eco2-k8s-api-scan-instance", change=change, also=frozenset(also))


def _template(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=LAUNCH_TEMPLATE, name="wealist-backend-template", change=change, **more)


def _group(rule: str, change: dict[str, Any]) -> Broken:
    return Broken(rule=rule, type=AUTO_SCALING_GROUP, name="wealist-backend-asg", change=change)


def _expires(status: str, **selection: Any) -> str:
    chosen = {"tagStatus": status, "countType": "imageCountMoreThan", "countNumber": 30, **selection}
    return json.dumps({"rules": [{"rulePriority": 1, "selection": chosen, "action": {"type": "expire"}}]})


def _policy(rule: str, document: str, *, name: str = "eco2-role-ebs-csi-ebs-csi") -> Broken:
    return Broken(rule=rule, type=POLICY, name=name, change={"policy": document})


def _role(rule: str, document: str) -> Broken:
    return Broken(rule=rule, type=ROLE, name="wealist-github-actions-role", change={"assumeRolePolicy": document})


def _inline(rule: str, document: str) -> Broken:
    policies = [{"name": "more", "policy": document}]
    return Broken(rule=rule, type=ROLE, name="eco2-node-worker", change={"inlinePolicies": policies})


def _endpoint(rule: str, condition: dict[str, Any]) -> Broken:
    policy = allow("*", Principal={"AWS": "*"}, Condition=condition)
    return Broken(rule=rule, type=ENDPOINT, name="eco2-endpoints-ssm", change={"policy": policy})


_BODIES = "statement.andStatement.statements"


def _firewall(rule: str, change: dict[str, Any]) -> Broken:
    return Broken(rule=rule, type=WEB_ACL, name="eco2-waf-acl", change=change)


def _headers(rule: str, change: dict[str, Any]) -> Broken:
    return Broken(rule=rule, type=HEADERS, name="wealist-site-headers", change=change)


def _content(rule: str, policy: str) -> Broken:
    return _headers(rule, {"securityHeadersConfig.contentSecurityPolicy.contentSecurityPolicy": policy})


def _refusal(change: dict[str, Any], *, on: str | None = None) -> Broken:
    name = "wealist-api-refuse-api-users-actuator"
    return Broken(rule="alb-management-refused", type=LISTENER_RULE, name=name, change=change, on=on)


def _bucket_policy(rule: str, *statements: dict[str, Any]) -> Broken:
    policy = document(TLS_ONLY, *statements)
    return Broken(rule=rule, type=BUCKET_POLICY, name="wealist-app-resources-policy", change={"policy": policy})


def _ingress(rule: str, name: str, **change: Any) -> Broken:
    return Broken(rule=rule, type=INGRESS_RULE, name=name, change=change)


def _group_with(rule: str, *ingress: dict[str, Any]) -> Broken:
    return Broken(rule=rule, type=SECURITY_GROUP, name="wealist-security-ec2", change={"ingress": list(ingress)})


def _from(cidr: str, first: int, last: int, protocol: str = "tcp") -> dict[str, Any]:
    blocks = {"ipv6CidrBlocks": [cidr]} if ":" in cidr else {"cidrBlocks": [cidr]}
    return {"protocol": protocol, "fromPort": first, "toPort": last, **blocks}


FROM_GROUP = {"referencedSecurityGroupId": ...}

NETWORK = (
    _ingress("sg-no-remote-administration", "wealist-security-ec2-from-alb-8080",
             **FROM_GROUP, cidrIpv4="0.0.0.0/0", fromPort=22, toPort=22),
    _ingress("sg-no-remote-administration", "wealist-security-ec2-from-alb-8080",
             **FROM_GROUP, cidrIpv6="::/0", fromPort=3000, toPort=4000),
    _ingress("sg-no-remote-administration", "eco2-security-control-plane-from-node-6443",
             **FROM_GROUP, cidrIpv4="0.0.0.0/0", ipProtocol="-1", fromPort=..., toPort=...),
    _group_with("sg-no-remote-administration", _from("0.0.0.0/0", 0, 65535)),
    _ingress("sg-world-web-only", "wealist-security-rds-from-ec2-5432", **FROM_GROUP, cidrIpv4="0.0.0.0/0"),
    _ingress("sg-world-web-only", "eco2-security-node-from-node-udp-4789", **FROM_GROUP, cidrIpv6="::/0"),
    _ingress("sg-world-web-only", "eco2-security-alb-from-anywhere-443", toPort=444),
    _ingress("sg-world-web-only", "eco2-security-alb-from-anywhere-443", ipProtocol="udp"),
    _group_with("sg-world-web-only", _from("::/0", 8080, 8080)),
    _ingress("sg-world-load-balancers-only", "wealist-security-endpoints-from-vpc-443", cidrIpv4="0.0.0.0/0"),
    _ingress("sg-world-load-balancers-only", "eco2-security-alb-from-anywhere-443", fromPort=8443, toPort=8443),
    _group_with("sg-world-load-balancers-only", _from("0.0.0.0/0", 443, 443)),
    Broken(
        rule="sg-world-load-balancers-only", type=SECURITY_GROUP, name="eco2-security-alb",
        change={"ingress": [_from("0.0.0.0/0", 8443, 8443)]},
    ),
    Broken(
        rule="sg-world-load-balancers-only", type=LOAD_BALANCER, name="eco2-api-alb", change={"internal": True},
        on="eco2-security-alb-from-anywhere-443",
    ),
    _ingress("sg-named-ports", "eco2-security-node-from-monitoring-9100", fromPort=1, toPort=9100),
    _ingress("sg-named-ports", "wealist-security-endpoints-from-vpc-443", ipProtocol="-1", fromPort=..., toPort=...),
    _ingress("sg-data-by-group", "wealist-security-rds-from-ec2-5432", **FROM_GROUP, cidrIpv4="10.1.0.0/16"),
    _ingress("sg-data-by-group", "wealist-security-redis-from-ec2-6379", **FROM_GROUP, cidrIpv4="10.1.0.0/16"),
    Broken(
        rule="sg-egress-https-only", type=EGRESS_RULE, name="wealist-security-ec2-to-anywhere-443",
        change={"ipProtocol": "-1", "fromPort": ..., "toPort": ...},
    ),
    Broken(
        rule="sg-egress-https-only", type=EGRESS_RULE, name="eco2-security-alb-to-ingress-30080",
        change={"referencedSecurityGroupId": ..., "cidrIpv6": "::/0"},
    ),
    Broken(
        rule="sg-egress-https-only", type=SECURITY_GROUP, name="wealist-security-ec2",
        change={"egress": [_from("0.0.0.0/0", 0, 0, "-1")]},
    ),
    Broken(
        rule="vpc-default-group-closed", type=DEFAULT_GROUP, name="eco2-network-default-sg",
        change={"egress": [_from("0.0.0.0/0", 0, 0, "-1")]},
    ),
    Broken(
        rule="vpc-default-group-managed", type=DEFAULT_GROUP, name="eco2-network-default-sg", without=True,
        on="eco2-network-vpc",
    ),
    Broken(rule="vpc-flow-logs", type=FLOW_LOG, name="wealist-network-flow-log", without=True, on="wealist-network-vpc"),
    Broken(
        rule="vpc-flow-logs-all", type=FLOW_LOG, name="wealist-network-flow-log", change={"trafficType": "REJECT"}
    ),
    Broken(
        rule="subnet-no-public-addresses", type=SUBNET, name="wealist-network-public-a",
        change={"mapPublicIpOnLaunch": True},
    ),
    Broken(
        rule="vpc-session-endpoints", type=ENDPOINT, name="eco2-endpoints-ssmmessages", without=True, on="eco2-network-vpc"
    ),
    Broken(
        rule="endpoint-own-account", type=ENDPOINT, name="eco2-endpoints-ssm",
        change={"policy": allow("*", Principal="*")},
    ),
    Broken(rule="endpoint-own-account", type=ENDPOINT, name="eco2-endpoints-ssm", change={"policy": ...}),
    Broken(
        rule="endpoint-own-account", type=ENDPOINT, name="eco2-endpoints-s3",
        change={"policy": allow("s3:GetObject", Principal={"AWS": "*"})},
    ),
    _endpoint("endpoint-own-account", {"StringEquals": {"aws:PrincipalAccount": "*"}}),
    _endpoint("endpoint-own-account", {"StringLike": {"aws:PrincipalAccount": ["290008131187", "29*"]}}),
    _endpoint("endpoint-own-account", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/eco2-*"}}),
    _endpoint("endpoint-own-account", {"StringEqualsIfExists": {"aws:PrincipalAccount": "290008131187"}}),
    _endpoint("endpoint-no-other-account", {"StringEquals": {"aws:PrincipalAccount": ["290008131187", "111122223333"]}}),
    _endpoint("endpoint-no-other-account", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}),
    Broken(
        rule="endpoint-private-dns", type=ENDPOINT, name="eco2-endpoints-ssm", change={"privateDnsEnabled": False}
    ),
)  # fmt: skip

EDGE = (
    Broken(
        rule="alb-tls-policy", type=LISTENER, name="wealist-api-https", change={"sslPolicy": "ELBSecurityPolicy-2016-08"}
    ),
    Broken(rule="alb-tls-policy", type=LISTENER, name="wealist-api-https", change={"sslPolicy": ...}),
    Broken(
        rule="alb-redirects-http", type=LISTENER, name="eco2-api-http", change={"defaultActions": [{"type": "forward"}]}
    ),
    Broken(
        rule="alb-redirects-http", type=LISTENER, name="eco2-api-http",
        change={"defaultActions.0.redirect.protocol": "HTTP"},
    ),
    Broken(
        rule="alb-routes-https-only", type=LISTENER, name="eco2-api-https", change={"protocol": "HTTP"},
        on="eco2-api-forward-all",
    ),
    Broken(
        rule="alb-management-refused", type=LISTENER_RULE, name="wealist-api-refuse-api-users-actuator", without=True,
        on="wealist-api-forward-api-users",
    ),
    _refusal({"actions.0": {"type": "forward"}}),
    Broken(
        rule="alb-management-refused", type=LISTENER_RULE, name="wealist-api-forward-api-users",
        change={"conditions.0.pathPattern": {"values": ["/api/users/*"]}},
    ),
    _refusal({"priority": 35}, on="wealist-api-forward-api-users"),
    _refusal({"conditions.0.pathPattern.values": ["/api/users/actuator"]}, on="wealist-api-forward-api-users"),
    _refusal({"conditions.0.pathPattern.values": ["/api/users/actuator/*"]}, on="wealist-api-forward-api-users"),
    _refusal(
        {"conditions.0": {"hostHeader": {"values": ["internal.example.com"]}}}, on="wealist-api-forward-api-users"
    ),
    Broken(rule="alb-certificate", type=LISTENER, name="eco2-api-https", change={"certificateArn": ...}),
    _balancer("alb-drops-invalid-headers", {"dropInvalidHeaderFields": False}),
    _balancer("alb-desync", {"desyncMitigationMode": "monitor"}),
    _balancer("alb-logged", {"accessLogs.enabled": False}),
    _balancer("alb-logged", {"accessLogs": ...}),
    _balancer("alb-deletion-protection", {"enableDeletionProtection": False}),
    _balancer("alb-zones", {"subnets": ["subnet-1"]}),
    Broken(
        rule="alb-firewall", type=WEB_ACL_ASSOCIATION, name="eco2-waf-association", without=True, on="eco2-api-alb"
    ),
    _firewall("waf-managed-rules", {"rules.1.overrideAction": {"count": {}}}),
    _firewall("waf-baseline", {"rules.1": ...}),
    _firewall("waf-baseline", {"rules.2": ...}),
    _firewall("waf-baseline", {"rules.3.statement.managedRuleGroupStatement.vendorName": "Another"}),
    *(
        _firewall(
            "waf-managed-overrides",
            {
                "rules.3.statement.managedRuleGroupStatement.ruleActionOverrides": [
                    {"name": name, "actionToUse": {action: {}}}
                ]
            },
        )
        for name, action in (
            ("CrossSiteScripting_BODY", "allow"),
            ("SizeRestrictions_BODY", "allow"),
            ("GenericLFI_URIPATH", "count"),
        )
    ),
    _firewall(
        "waf-managed-overrides",
        {"rules.2.statement.managedRuleGroupStatement.excludedRules": [{"name": "Log4JRCE_HEADER"}]},
    ),
    _firewall("waf-rate-limit", {"rules.0.action": {"count": {}}}),
    _firewall("waf-rate-limit", {"rules.0.statement.rateBasedStatement.limit": 10_001}),
    _firewall("waf-rate-limit", {"rules.0.statement.rateBasedStatement.evaluationWindowSec": 60}),
    _firewall(
        "waf-rate-limit",
        {"rules.0.statement.rateBasedStatement.scopeDownStatement": {"byteMatchStatement": {"searchString": "/x"}}},
    ),
    _firewall("waf-metrics", {"rules.0.visibilityConfig.cloudwatchMetricsEnabled": False}),
    _firewall("waf-metrics", {"visibilityConfig.cloudwatchMetricsEnabled": False}),
    *(
        _firewall("waf-managed-overrides", {f"rules.4.{path}": value})
        for path, value in {
            "action": {"count": {}},
            f"{_BODIES}.0": {"labelMatchStatement": {"scope": "LABEL", "key": "awswaf:x:GenericLFI_Body"}},
            f"{_BODIES}.1.notStatement.statement.byteMatchStatement.searchString": "/",
            f"{_BODIES}.1.notStatement.statement.byteMatchStatement.positionalConstraint": "CONTAINS",
            f"{_BODIES}.1.notStatement.statement.byteMatchStatement.textTransformations": [
                {"priority": 0, "type": "NONE"}
            ],
        }.items()
    ),
    Broken(rule="waf-logged", type=WEB_ACL_LOGGING, name="eco2-waf-logging", without=True, on="eco2-waf-acl"),
    Broken(
        rule="waf-log-redacted", type=WEB_ACL_LOGGING, name="eco2-waf-logging",
        change={"redactedFields": [{"singleHeader": {"name": "cookie"}}, {"singleHeader": {"name": "x-refresh-token"}}]},
    ),
    Broken(
        rule="waf-log-redacts-tokens", type=WEB_ACL_LOGGING, name="eco2-waf-logging",
        change={"redactedFields": [{"singleHeader": {"name": "authorization"}}, {"singleHeader": {"name": "cookie"}}]},
    ),
    Broken(rule="waf-log-redacted", type=WEB_ACL_LOGGING, name="eco2-waf-logging", change={"redactedFields": []},
           also=frozenset({"waf-log-redacts-tokens"})),
    _site("cloudfront-https", {"defaultCacheBehavior.viewerProtocolPolicy": "allow-all"}),
    _site("cloudfront-https", {"orderedCacheBehaviors": [{"pathPattern": "/a", "viewerProtocolPolicy": "allow-all"}]}),
    _site("cloudfront-tls", {"viewerCertificate.minimumProtocolVersion": "TLSv1"}),
    _site("cloudfront-certificate", {"viewerCertificate.sslSupportMethod": "vip"}),
    _site("cloudfront-origin-access", {"origins.0.originAccessControlId": ...}),
    _site(
        "cloudfront-origin-https",
        {"origins.0": {"domainName": "a.example", "customOriginConfig": {"originProtocolPolicy": "http-only"}}},
    ),
    _site("cloudfront-headers", {"defaultCacheBehavior.responseHeadersPolicyId": ...}),
    Broken(
        rule="cloudfront-origin-signed", type=ACCESS_CONTROL, name="eco2-issuer-oac", change={"signingBehavior": "never"}
    ),
    Broken(
        rule="cloudfront-logged", type=LOG_SOURCE, name="wealist-site-log-source", without=True,
        on="wealist-site-distribution",
    ),
    Broken(
        rule="cloudfront-logged", type=LOG_DELIVERY, name="wealist-site-log-delivery", without=True,
        on="wealist-site-distribution",
    ),
    Broken(
        rule="cloudfront-logged", type=LOG_DELIVERY, name="wealist-site-log-delivery",
        change={"deliverySourceName": "another"}, on="wealist-site-distribution",
    ),
    Broken(
        rule="cloudfront-firewall", type=DISTRIBUTION, name="wealist-site-distribution",
        mended={"webAclId": "arn:aws:wafv2:us-east-1:290008131187:global/webacl/a/1"}, change={"webAclId": ...},
    ),
    _headers("site-hsts", {"securityHeadersConfig.strictTransportSecurity.accessControlMaxAgeSec": 300}),
    _content("site-content-policy", "default-src *"),
    _content("site-content-policy", "default-src 'self' https:"),
    _content("site-content-policy", "script-src 'self'"),
    _content("site-scripts", "default-src 'self'; script-src 'self' 'unsafe-inline'"),
    _content("site-scripts", "default-src 'self' 'unsafe-inline'"),
    _content("site-scripts", "default-src 'self'; script-src-elem 'self' 'unsafe-inline'"),
    _content("site-scripts", "default-src 'self'; script-src 'self' 'unsafe-eval'"),
    _content("site-scripts", "default-src 'self'; script-src 'self' *"),
    _content("site-scripts", "default-src 'self'; script-src 'self' https:; script-src 'self'"),
    _headers("site-not-framed", {"securityHeadersConfig.frameOptions": ...}),
    _headers("site-not-framed", {"securityHeadersConfig.frameOptions.frameOption": "SAMEORIGIN"}),
    _content("site-not-framed", "default-src 'self'; frame-ancestors 'self' https://other.example"),
    _headers("site-no-sniffing", {"securityHeadersConfig.contentTypeOptions": ...}),
    _headers("site-referrer", {"securityHeadersConfig.referrerPolicy.referrerPolicy": "unsafe-url"}),
    _headers("site-referrer", {"securityHeadersConfig.referrerPolicy": ...}),
    Broken(
        rule="acm-renews", type=CERTIFICATE, name="wealist-api-certificate-certificate",
        change={"validationMethod": "EMAIL"},
    ),
    Broken(
        rule="acm-key", type=CERTIFICATE, name="wealist-api-certificate-certificate", change={"keyAlgorithm": "RSA_1024"}
    ),
    Broken(
        rule="acm-validated", type=CERTIFICATE_VALIDATION, name="wealist-api-certificate-validated", without=True,
        on="wealist-api-certificate-certificate",
    ),
    Broken(
        rule="oidc-provider-audience", type=IDENTITY_PROVIDER, name="eco2-issuer-provider",
        change={"clientIdLists": ["sts.amazonaws.com", "anybody"]},
    ),
)  # fmt: skip

ACCESS = (
    _policy("iam-no-administrator", allow("*")),
    _policy("iam-no-administrator", allow(["ec2:DescribeInstances", "*:*"], ["arn:aws:s3:::b/*", "*"])),
    _policy("iam-no-service-wildcard", allow("s3:*", "arn:aws:s3:::wealist-app-resources/*")),
    _policy("iam-no-negation", document({"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::b"})),
    _policy("iam-no-negation", document({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b"})),
    _policy("iam-named-resources", allow(["ec2:DescribeInstances", "ec2:TerminateInstances"])),
    _policy("iam-named-resources", allow("s3:GetObject")),
    _policy("iam-pass-role-named", allow("iam:PassRole")),
    _policy("iam-pass-role-named", allow("iam:passrole", "arn:aws:iam::290008131187:role/*")),
    _policy("iam-decrypt-named", allow("kms:Decrypt", "arn:aws:kms:ap-northeast-2:290008131187:key/*")),
    Broken(
        rule="iam-decrypt-named", type=ROLE_POLICY, name="wealist-network-flow-logs",
        change={"policy": allow("kms:Decrypt")},
    ),
    _policy("iam-secrets-named", allow("ssm:GetParameter", "arn:aws:ssm:ap-northeast-2:290008131187:parameter/*")),
    _policy("iam-secrets-named", allow("secretsmanager:GetSecretValue")),
    _policy("iam-no-escalation", allow("iam:PutRolePolicy", "arn:aws:iam::290008131187:role/eco2-prod-ebs-csi")),
    _policy("iam-no-escalation", allow("iam:Attach*", "arn:aws:iam::290008131187:role/eco2-prod-ebs-csi")),
    Broken(
        rule="iam-no-broad-managed-policy", type=POLICY_ATTACHMENT, name="eco2-role-ebs-csi-ebs-csi",
        change={"policyArn": "arn:aws:iam::aws:policy/AmazonEC2FullAccess"},
    ),
    _inline("iam-no-administrator", allow("*")),
    _inline("iam-pass-role-named", allow("iam:PassRole")),
    Broken(
        rule="iam-no-broad-managed-policy", type=ROLE, name="eco2-node-worker",
        change={"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
    ),
    _role("iam-trust-no-whole-account", trust({"AWS": "arn:aws:iam::111122223333:root"})),
    _role("iam-trust-no-whole-account", trust({"AWS": ["arn:aws:iam::290008131187:role/a", "111122223333"]})),
    _role(
        "iam-trust-no-whole-account",
        trust({"AWS": "111122223333"}, Condition={"StringNotEquals": {"sts:ExternalId": "a"}}),
    ),
    _role("iam-trust-other-accounts", trust({"AWS": "arn:aws:iam::111122223333:role/deploy"})),
    _role(
        "iam-trust-other-accounts",
        trust({"AWS": "arn:aws:iam::111122223333:user/a"}, Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    ),
    _role("iam-trust-named", trust({"AWS": "*"})),
    _role("iam-trust-audience", trust_github(StringLike=("sub", OWN_REPOSITORY))),
    _role(
        "iam-trust-audience",
        trust_github(StringLike=("sub", OWN_REPOSITORY), StringEqualsIfExists=("aud", "sts.amazonaws.com")),
    ),
    _role("iam-trust-subject", trust_github(StringEquals=("aud", "sts.amazonaws.com"))),
    _role(
        "iam-trust-subject", trust_github(StringEquals=("aud", "sts.amazonaws.com"), StringLike=("sub", "repo:*"))
    ),
    _role(
        "iam-trust-subject",
        trust_github(StringEquals=("aud", "sts.amazonaws.com"), StringLike=("sub", [OWN_REPOSITORY, "*"])),
    ),
    _role(
        "iam-trust-subject-exact",
        trust_github(StringEquals=("aud", "sts.amazonaws.com"), StringLike=("sub", "repo:OrangesCloud/*")),
    ),
    _role("iam-trust-own-account", trust({"Service": "codedeploy.amazonaws.com"})),
)  # fmt: skip

COMPUTE = (
    _machine("ec2-imdsv2", {"metadataOptions.httpTokens": "optional"}),
    _template("ec2-imdsv2", {"metadataOptions": {"httpPutResponseHopLimit": 1}}),
    _machine("ec2-metadata-hop", {"metadataOptions.httpPutResponseHopLimit": 2}),
    _machine("ec2-disks-encrypted", {"rootBlockDevice.encrypted": False}),
    _machine("ec2-disks-encrypted", {"rootBlockDevice": ...}, "cost-known"),
    _machine("ec2-disks-encrypted", {"ebsBlockDevices": [{"deviceName": "/dev/sdf", "encrypted": False}]}, "cost-known"),
    _template("ec2-disks-encrypted", {"blockDeviceMappings.0.ebs.encrypted": "false"}),
    _template("ec2-disks-encrypted", {"blockDeviceMappings": []}),
    Broken(
        rule="ec2-termination-protection", type=INSTANCE, name="eco2-k8s-master-instance",
        change={"disableApiTermination": False},
    ),
    Broken(
        rule="ec2-termination-protection", type=INSTANCE, name="eco2-k8s-master-instance",
        change={"disableApiTermination": ...},
    ),
    _machine("ec2-no-public-address", {"associatePublicIpAddress": True}),
    _template("ec2-no-public-address", {"networkInterfaces": [{"associatePublicIpAddress": "true"}]}),
    Broken(
        rule="ec2-private-subnets", type=ROUTE, name="eco2-network-private-nat",
        change={"natGatewayId": ..., "gatewayId": "igw-1"}, on="eco2-k8s-api-scan-instance",
    ),
    _machine("ec2-no-ssh-key", {"keyName": "admin"}),
    _template("ec2-managed", {"iamInstanceProfile": ...}),
    _machine("no-plain-credentials", {"userDataBase64": packed("export AWS_ID=AKIAIOSFODNN7EXAMPLE\n")}),
    _template("no-plain-credentials", {"userData": base64.b64encode(b"DB_PASSWORD=correct-horse\n").decode()}),
    Broken(
        rule="no-plain-credentials", type=DOCUMENT, name="wealist-database-init-document",
        change={"content": "-----BEGIN RSA PRIVATE KEY-----"},
    ),
    Broken(
        rule="no-plain-credentials", type=PARAMETER, name="wealist-parameters-db-port",
        change={"insecureValue": "aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12"},
    ),
    Broken(
        rule="no-plain-credentials", type=PARAMETER, name="wealist-parameters-db-port",
        change={"insecureValue": ..., "value": "aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12"},
    ),
    _template(
        "codedeploy-agent-recorded",
        {"userData": base64.b64encode(b"readonly CODEDEPLOY_AGENT_SHA256=''\ninstall_codedeploy_agent\n").decode()},
        mended={"userData": base64.b64encode(b"readonly CODEDEPLOY_AGENT_SHA256='5e'\ninstall_codedeploy_agent\n").decode()},
    ),
    Broken(
        rule="asg-launch-template", type=AUTO_SCALING_GROUP, name="wealist-backend-asg", change={"launchTemplate": ...},
        also=frozenset({"asg-version-named", "cost-known"}),
    ),
    _group("asg-elb-health", {"healthCheckType": "EC2"}),
    _group("asg-zones", {"vpcZoneIdentifiers": ["subnet-1"]}),
    _group("asg-rollback", {"instanceRefresh.preferences.autoRollback": False}),
    _group("asg-rollback", {"instanceRefresh.preferences.minHealthyPercentage": 0}),
    _group("asg-rollback", {"instanceRefresh": ...}),
    _group("asg-rollback", {"tags": [{"key": key} for key in (*TAGS, "k8s.io/cluster-autoscaler/enabled")]}),
    _group("asg-version-named", {"launchTemplate.version": "$Latest"}),
    _group("asg-version-named", {"launchTemplate.version": ...}),
    _template("asg-image-resolved", {"imageId": "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023"}),
    Broken(
        rule="codedeploy-rollback", type=DEPLOYMENT_GROUP, name="wealist-release-user-service-dg",
        change={"autoRollbackConfiguration.enabled": False},
    ),
    Broken(
        rule="codedeploy-rollback", type=DEPLOYMENT_GROUP, name="wealist-release-user-service-dg",
        change={"autoRollbackConfiguration.events": ["DEPLOYMENT_FAILURE"]},
    ),
    Broken(
        rule="codedeploy-alarms", type=DEPLOYMENT_GROUP, name="wealist-release-user-service-dg",
        change={"alarmConfiguration.alarms": []},
    ),
)  # fmt: skip

STORAGE = (
    *(
        Broken(
            rule="s3-public-access-blocked", type=PUBLIC_ACCESS_BLOCK, name="wealist-app-resources-public-access",
            change={switch: False},
        )
        for switch in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    ),
    *(
        Broken(rule="s3-bucket-complete", type=type_, name=f"wealist-app-resources-{part}", without=True,
               on="wealist-app-resources")
        for type_, part in (
            (PUBLIC_ACCESS_BLOCK, "public-access"),
            (BUCKET_OWNERSHIP, "ownership"),
            (BUCKET_ENCRYPTION, "encryption"),
            (BUCKET_POLICY, "policy"),
            (BUCKET_VERSIONING, "versioning"),
            (BUCKET_LIFECYCLE, "lifecycle"),
        )
    ),
    Broken(rule="s3-encrypted", type=BUCKET_ENCRYPTION, name="eco2-etcd-snapshots-encryption", change={"rules": []}),
    Broken(
        rule="s3-encrypted", type=BUCKET_ENCRYPTION, name="eco2-etcd-snapshots-encryption",
        change={"rules.0.applyServerSideEncryptionByDefault.sseAlgorithm": ""},
    ),
    Broken(
        rule="s3-tls-only", type=BUCKET_POLICY, name="wealist-app-resources-policy",
        change={"policy": document({**TLS_ONLY, "Action": "s3:GetObject"})},
    ),
    Broken(
        rule="s3-tls-only", type=BUCKET_POLICY, name="wealist-app-resources-policy",
        change={"policy": document({**TLS_ONLY, "Condition": {"Bool": {"aws:SecureTransport": "true"}}})},
    ),
    _bucket_policy(
        "s3-policy-not-public", {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
    ),
    _bucket_policy(
        "s3-policy-service-bound",
        {
            "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}, "Action": "s3:GetObject",
            "Resource": "*",
        },
    ),
    _bucket_policy(
        "s3-policy-no-administration",
        {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "*"},
    ),
    Broken(
        rule="s3-no-acls", type=BUCKET_OWNERSHIP, name="wealist-app-resources-ownership",
        change={"rule.objectOwnership": "ObjectWriter"},
    ),
    Broken(
        rule="s3-object-without-acl", type=BUCKET_OBJECT, name="eco2-bootstrap-bundle", change={"acl": "public-read"}
    ),
    Broken(
        rule="s3-versioned", type=BUCKET_VERSIONING, name="eco2-etcd-snapshots-versioning",
        change={"versioningConfiguration.status": "Suspended"},
    ),
    Broken(
        rule="s3-lifecycle", type=BUCKET_LIFECYCLE, name="eco2-issuer-bucket-lifecycle",
        change={"rules.0.status": "Disabled"},
    ),
    Broken(
        rule="s3-lifecycle-of-versions", type=BUCKET_LIFECYCLE, name="eco2-issuer-bucket-lifecycle",
        change={"rules.1.noncurrentVersionExpiration": ...},
    ),
    Broken(
        rule="s3-access-logged", type=BUCKET_LOGGING, name="wealist-app-resources-logging", without=True,
        on="wealist-app-resources",
    ),
    Broken(rule="s3-no-force-destroy", type=BUCKET, name="wealist-app-resources", change={"forceDestroy": True}),
    Broken(
        rule="ecr-scanned", type=REPOSITORY, name="eco2-registry-auth-api",
        change={"imageScanningConfiguration.scanOnPush": False},
    ),
    Broken(rule="ecr-immutable", type=REPOSITORY, name="eco2-registry-auth-api", change={"imageTagMutability": "MUTABLE"}),
    Broken(
        rule="ecr-lifecycle", type=REPOSITORY_LIFECYCLE, name="eco2-registry-auth-api-lifecycle", without=True,
        on="eco2-registry-auth-api",
    ),
    Broken(
        rule="ecr-keeps-tagged", type=REPOSITORY_LIFECYCLE, name="eco2-registry-auth-api-lifecycle",
        change={"policy": _expires("any")},
    ),
    Broken(
        rule="ecr-keeps-tagged", type=REPOSITORY_LIFECYCLE, name="wealist-registry-user-service-lifecycle",
        change={"policy": _expires("tagged", tagPatternList=["*"])},
    ),
    Broken(rule="ecr-no-force-delete", type=REPOSITORY, name="eco2-registry-auth-api", change={"forceDelete": True}),
)  # fmt: skip

DATA = (
    _database("rds-encrypted", storageEncrypted=False),
    _database("rds-encrypted", storageEncrypted=...),
    _database("rds-not-public", publiclyAccessible=True),
    Broken(
        rule="data-in-private-subnets", type=ROUTE, name="wealist-network-private-nat",
        change={"natGatewayId": ..., "gatewayId": "igw-1"}, on="wealist-database-subnets",
        also=frozenset({"ec2-private-subnets"}),
    ),
    Broken(
        rule="rds-tls-only", type=DATABASE_PARAMETERS, name="wealist-database-parameters",
        change={"parameters.0.value": "0"},
    ),
    Broken(
        rule="rds-scram", type=DATABASE_PARAMETERS, name="wealist-database-parameters",
        change={"parameters.1.value": "md5"},
    ),
    _database("rds-own-parameters", parameterGroupName="default.postgres17"),
    _database("rds-authority", caCertIdentifier="rds-ca-2019"),
    _database("rds-deletion-protection", deletionProtection=False),
    _database("rds-final-snapshot", skipFinalSnapshot=True),
    _database("rds-final-snapshot", finalSnapshotIdentifier=...),
    _database("rds-backed-up", backupRetentionPeriod=0),
    _database("rds-multi-az", multiAz=False),
    _database("rds-minor-upgrades", autoMinorVersionUpgrade=False),
    _database("rds-no-major-upgrade", allowMajorVersionUpgrade=True),
    _database("rds-logs", enabledCloudwatchLogsExports=["upgrade"]),
    _database("rds-snapshot-tags", copyTagsToSnapshot=False),
    _database("rds-administrator-name", username="postgres"),
    _cache("cache-encrypted", atRestEncryptionEnabled=False),
    _cache("cache-tls-only", transitEncryptionEnabled=False),
    _cache("cache-tls-only", transitEncryptionMode="preferred"),
    _cache("cache-auth", authToken=...),
    _cache("cache-backed-up", snapshotRetentionLimit=0),
    _cache("cache-minor-upgrades", autoMinorVersionUpgrade=False),
    _cache("cache-failover", automaticFailoverEnabled=False),
    _cache("cache-own-subnets", subnetGroupName="default"),
)  # fmt: skip

OPERATIONS = (
    *(
        Broken(rule="stateful-protected", type=type_, name=name, protect=False)
        for type_, name in (
            (BUCKET, "wealist-app-resources"),
            (CACHE, "wealist-cache-group"),
            (DATABASE, "wealist-database-instance"),
            (INSTANCE, "eco2-k8s-master-instance"),
            (KEY, "eco2-encryption-key"),
            (REPOSITORY, "eco2-registry-auth-api"),
            (ZONE, "eco2-dns-zone"),
        )
    ),
    Broken(rule="tags", type=VPC, name="eco2-network-vpc", change={"tags.System": ...}),
    Broken(rule="tags", type=TOPIC, name="eco2-alarms-topic", change={"tags": ...}),
    _group("tags", {"tags": []}),
    Broken(rule="kms-rotation", type=KEY, name="eco2-encryption-key", change={"enableKeyRotation": False}),
    Broken(rule="kms-deletion-window", type=KEY, name="eco2-encryption-key", change={"deletionWindowInDays": 7}),
    Broken(
        rule="kms-not-public", type=KEY, name="eco2-encryption-key",
        change={"policy": allow("kms:Decrypt", Principal={"AWS": "*"})},
    ),
    Broken(
        rule="ssm-secrets-encrypted", type=PARAMETER, name="eco2-parameters-jwt-secret",
        change={"type": "String"}, also=frozenset({"kubernetes-external-secret-known"}),
    ),
    Broken(rule="ssm-own-key", type=PARAMETER, name="eco2-parameters-jwt-secret", change={"keyId": "alias/aws/ssm"}),
    Broken(rule="ssm-own-key", type=PARAMETER, name="eco2-parameters-jwt-secret", change={"keyId": ...}),
    Broken(
        rule="ssm-document-private", type=DOCUMENT, name="wealist-database-init-document",
        change={"permissions": {"type": "Share", "accountIds": "All"}},
    ),
    Broken(rule="sns-encrypted", type=TOPIC, name="eco2-alarms-topic", change={"kmsMasterKeyId": ...}),
    Broken(
        rule="sns-not-public", type=TOPIC, name="eco2-alarms-topic",
        change={"policy": allow("sns:Publish", Principal="*")},
    ),
    Broken(rule="logs-encrypted", type=LOG_GROUP, name="eco2-waf-logs", change={"kmsKeyId": ...}),
    Broken(rule="logs-kept", type=LOG_GROUP, name="eco2-waf-logs", change={"retentionInDays": 0}),
    Broken(rule="logs-kept", type=LOG_GROUP, name="eco2-waf-logs", change={"retentionInDays": 7}),
    Broken(rule="alarm-tells", type=ALARM, name="wealist-alarms-database-cpu", change={"alarmActions": []}),
    *(
        Broken(rule="alarm-silence", type=ALARM, name=f"eco2-alarms-{name}", change={"treatMissingData": value})
        for name in ("k8s-redis-failed", "no-healthy-gateway")
        for value in ("notBreaching", "missing", "ignore", ...)
    ),
    Broken(rule="alarm-on", type=ALARM, name="wealist-alarms-database-cpu", change={"actionsEnabled": False}),
    Broken(
        rule="alarm-watches", type=ALARM, name="eco2-alarms-k8s-redis-failed", without=True, on="eco2-k8s-redis-instance"
    ),
    Broken(
        rule="alarm-watches", type=DATABASE, name="wealist-database-instance", change={"identifier": "another"}
    ),
    Broken(rule="zone-kept", type=ZONE, name="eco2-dns-zone", change={"forceDestroy": True}),
)  # fmt: skip

CASES = (*NETWORK, *EDGE, *ACCESS, *COMPUTE, *STORAGE, *DATA, *OPERATIONS)
