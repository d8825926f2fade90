"""Load balancers, certificates and identity providers: TLS with a floor, nothing forged, everything logged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from policy.aws_types import (
    CERTIFICATE,
    CERTIFICATE_VALIDATION,
    IDENTITY_PROVIDER,
    LISTENER,
    LISTENER_RULE,
    LOAD_BALANCER,
    TARGET_GROUP,
    WEB_ACL_ASSOCIATION,
)
from policy.checks import at, each, identifiers, is_one_of, is_set, is_true, shown, wants, wants_all
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

ZONES = 2

MANAGEMENT_HEALTH = re.compile(r"(?P<root>.*/(actuator|management|manage))/health(/.*)?")
"""A health check at such a path tells that the service shows its insides beside it: settings, metrics, memory."""

_ALB_ROOM = "infra/components/aws/load_balancer.py"
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


def _forwards_management(stack: Stack) -> Iterator[tuple[Resource, str]]:
    for root, groups in _management(stack).items():
        for listener in stack.of(LISTENER):
            rules = _rules_of(listener, stack)
            ways = [*(rule.props.get("actions") for rule in rules), listener.props.get("defaultActions")]
            if any(_target_groups(way) & groups for way in ways):
                for path in _spellings(root):
                    forwarding = _forwarding(path, listener, rules)
                    if forwarding:
                        yield forwarding, f"it forwards {path}"


def _spellings(root: str) -> Iterator[str]:
    """What a server reads as the root, or as a page below it, and a load balancer that compares what is sent may not."""
    above, _, last = root.rpartition("/")
    yield from (root, f"{root}/env", f"{above}/%{ord(last[0]):02x}{last[1:]}/env")
    yield from (f"{above}/{other}{last}/env" for other in ("/", "./", "x/../", "x/%2e%2e/", "x/..;/", ";/"))
    yield from (f"{root};x/env", f"{root}//env")


def _management(stack: Stack) -> dict[str, set[str]]:
    """The paths below which services show their insides, and what their target groups are called."""
    found: dict[str, set[str]] = {}
    for group in stack.of(TARGET_GROUP):
        health = MANAGEMENT_HEALTH.fullmatch(str(at(group.props, "healthCheck.path") or ""))
        if health:
            found.setdefault(health["root"], set()).update(identifiers(group))
    return found


def _rules_of(listener: Resource, stack: Stack) -> list[Resource]:
    """In the order in which they are tried."""
    rules = [one for one in stack.of(LISTENER_RULE) if one.props.get("listenerArn") in identifiers(listener)]
    return sorted(rules, key=lambda rule: float(rule.props.get("priority") or "inf"))


def _forwarding(path: str, listener: Resource, rules: list[Resource]) -> Resource | None:
    """What forwards some request for the path: the first rule that takes it, or the listener itself."""
    for rule in rules:
        if _takes(rule, path):
            if _lets_in(rule.props.get("actions")):
                return rule
            if all(at(condition, "pathPattern") for condition in each(rule.props, "conditions")):
                return None
    return listener if _lets_in(listener.props.get("defaultActions")) else None


def _takes(rule: Resource, path: str) -> bool:
    patterns = [at(condition, "pathPattern") for condition in each(rule.props, "conditions")]
    return all(
        any(_like(str(value)).fullmatch(path) for value in each(pattern, "values"))
        or any(re.search(str(value), path) for value in each(pattern, "regexValues"))
        for pattern in patterns
        if pattern
    )


def _like(pattern: str) -> re.Pattern[str]:
    """A load balancer's pattern: `*` is any text, `?` any character."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."))


def _lets_in(actions: Any) -> bool:
    kinds = [str(action.get("type")) for action in actions or ()]
    return "forward" in kinds and not any(kind.startswith("authenticate-") for kind in kinds)


def _target_groups(actions: Any) -> set[str]:
    """The ARNs that actions forward to."""
    return {
        str(arn)
        for action in actions or ()
        for arn in (
            action.get("targetGroupArn"),
            *(one.get("arn") for one in each(action, "forward.targetGroups")),
        )
        if arn
    }


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
    StackRule(
        name="alb-management-refused",
        title="Services' management paths are not forwarded, however they are spelled, but for their health",
        controls=("OWASP API Security API8:2023",),
        severity=Severity.HIGH,
        remedy="before a ForwardPlain, a Refuse of the path and all below it, as in ROUTES of infra/systems/wealist/document.py",
        check=_forwards_management,
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
