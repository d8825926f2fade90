"""A firewall for HTTP in front of a load balancer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi
import pulumi_aws as aws
from pulumi_aws import _utilities

from infra.components.component import PlatformComponent
from infra.tags import Tags, named

TOO_MANY_REQUESTS = 429
WINDOW_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class ManagedRules:
    """One of AWS's rule groups; the rules named in `counted` are only counted, where the group would block.

    `not_on_uploads` are rules that judge bodies, each with the label that it puts on what it finds: they block everywhere but
    on the firewall's `upload_paths`, where any bytes may be.
    """

    group: str
    counted: Sequence[str] = ()
    not_on_uploads: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class WebFirewallArgs:
    """What it guards, by its ARN, and what it lets through: `requests_per_5_minutes` from one address, and no more.

    `managed` are tried in the order given. The headers in `redacted_headers` never reach the log. `upload_paths` are what the
    paths of uploads begin with.
    """

    prefix: str
    resource_arn: pulumi.Input[str]
    managed: Sequence[ManagedRules]
    requests_per_5_minutes: int
    redacted_headers: Sequence[str]
    upload_paths: Sequence[str]
    log_retention_days: int
    log_key_arn: pulumi.Input[str]
    tags: Tags


class _WafResource(pulumi.CustomResource):
    """A resource of `aws:wafv2`, by the same token and with the same inputs as the SDK's class.

    Importing that class costs 100 MB and a second: its statements are spelled out to every depth.
    """

    arn: pulumi.Output[str]

    def __init__(self, kind: str, name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(
            f"aws:wafv2/{kind[0].lower()}{kind[1:]}:{kind}",
            name,
            {**inputs, "arn": None},
            pulumi.ResourceOptions.merge(_utilities.get_resource_opts_defaults(), opts),
        )


class WebFirewall(PlatformComponent):
    """A web ACL: the flood first, AWS's rule groups, then what they only label; each rule has its metric, every decision is logged.

    Resources: WebAcl, WebAclAssociation, LogGroup, WebAclLoggingConfiguration.
    """

    pulumi_type: ClassVar[str] = "platform:aws:WebFirewall"
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: WebFirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        acl_name = f"{args.prefix}-waf"
        acl = _WafResource(
            "WebAcl",
            f"{name}-acl",
            {
                "name": acl_name,
                "description": f"In front of {args.prefix}",
                "scope": "REGIONAL",
                "defaultAction": {"allow": {}},
                "rules": [
                    _flood(args),
                    *(_group(args, position, one) for position, one in enumerate(args.managed, start=1)),
                    *_bodies(args, len(args.managed) + 1),
                ],
                "visibilityConfig": _visible(acl_name),
                "tags": named(args.tags, acl_name),
            },
            self.child,
        )
        _WafResource(
            "WebAclAssociation",
            f"{name}-association",
            {"webAclArn": acl.arn, "resourceArn": args.resource_arn},
            self.child,
        )
        group = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            # WAF delivers to groups of this prefix alone.
            name=f"aws-waf-logs-{args.prefix}",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.log_key_arn,
            tags=named(args.tags, f"aws-waf-logs-{args.prefix}"),
            opts=self.child,
        )
        _WafResource(
            "WebAclLoggingConfiguration",
            f"{name}-logging",
            {
                "resourceArn": acl.arn,
                "logDestinationConfigs": [group.arn],
                "redactedFields": [{"singleHeader": {"name": header}} for header in args.redacted_headers],
            },
            self.child,
        )
        self.arn = acl.arn
        self.register_outputs({"arn": self.arn})


def _visible(metric: str) -> dict[str, Any]:
    return {"cloudwatchMetricsEnabled": True, "metricName": metric, "sampledRequestsEnabled": True}


def _flood(args: WebFirewallArgs) -> dict[str, Any]:
    return {
        "name": "flood",
        "priority": 0,
        "action": {"block": {"customResponse": {"responseCode": TOO_MANY_REQUESTS}}},
        "statement": {
            "rateBasedStatement": {
                "limit": args.requests_per_5_minutes,
                "evaluationWindowSec": WINDOW_SECONDS,
                "aggregateKeyType": "IP",
            }
        },
        "visibilityConfig": _visible(f"{args.prefix}-flood"),
    }


def _bodies(args: WebFirewallArgs, priority: int) -> list[dict[str, Any]]:
    """Blocks what rules for bodies have found, where no upload is: counted by its group, a request goes on with its labels.

    Source: AWS WAF developer guide, "Label match rule statement"; the paths are compared as a server would read them.
    """
    labels = [label for one in args.managed for label in one.not_on_uploads.values()]
    if not labels:
        return []
    found = [{"labelMatchStatement": {"scope": "LABEL", "key": label}} for label in labels]
    return [
        {
            "name": "bodies",
            "priority": priority,
            "action": {"block": {}},
            "statement": _all([_any(found), *map(_not_below, args.upload_paths)]),
            "visibilityConfig": _visible(f"{args.prefix}-bodies"),
        }
    ]


def _any(statements: list[dict[str, Any]]) -> dict[str, Any]:
    """WAF takes no `or` of one."""
    return statements[0] if len(statements) == 1 else {"orStatement": {"statements": statements}}


def _all(statements: list[dict[str, Any]]) -> dict[str, Any]:
    """WAF takes no `and` of one."""
    return statements[0] if len(statements) == 1 else {"andStatement": {"statements": statements}}


def _not_below(path: str) -> dict[str, Any]:
    below = {
        "searchString": path,
        "positionalConstraint": "STARTS_WITH",
        "fieldToMatch": {"uriPath": {}},
        "textTransformations": [
            {"priority": 0, "type": "URL_DECODE"},
            {"priority": 1, "type": "NORMALIZE_PATH"},
        ],
    }
    return {"notStatement": {"statement": {"byteMatchStatement": below}}}


def _group(args: WebFirewallArgs, priority: int, rules: ManagedRules) -> dict[str, Any]:
    return {
        "name": rules.group,
        "priority": priority,
        "overrideAction": {"none": {}},
        "statement": {
            "managedRuleGroupStatement": {
                "vendorName": "AWS",
                "name": rules.group,
                "ruleActionOverrides": [
                    {"name": one, "actionToUse": {"count": {}}} for one in (*rules.counted, *rules.not_on_uploads)
                ],
            }
        },
        "visibilityConfig": _visible(f"{args.prefix}-{rules.group}"),
    }
