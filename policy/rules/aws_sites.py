"""Distributions and the headers that sites are served with: HTTPS, nothing forged, nothing run that is not the site's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policy.aws_types import ACCESS_CONTROL, DISTRIBUTION, HEADERS, LOG_DELIVERY, LOG_SOURCE
from policy.checks import at, each, identifiers, is_at_least, is_one_of, is_set, shown, wants, wants_all
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

CLOUDFRONT_TLS = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
ONE_YEAR = 31_536_000

REFERRERS = ("no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin")
"""Those that tell another site no path, and nothing at all over plain HTTP."""

ANYWHERE = re.compile(r"(?i)\*|(https?|wss?|data|blob|filesystem):|(https?://)?\*(\.[^.]+)?(:\S+)?")
"""Sources that name nobody: everything, a scheme, or a whole top-level domain."""

NAMED_SCRIPT = re.compile(r"(?i)'(nonce-|sha(256|384|512)-).+'")
"""Browsers that know these ignore 'unsafe-inline' beside them."""

_SITE_ROOM = "infra/components/aws/static_site.py"


def _distribution_unlogged(stack: Stack) -> Iterator[tuple[Resource, str]]:
    delivered = {one.props.get("deliverySourceName") for one in stack.of(LOG_DELIVERY)}
    sources = {one.props.get("resourceArn"): one.props.get("name") for one in stack.of(LOG_SOURCE)}
    for distribution in stack.of(DISTRIBUTION):
        names = [sources[one] for one in sorted(identifiers(distribution)) if one in sources]
        if at(distribution.props, "loggingConfig.bucket") or any(name in delivered for name in names):
            continue
        yield distribution, "its log is delivered nowhere" if names else "its requests are not logged"


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


def _directives(resource: Resource) -> dict[str, list[str]]:
    """The content policy: each directive's sources. As browsers do, the first of a name counts."""
    text = str(at(resource.props, "securityHeadersConfig.contentSecurityPolicy.contentSecurityPolicy") or "")
    found: dict[str, list[str]] = {}
    for words in filter(None, (directive.split() for directive in text.split(";"))):
        found.setdefault(words[0].lower(), words[1:])
    return found


def _takes_any_content(resource: Resource) -> Iterator[str]:
    sources = _directives(resource).get("default-src")
    if sources is None:
        yield "Content-Security-Policy lets content in from anywhere: it has no default-src"
    else:
        for source in filter(ANYWHERE.fullmatch, sources):
            yield f"Content-Security-Policy lets content in from {source}"


def _runs_any_script(resource: Resource) -> Iterator[str]:
    """Where scripts have no directive of their own, default-src is theirs; whom that lets in is another rule's."""
    directives = _directives(resource)
    scripts = {name: sources for name, sources in directives.items() if name.startswith("script-src")}
    for name, sources in scripts.items():
        for source in filter(ANYWHERE.fullmatch, sources):
            yield f"Content-Security-Policy runs scripts from {source} ({name})"
    if "script-src" not in scripts:
        scripts["default-src"] = directives.get("default-src", [])
    for name, sources in scripts.items():
        given = {source.lower() for source in sources}
        if "'unsafe-eval'" in given:
            yield f"Content-Security-Policy runs text as scripts ({name} 'unsafe-eval')"
        if "'unsafe-inline'" in given and not any(map(NAMED_SCRIPT.fullmatch, sources)):
            yield f"Content-Security-Policy runs any script that stands in a page ({name} 'unsafe-inline')"


def _framed(resource: Resource) -> Iterator[str]:
    """Browsers that know frame-ancestors look at that alone."""
    yield from wants("securityHeadersConfig.frameOptions.frameOption", is_one_of("DENY"))(resource)
    ancestors = _directives(resource).get("frame-ancestors")
    if ancestors not in (None, [], ["'none'"]):
        yield f"frame-ancestors is {' '.join(ancestors or ())}"


RULES: tuple[Rule, ...] = (
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
        title="Distributions log their requests, and the log is delivered",
        controls=("AWS FSBP CloudFront.5",),
        severity=Severity.MEDIUM,
        remedy=f"{_SITE_ROOM}: a LogDeliverySource for the distribution, and the LogDelivery of it to the access logs",
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
        title="Sites show their own content only, and that of sources that are named",
        controls=("OWASP ASVS 4.0: 14.4.3",),
        severity=Severity.MEDIUM,
        remedy=f"{_SITE_ROOM}: a content_security_policy with default-src 'self'",
        types=frozenset({HEADERS}),
        check=_takes_any_content,
    ),
    ResourceRule(
        name="site-scripts",
        title="Sites run scripts of named sources, and none that stand in a page or are made of text",
        controls=("OWASP ASVS 4.0: 14.4.3",),
        severity=Severity.MEDIUM,
        remedy=f"{_SITE_ROOM}: script-src without 'unsafe-inline' and 'unsafe-eval'; a script in a page is named by its hash",
        types=frozenset({HEADERS}),
        check=_runs_any_script,
    ),
    ResourceRule(
        name="site-not-framed",
        title="Sites are framed by nobody",
        controls=("OWASP ASVS 4.0: 14.4.7",),
        severity=Severity.MEDIUM,
        remedy=f"{_SITE_ROOM}: frame_options DENY, and frame-ancestors 'none' in the content_security_policy",
        types=frozenset({HEADERS}),
        check=_framed,
    ),
    ResourceRule(
        name="site-no-sniffing",
        title="Browsers take sites' files for what they are served as",
        controls=("OWASP ASVS 4.0: 14.4.4",),
        severity=Severity.MEDIUM,
        remedy=f"{_SITE_ROOM}: content_type_options, which sends X-Content-Type-Options: nosniff",
        types=frozenset({HEADERS}),
        check=wants("securityHeadersConfig.contentTypeOptions", is_set),
    ),
    ResourceRule(
        name="site-referrer",
        title="Sites tell other sites no more than their own name",
        controls=("OWASP ASVS 4.0: 14.4.6",),
        severity=Severity.LOW,
        remedy=f"{_SITE_ROOM}: referrer_policy is one of {', '.join(REFERRERS)}",
        types=frozenset({HEADERS}),
        check=wants("securityHeadersConfig.referrerPolicy.referrerPolicy", is_one_of(*REFERRERS)),
    ),
)
