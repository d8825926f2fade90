"""Load balancers, distributions, certificates and firewalls: TLS with a floor, nothing forged, everything logged."""

from __future__ import annotations

from collections.abc import Iterator

from policy.aws_types import (
    ACCESS_CONTROL,
    CERTIFICATE,
    CERTIFICATE_VALIDATION,
    DISTRIBUTION,
    HEADERS,
    IDENTITY_PROVIDER,
    LISTENER,
    LISTENER_RULE,
    LOAD_BALANCER,
    LOG_SOURCE,
    WEB_ACL,
    WEB_ACL_ASSOCIATION,
    WEB_ACL_LOGGING,
)
from policy.checks import at, each, identifiers, is_at_least, is_one_of, is_set, is_true, shown, wants, wants_all
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

TLS_POLICIES = tuple(
    f"ELBSecurityPolicy-{name}"
    for name in (
        "TLS13-1-2-Res-2021-06",
        "TLS13-1-2-Res-FIPS-2023-04",
        "TLS13-1-2-Res-FIPS-PQ-2025-09",
        "TLS13-1-2-Res-PQ-2025-09",
        "TLS13-1-3-2021-06",
        "TLS13-1-3-FIPS-2023-04",
        "TLS13-1-3-FIPS-PQ-2025-09",
        "TLS13-1-3-PQ-2025-09",
    )
)
"""Those of ELB.17: TLS 1.2 or better, and no cipher without authenticated encryption."""

CLOUDFRONT_TLS = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
ONE_YEAR = 31_536_000
CREDENTIALS = ("authorization", "cookie")
ZONES = 2

_ALB_ROOM = "infra/components/aws/load_balancer.py"
_SITE_ROOM = "infra/components/aws/static_site.py"
_WAF_ROOM = "infra/components/aws/waf.py"


def _old_tls(resource: Resource) -> Iterator[str]:
    if resource.props.get("protocol") == "HTTPS":
        yield from wants("sslPolicy", is_one_of(*TLS_POLICIES))(resource)


def _serves_plain_http(resource: Resource) -> Iterator[str]:
    if resource.props.get("protocol") != "HTTP":
        return
    for action in each(resource.props, "defaultActions"):
        kind = action.get("type")
        if kind not in ("redirect", "fixed-response"):
            yield f"plain HTTP gets: {kind}"
        elif kind == "redirect" and at(action, "redirect.protocol") != "HTTPS":
            yield f"plain HTTP is redirected to {shown(at(action, 'redirect.protocol'))}"


def _without_certificate(resource: Resource) -> Iterator[str]:
    if resource.props.get("protocol") == "HTTPS":
        yield from wants("certificateArn", lambda value: str(value or "").startswith("arn:aws:acm:"))(resource)


def _routes_plain_http(stack: Stack) -> Iterator[tuple[Resource, str]]:
    plain = {
        one
        for listener in stack.of(LISTENER)
        if listener.props.get("protocol") == "HTTP"
        for one in identifiers(listener)
    }
    for rule in stack.of(LISTENER_RULE):
        forwards = any(action.get("type") == "forward" for action in each(rule.props, "actions"))
        if forwards and rule.props.get("listenerArn") in plain:
            yield rule, "it forwards what came over plain HTTP"


def _in_one_zone(resource: Resource) -> Iterator[str]:
    count = len(each(resource.props, "subnets")) + len(each(resource.props, "subnetMappings"))
    if count < ZONES:
        yield f"it is in {count} subnet{'' if count == 1 else 's'}"


def _is_public_application(balancer: Resource) -> bool:
    return balancer.props.get("loadBalancerType") in (None, "application") and not balancer.props.get("internal")


def _unguarded(stack: Stack) -> Iterator[tuple[Resource, str]]:
    guarded = {one.props.get("resourceArn") for one in stack.of(WEB_ACL_ASSOCIATION)}
    for balancer in stack.of(LOAD_BALANCER):
        if _is_public_application(balancer) and not identifiers(balancer) & guarded:
            yield balancer, "no firewall is in front of it"


def _firewall_unlogged(stack: Stack) -> Iterator[tuple[Resource, str]]:
    logged = {one.props.get("resourceArn") for one in stack.of(WEB_ACL_LOGGING)}
    for acl in stack.of(WEB_ACL):
        if not identifiers(acl) & logged:
            yield acl, "what it decides is not logged"


def _blocks_little(resource: Resource) -> Iterator[str]:
    rules = each(resource.props, "rules")
    groups = [rule for rule in rules if at(rule, "statement.managedRuleGroupStatement")]
    if not groups:
        yield "it has none of AWS's rule groups"
    for rule in groups:
        if at(rule, "overrideAction.count") is not None:
            yield f"'{rule.get('name')}' only counts"


def _takes_floods(resource: Resource) -> Iterator[str]:
    if not any(
        at(rule, "statement.rateBasedStatement") and at(rule, "action.block") is not None
        for rule in each(resource.props, "rules")
    ):
        yield "no rule blocks an address that asks too often"


def _unmeasured(resource: Resource) -> Iterator[str]:
    for rule in each(resource.props, "rules"):
        if not at(rule, "visibilityConfig.cloudwatchMetricsEnabled"):
            yield f"'{rule.get('name')}' has no metric"


def _logs_credentials(resource: Resource) -> Iterator[str]:
    redacted = {str(at(field, "singleHeader.name")).lower() for field in each(resource.props, "redactedFields")}
    missing = [header for header in CREDENTIALS if header not in redacted]
    if missing:
        yield f"it logs the headers {', '.join(missing)}"


def _distribution_unlogged(stack: Stack) -> Iterator[tuple[Resource, str]]:
    logged = {one.props.get("resourceArn") for one in stack.of(LOG_SOURCE)}
    for distribution in stack.of(DISTRIBUTION):
        if not at(distribution.props, "loggingConfig.bucket") and not identifiers(distribution) & logged:
            yield distribution, "its requests are not logged"


def _speaks_plain_http(resource: Resource) -> Iterator[str]:
    behaviors = [at(resource.props, "defaultCacheBehavior"), *each(resource.props, "orderedCacheBehaviors")]
    for behavior in behaviors:
        found = at(behavior, "viewerProtocolPolicy")
        if found not in ("redirect-to-https", "https-only"):
            yield f"viewerProtocolPolicy is {shown(found)} for {at(behavior, 'pathPattern') or 'all else'}"


def _open_origins(resource: Resource) -> Iterator[str]:
    for origin in each(resource.props, "origins"):
        domain = str(origin.get("domainName"))
        if ".s3." in domain and not origin.get("originAccessControlId"):
            yield f"it reads {domain} without an origin access control"


def _plain_origins(resource: Resource) -> Iterator[str]:
    for origin in each(resource.props, "origins"):
        policy = at(origin, "customOriginConfig.originProtocolPolicy")
        if policy not in (None, "https-only"):
            yield f"it asks {origin.get('domainName')} with {policy}"


def _frames(resource: Resource) -> Iterator[str]:
    headers = at(resource.props, "securityHeadersConfig")
    frame = at(headers, "frameOptions.frameOption")
    if frame not in ("DENY", "SAMEORIGIN"):
        yield f"X-Frame-Options is {shown(frame)}"
    policy = str(at(headers, "contentSecurityPolicy.contentSecurityPolicy") or "")
    if "default-src 'self'" not in policy and "default-src 'none'" not in policy:
        yield "Content-Security-Policy lets content in from anywhere"
    if "'unsafe-eval'" in policy:
        yield "Content-Security-Policy allows 'unsafe-eval'"


def _unvalidated(stack: Stack) -> Iterator[tuple[Resource, str]]:
    validated = {one.props.get("certificateArn") for one in stack.of(CERTIFICATE_VALIDATION)}
    for certificate in stack.of(CERTIFICATE):
        if not identifiers(certificate) & validated:
            yield certificate, "nothing waits until it is issued"


def _other_audiences(resource: Resource) -> Iterator[str]:
    audiences = each(resource.props, "clientIdLists")
    if list(audiences) != ["sts.amazonaws.com"]:
        yield f"clientIdLists is {shown(audiences)}"
    url = str(resource.props.get("url") or "")
    if not url.startswith("https://"):
        yield f"url is '{url}'"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="alb-tls-policy",
        title="HTTPS listeners speak TLS 1.2 or better, with authenticated ciphers only",
        controls=("AWS FSBP ELB.17",),
        severity=Severity.MEDIUM,
        remedy=f"{_ALB_ROOM}: TLS_POLICY is one of {', '.join(TLS_POLICIES[:1])} and its successors",
        types=frozenset({LISTENER}),
        check=_old_tls,
    ),
    ResourceRule(
        name="alb-redirects-http",
        title="Plain HTTP is redirected to HTTPS, or refused",
        controls=("AWS FSBP ELB.1",),
        severity=Severity.HIGH,
        remedy=f"{_ALB_ROOM}: the HTTP listener's default action is the redirect",
        types=frozenset({LISTENER}),
        check=_serves_plain_http,
    ),
    StackRule(
        name="alb-routes-https-only",
        title="Only what came over HTTPS is forwarded",
        controls=("AWS FSBP ELB.18",),
        severity=Severity.HIGH,
        remedy=f"{_ALB_ROOM}: rules belong to the HTTPS listener",
        check=_routes_plain_http,
    ),
    ResourceRule(
        name="alb-certificate",
        title="HTTPS listeners show a certificate of ACM, which renews it",
        controls=("AWS FSBP ACM.1", "AWS Well-Architected SEC09-BP01 Implement secure key and certificate management"),
        severity=Severity.MEDIUM,
        remedy="give LoadBalancerArgs the ARN of a Certificate (infra/components/aws/certificates.py)",
        types=frozenset({LISTENER}),
        check=_without_certificate,
    ),
    ResourceRule(
        name="alb-drops-invalid-headers",
        title="Load balancers drop malformed headers",
        controls=("AWS FSBP ELB.4",),
        severity=Severity.MEDIUM,
        remedy=f"{_ALB_ROOM}: drop_invalid_header_fields=True",
        types=frozenset({LOAD_BALANCER}),
        check=wants("dropInvalidHeaderFields", is_true),
    ),
    ResourceRule(
        name="alb-desync",
        title="Load balancers refuse requests that could be smuggled past them",
        controls=("AWS FSBP ELB.12",),
        severity=Severity.MEDIUM,
        remedy=f"{_ALB_ROOM}: desync_mitigation_mode is strictest, or defensive",
        types=frozenset({LOAD_BALANCER}),
        check=wants("desyncMitigationMode", is_one_of(None, "defensive", "strictest")),
    ),
    ResourceRule(
        name="alb-logged",
        title="Load balancers log their requests",
        controls=("AWS FSBP ELB.5",),
        severity=Severity.MEDIUM,
        remedy=f"{_ALB_ROOM}: access_logs with enabled=True",
        types=frozenset({LOAD_BALANCER}),
        check=wants_all({"accessLogs.enabled": is_true, "accessLogs.bucket": is_set}),
    ),
    ResourceRule(
        name="alb-deletion-protection",
        title="Load balancers cannot be deleted by mistake",
        controls=("AWS FSBP ELB.6",),
        severity=Severity.MEDIUM,
        remedy="set <system>.load_balancer.deletion_protection (eco2: edge.deletion_protection) to true in the stack's file",
        types=frozenset({LOAD_BALANCER}),
        check=wants("enableDeletionProtection", is_true),
    ),
    ResourceRule(
        name="alb-zones",
        title="Load balancers are in two zones or more",
        controls=("AWS FSBP ELB.13",),
        severity=Severity.MEDIUM,
        remedy="give LoadBalancerArgs all of the network's public subnets",
        types=frozenset({LOAD_BALANCER}),
        check=_in_one_zone,
    ),
    StackRule(
        name="alb-firewall",
        title="A firewall is in front of every public load balancer",
        controls=("AWS Security Hub ELB.16", "AWS Well-Architected SEC05-BP03 Implement inspection-based protection"),
        severity=Severity.MEDIUM,
        remedy=f"add a WebFirewall ({_WAF_ROOM}) for the load balancer",
        check=_unguarded,
    ),
    ResourceRule(
        name="waf-managed-rules",
        title="Firewalls block what AWS's rule groups find",
        controls=("AWS FSBP WAF.10", "AWS Well-Architected SEC05-BP03 Implement inspection-based protection"),
        severity=Severity.MEDIUM,
        remedy="WebFirewallArgs.managed: ManagedRules; count single rules of a group, not the group",
        types=frozenset({WEB_ACL}),
        check=_blocks_little,
    ),
    ResourceRule(
        name="waf-rate-limit",
        title="Firewalls block an address that asks too often",
        controls=("AWS Well-Architected SEC05-BP03 Implement inspection-based protection",),
        severity=Severity.MEDIUM,
        remedy="WebFirewallArgs.requests_per_5_minutes",
        types=frozenset({WEB_ACL}),
        check=_takes_floods,
    ),
    ResourceRule(
        name="waf-metrics",
        title="Every rule of a firewall has a metric",
        controls=("AWS FSBP WAF.12",),
        severity=Severity.LOW,
        remedy=f"{_WAF_ROOM}: cloudwatch_metrics_enabled in each visibility_config",
        types=frozenset({WEB_ACL}),
        check=_unmeasured,
    ),
    StackRule(
        name="waf-logged",
        title="Firewalls log what they decide",
        controls=("AWS Security Hub WAF.11",),
        severity=Severity.MEDIUM,
        remedy=f"{_WAF_ROOM}: a WebAclLoggingConfiguration",
        check=_firewall_unlogged,
    ),
    ResourceRule(
        name="waf-log-redacted",
        title="Firewalls' logs hold no credentials",
        controls=("AWS Well-Architected SEC02-BP03 Store and use secrets securely",),
        severity=Severity.HIGH,
        remedy=f"{_WAF_ROOM}: redact {' and '.join(CREDENTIALS)}",
        types=frozenset({WEB_ACL_LOGGING}),
        check=_logs_credentials,
    ),
    ResourceRule(
        name="cloudfront-https",
        title="Viewers are sent to HTTPS, or served nothing else",
        controls=("AWS FSBP CloudFront.3",),
        severity=Severity.HIGH,
        remedy=f"{_SITE_ROOM}: viewer_protocol_policy is redirect-to-https or https-only",
        types=frozenset({DISTRIBUTION}),
        check=_speaks_plain_http,
    ),
    ResourceRule(
        name="cloudfront-tls",
        title="Viewers speak TLS 1.2 or better",
        controls=("AWS FSBP CloudFront.15",),
        severity=Severity.MEDIUM,
        remedy=f"{_SITE_ROOM}: minimum_protocol_version is {CLOUDFRONT_TLS[0]} or newer",
        types=frozenset({DISTRIBUTION}),
        check=wants("viewerCertificate.minimumProtocolVersion", is_one_of(*CLOUDFRONT_TLS)),
    ),
    ResourceRule(
        name="cloudfront-certificate",
        title="Distributions show a certificate of their own, by SNI",
        controls=("AWS FSBP CloudFront.7", "AWS FSBP CloudFront.8"),
        severity=Severity.LOW,
        remedy=f"{_SITE_ROOM}: acm_certificate_arn with ssl_support_method=sni-only",
        types=frozenset({DISTRIBUTION}),
        check=wants_all(
            {"viewerCertificate.acmCertificateArn": is_set, "viewerCertificate.sslSupportMethod": is_one_of("sni-only")}
        ),
    ),
    ResourceRule(
        name="cloudfront-origin-access",
        title="Distributions read buckets through an origin access control",
        controls=("AWS FSBP CloudFront.13",),
        severity=Severity.HIGH,
        remedy=f"{_SITE_ROOM}: origin_access_control_id for the bucket's origin",
        types=frozenset({DISTRIBUTION}),
        check=_open_origins,
    ),
    ResourceRule(
        name="cloudfront-origin-signed",
        title="Distributions sign every request to their bucket",
        controls=("AWS FSBP CloudFront.13",),
        severity=Severity.HIGH,
        remedy=f"{_SITE_ROOM}: signing_behavior is always, signing_protocol sigv4",
        types=frozenset({ACCESS_CONTROL}),
        check=wants_all({"signingBehavior": is_one_of("always"), "signingProtocol": is_one_of("sigv4")}),
    ),
    ResourceRule(
        name="cloudfront-origin-https",
        title="Distributions ask origins that are no buckets over HTTPS",
        controls=("AWS FSBP CloudFront.9",),
        severity=Severity.MEDIUM,
        remedy=f"{_SITE_ROOM}: origin_protocol_policy is https-only",
        types=frozenset({DISTRIBUTION}),
        check=_plain_origins,
    ),
    StackRule(
        name="cloudfront-logged",
        title="Distributions log their requests",
        controls=("AWS FSBP CloudFront.5",),
        severity=Severity.MEDIUM,
        remedy=f"{_SITE_ROOM}: a LogDeliverySource for the distribution, with its delivery to the access logs",
        check=_distribution_unlogged,
    ),
    ResourceRule(
        name="cloudfront-firewall",
        title="A firewall is in front of every distribution",
        controls=("AWS FSBP CloudFront.6",),
        severity=Severity.MEDIUM,
        remedy="web_acl_id: a web ACL of scope CLOUDFRONT in us-east-1",
        types=frozenset({DISTRIBUTION}),
        check=wants("webAclId", is_set),
        mandatory=False,
    ),
    ResourceRule(
        name="cloudfront-headers",
        title="Distributions add security headers to what they serve",
        controls=("AWS Well-Architected SEC09-BP02 Enforce encryption in transit",),
        severity=Severity.MEDIUM,
        remedy=f"{_SITE_ROOM}: response_headers_policy_id, the site's own or AWS's SecurityHeadersPolicy",
        types=frozenset({DISTRIBUTION}),
        check=wants("defaultCacheBehavior.responseHeadersPolicyId", is_set),
    ),
    ResourceRule(
        name="site-hsts",
        title="Sites tell browsers to come back over HTTPS only, for a year",
        controls=("AWS Well-Architected SEC09-BP02 Enforce encryption in transit",),
        severity=Severity.MEDIUM,
        remedy=f"{_SITE_ROOM}: strict_transport_security with access_control_max_age_sec={ONE_YEAR}",
        types=frozenset({HEADERS}),
        check=wants("securityHeadersConfig.strictTransportSecurity.accessControlMaxAgeSec", is_at_least(ONE_YEAR)),
    ),
    ResourceRule(
        name="site-content-policy",
        title="Sites run their own content only, and are framed by nobody else",
        controls=("AWS Well-Architected SEC05-BP03 Implement inspection-based protection",),
        severity=Severity.MEDIUM,
        remedy=f"{_SITE_ROOM}: a content_security_policy with default-src 'self', and frame_options DENY",
        types=frozenset({HEADERS}),
        check=_frames,
    ),
    ResourceRule(
        name="acm-renews",
        title="Certificates prove their name by DNS, so that ACM renews them by itself",
        controls=("AWS FSBP ACM.1",),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/certificates.py: validation_method=DNS",
        types=frozenset({CERTIFICATE}),
        check=wants("validationMethod", is_one_of("DNS")),
    ),
    ResourceRule(
        name="acm-key",
        title="Certificates' keys are long enough",
        controls=("AWS FSBP ACM.2",),
        severity=Severity.HIGH,
        remedy="infra/components/aws/certificates.py: key_algorithm is RSA_2048 or longer, or EC_prime256v1 or longer",
        types=frozenset({CERTIFICATE}),
        check=wants("keyAlgorithm", lambda value: value != "RSA_1024"),
    ),
    StackRule(
        name="acm-validated",
        title="Nothing uses a certificate before it is issued",
        controls=("AWS FSBP ACM.1",),
        severity=Severity.LOW,
        remedy="make certificates with Certificate (infra/components/aws/certificates.py), which waits",
        check=_unvalidated,
    ),
    ResourceRule(
        name="oidc-provider-audience",
        title="Identity providers are asked over HTTPS, for tokens that are meant for AWS STS",
        controls=("AWS Well-Architected SEC02-BP04 Rely on a centralized identity provider",),
        severity=Severity.HIGH,
        remedy="infra/components/aws/federation.py: client_id_lists holds sts.amazonaws.com alone",
        types=frozenset({IDENTITY_PROVIDER}),
        check=_other_audiences,
    ),
)
