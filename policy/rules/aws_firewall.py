"""Firewalls: what they must block, count and log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policy.aws_types import WEB_ACL, WEB_ACL_LOGGING
from policy.checks import at, each, identifiers, shown
from policy.mesh_objects import ENVOY_FILTER
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

BASELINE = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
)
"""What AWS puts in front of anything with its one-click protection: known bad addresses, common attacks, known exploits."""

BY_FORM = re.compile(r"SizeRestrictions_\w+|NoUserAgent_HEADER")
"""Rules of the groups that refuse a request for its form, which uploads and some clients have, and not for an attack in it."""

MOST_REQUESTS = 10_000
WINDOW = 300
"""Seconds, and AWS's default: a limit is compared as requests in so long."""

CREDENTIALS = ("authorization", "cookie")
AUTHENTICATES = re.compile(r"(?i).*(auth|token|cookie|session|secret|api-?key|jwt).*")
EXT_AUTHZ = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"

_WAF_ROOM = "infra/components/aws/waf.py"


def _firewall_unlogged(stack: Stack) -> Iterator[tuple[Resource, str]]:
    logged = {one.props.get("resourceArn") for one in stack.of(WEB_ACL_LOGGING)}
    for acl in stack.of(WEB_ACL):
        if not identifiers(acl) & logged:
            yield acl, "what it decides is not logged"


def _managed_groups(resource: Resource) -> list[Mapping[str, Any]]:
    """The rules that bring a group of rules which somebody else keeps."""
    return [rule for rule in each(resource.props, "rules") if at(rule, "statement.managedRuleGroupStatement")]


def _blocks_little(resource: Resource) -> Iterator[str]:
    groups = _managed_groups(resource)
    if not groups:
        yield "it has none of AWS's rule groups"
    for rule in groups:
        if at(rule, "overrideAction.count") is not None:
            yield f"'{rule.get('name')}' only counts"


def _lacks_baseline(resource: Resource) -> Iterator[str]:
    """A firewall with no group at all is told so by another rule."""
    groups = [at(rule, "statement.managedRuleGroupStatement") for rule in _managed_groups(resource)]
    having = {group.get("name") for group in groups if group.get("vendorName") == "AWS"}
    missing = [name for name in BASELINE if name not in having]
    if groups and missing:
        yield f"it does not have {', '.join(missing)}"


def _blocks_later(resource: Resource) -> set[str]:
    """The rules of groups, in small letters, whose finds another rule blocks by their labels, but below a path."""
    blocking = [rule.get("statement") for rule in each(resource.props, "rules") if at(rule, "action.block") is not None]
    labels: set[str] = set()
    for statement in blocking:
        first, *others = each(statement, "andStatement.statements") or [statement]
        if all(map(_is_not_below, others)):
            found = each(first, "orStatement.statements") or [first]
            labels.update(str(at(one, "labelMatchStatement.key")) for one in found)
    return {label.rsplit(":", 1)[-1].lower() for label in labels}


def _is_not_below(statement: Mapping[str, Any]) -> bool:
    """Compared as a server reads it: `/image/../login` is not below `/image/`."""
    match = at(statement, "notStatement.statement.byteMatchStatement")
    transformed = [one.get("type") for one in each(match, "textTransformations")]
    return (
        at(match, "fieldToMatch.uriPath") is not None
        and at(match, "positionalConstraint") == "STARTS_WITH"
        and len(str(at(match, "searchString"))) >= len("/a/")
        and transformed[-2:] == ["URL_DECODE", "NORMALIZE_PATH"]
    )


def _overridden(resource: Resource) -> Iterator[str]:
    later = _blocks_later(resource)
    for rule in _managed_groups(resource):
        group = at(rule, "statement.managedRuleGroupStatement")
        for override in each(group, "ruleActionOverrides"):
            name, action = str(override.get("name")), at(override, "actionToUse")
            if at(action, "allow") is not None:
                yield f"what {name} of '{rule.get('name')}' finds is let in, past all later rules"
            elif at(action, "count") is not None and not BY_FORM.fullmatch(name) and name.lower() not in later:
                yield f"what {name} of '{rule.get('name')}' finds is only counted"
        for excluded in each(group, "excludedRules"):
            yield f"what {excluded.get('name')} of '{rule.get('name')}' finds is only counted"


def _takes_floods(resource: Resource) -> Iterator[str]:
    limits = [
        at(rule, "statement.rateBasedStatement")
        for rule in each(resource.props, "rules")
        if at(rule, "statement.rateBasedStatement") and at(rule, "action.block") is not None
    ]
    every = [limit for limit in limits if at(limit, "scopeDownStatement") is None]
    if not every:
        yield "no rule blocks an address that asks too often, whatever it asks for"
    elif (least := min(map(_in_five_minutes, every))) > MOST_REQUESTS:
        yield f"an address may ask {shown(least)} times in five minutes"


def _in_five_minutes(limit: Mapping[str, Any]) -> float:
    return float(limit["limit"]) * WINDOW / float(at(limit, "evaluationWindowSec") or WINDOW)


def _unmeasured(resource: Resource) -> Iterator[str]:
    if not at(resource.props, "visibilityConfig.cloudwatchMetricsEnabled"):
        yield "it has no metric of its own: what no rule decides is not seen"
    for rule in each(resource.props, "rules"):
        if not at(rule, "visibilityConfig.cloudwatchMetricsEnabled"):
            yield f"'{rule.get('name')}' has no metric"


def _redacted(resource: Resource) -> set[str]:
    return {str(at(field, "singleHeader.name")).lower() for field in each(resource.props, "redactedFields")}


def _logs_credentials(resource: Resource) -> Iterator[str]:
    missing = [header for header in CREDENTIALS if header not in _redacted(resource)]
    if missing:
        yield f"it logs the headers {', '.join(missing)}"


def _logs_what_authorizes(stack: Stack) -> Iterator[tuple[Resource, str]]:
    authorizing = sorted({header for one in stack.of(ENVOY_FILTER) for header in _shown_to_authorizer(one)})
    for logging in stack.of(WEB_ACL_LOGGING):
        missing = [header for header in authorizing if header not in {*_redacted(logging), *CREDENTIALS}]
        if missing:
            yield logging, f"it logs the headers {', '.join(missing)}, which the authorizer is shown"


def _shown_to_authorizer(envoy_filter: Resource) -> Iterator[str]:
    for patch in each(envoy_filter.props, "spec.configPatches"):
        config = at(patch, "patch.value.typed_config")
        if str(at(config, "@type")).endswith(EXT_AUTHZ):
            names = [str(pattern.get("exact") or "").lower() for pattern in each(config, "allowed_headers.patterns")]
            yield from (name for name in names if AUTHENTICATES.fullmatch(name))


RULES: tuple[Rule, ...] = (
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
        name="waf-baseline",
        title="Firewalls have AWS's rule groups against bad addresses, common attacks and known exploits",
        controls=("AWS Well-Architected SEC05-BP03 Implement inspection-based protection",),
        severity=Severity.MEDIUM,
        remedy=f"WebFirewallArgs.managed ({_WAF_ROOM}): {', '.join(BASELINE)}",
        types=frozenset({WEB_ACL}),
        check=_lacks_baseline,
    ),
    ResourceRule(
        name="waf-managed-overrides",
        title="Firewalls block every attack that a rule group finds; what it refuses for its form may be counted, and what is in"
        " the bodies of uploads",
        controls=("AWS Well-Architected SEC05-BP03 Implement inspection-based protection",),
        severity=Severity.MEDIUM,
        remedy="ManagedRules.counted: rules for sizes and user agents alone; ManagedRules.not_on_uploads: rules for bodies, which"
        " block everywhere but below WebFirewallArgs.upload_paths",
        types=frozenset({WEB_ACL}),
        check=_overridden,
    ),
    ResourceRule(
        name="waf-rate-limit",
        title=f"Firewalls block an address that asks more than {MOST_REQUESTS} times in five minutes",
        controls=("AWS Well-Architected SEC05-BP03 Implement inspection-based protection",),
        severity=Severity.MEDIUM,
        remedy=f"WebFirewallArgs.requests_per_5_minutes is {MOST_REQUESTS} or less, for all requests",
        types=frozenset({WEB_ACL}),
        check=_takes_floods,
    ),
    ResourceRule(
        name="waf-metrics",
        title="Every firewall has a metric, and so has every rule of it",
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
    StackRule(
        name="waf-log-redacts-tokens",
        title="Firewalls' logs hold none of the headers that the mesh's authorizer takes a token from",
        controls=("AWS Well-Architected SEC02-BP03 Store and use secrets securely", "OWASP ASVS 4.0: 7.1.1"),
        severity=Severity.HIGH,
        remedy="WebFirewallArgs.redacted_headers: every header of CHECKED_HEADERS that holds a token",
        check=_logs_what_authorizes,
    ),
)
