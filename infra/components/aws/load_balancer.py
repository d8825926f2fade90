"""A public Application Load Balancer that routes by path."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.aws.access_logs import AccessLogs
from infra.components.aws.dns import AliasTarget
from infra.components.component import PlatformComponent
from infra.names import within_limit
from infra.tags import Tags, named

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
CERTIFICATE_HEADERS = tuple(
    f"x-amzn-mtls-clientcert{part}" for part in ("", "-serial-number", "-issuer", "-subject", "-validity", "-leaf")
)
"""What a load balancer that asks for certificates says of them; what it does with a client's own headers of these names is written
nowhere ("HTTP header modification for your Application Load Balancer", read on 2026-11-29)."""

FIRST_HOST = 10_000
DRAIN_SECONDS = 30
"""How long a target finishes its requests before it is taken out (wealist.md §7)."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One target group: instances on `port`, healthy when `health_path` answers 200 there, or on `health_port`.

    `sticky_seconds` keeps a client on one instance by the load balancer's cookie.
    """

    port: int
    health_path: str
    sticky_seconds: int | None = None
    health_port: int | None = None


PLAIN = r"((([A-Za-z0-9_~@+-]|%([89ABD-Fabd-f][0-9A-Fa-f]|[Cc][2-9A-Fa-f]))\.?)+(/|$))*$"
"""Paths that every server reads in one way: no escaped ASCII, no dots as a segment, no parameters, no empty segments. Names in
other alphabets are escaped UTF-8, and pass. The load balancer's expressions know no lookahead, and take up to 128 characters."""


@dataclass(frozen=True, kw_only=True)
class Forward:
    """Requests for any of these paths go to the target group of that name; with `hosts`, those for these hosts only."""

    target: str
    paths: Sequence[str]
    hosts: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ForwardPlain:
    """Requests for what is below a folder (`/api/users/`) go to the target group of that name, if their path is spelled plainly.

    For a folder of which something is refused: the load balancer compares paths as they are sent, the server as it reads them.
    """

    target: str
    below: str


@dataclass(frozen=True, kw_only=True)
class Refuse:
    """Requests for any of these paths are answered 403."""

    paths: Sequence[str]


Rule = Forward | ForwardPlain | Refuse


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """`rules` are tried in the order given; what none matches is answered 404.

    `idle_seconds` is how long a connection may say nothing, a WebSocket's too, before it is closed.
    """

    prefix: str
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    certificate_arn: pulumi.Input[str]
    access_logs: AccessLogs
    targets: Mapping[str, Target]
    rules: Sequence[Rule]
    idle_seconds: int
    deletion_protection: bool
    tags: Tags


@dataclass(frozen=True, kw_only=True)
class VerifiedClients:
    """The port of a listener whose clients show a certificate, and the trust store that has its authorities."""

    port: int
    trust_store_arn: pulumi.Input[str]


class LoadBalancer(PlatformComponent):
    """HTTPS with a modern TLS policy; HTTP only redirects; invalid headers are dropped; access is logged.

    Resources: LoadBalancer, two Listeners, a TargetGroup per target, a ListenerRule per rule; `attach` adds an instance.
    """

    pulumi_type: ClassVar[str] = "platform:aws:LoadBalancer"
    arn: pulumi.Output[str]
    listener_arn: pulumi.Output[str]
    alias_target: AliasTarget
    arn_suffix: pulumi.Output[str]
    target_groups: dict[str, aws.lb.TargetGroup]

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        balancer = aws.lb.LoadBalancer(
            f"{name}-alb",
            name=within_limit(f"{args.prefix}-alb", "load balancer"),
            load_balancer_type="application",
            internal=False,
            ip_address_type="ipv4",
            subnets=args.subnet_ids,
            security_groups=[args.security_group_id],
            enable_deletion_protection=args.deletion_protection,
            idle_timeout=args.idle_seconds,
            drop_invalid_header_fields=True,
            desync_mitigation_mode="strictest",
            access_logs={"enabled": True, "bucket": args.access_logs.bucket, "prefix": "alb"},
            tags=named(args.tags, f"{args.prefix}-alb"),
            opts=self.child,
        )
        self.target_groups = {key: self._target_group(key, target) for key, target in args.targets.items()}
        self._https = self._listen(balancer)
        self.listener_arn = self._https.arn
        self.alias_target = AliasTarget(dns_name=balancer.dns_name, zone_id=balancer.zone_id)
        self.arn = balancer.arn
        self.arn_suffix = balancer.arn_suffix
        self.register_outputs({"dns_name": balancer.dns_name, "arn": balancer.arn})

    def _target_group(self, key: str, target: Target) -> aws.lb.TargetGroup:
        return aws.lb.TargetGroup(
            f"{self._name}-{key}-tg",
            name=within_limit(f"{self._args.prefix}-{key}-tg", "target group"),
            vpc_id=self._args.vpc_id,
            target_type="instance",
            protocol="HTTP",
            port=target.port,
            deregistration_delay=DRAIN_SECONDS,
            health_check={
                "enabled": True,
                "protocol": "HTTP",
                "port": str(target.health_port or "traffic-port"),
                "path": target.health_path,
                "matcher": "200",
                "interval": 15,
                "timeout": 5,
                "healthy_threshold": 2,
                "unhealthy_threshold": 3,
            },
            stickiness={
                "type": "lb_cookie",
                "enabled": target.sticky_seconds is not None,
                "cookie_duration": target.sticky_seconds or 86400,
            },
            tags=named(self._args.tags, f"{self._args.prefix}-{key}-tg"),
            opts=self.child,
        )

    def _listen(self, balancer: aws.lb.LoadBalancer) -> aws.lb.Listener:
        aws.lb.Listener(
            f"{self._name}-http",
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[
                {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"}}
            ],
            tags=named(self._args.tags, f"{self._args.prefix}-http"),
            opts=self.child,
        )
        https = aws.lb.Listener(
            f"{self._name}-https",
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=self._args.certificate_arn,
            default_actions=[
                aws.lb.ListenerDefaultActionArgs(
                    type="fixed-response",
                    fixed_response=aws.lb.ListenerDefaultActionFixedResponseArgs(
                        content_type="text/plain", status_code="404", message_body="No such path"
                    ),
                )
            ],
            tags=named(self._args.tags, f"{self._args.prefix}-https"),
            opts=self.child,
        )
        for position, rule in enumerate(self._args.rules, start=1):
            self._rule(https, position * 10, rule)
        return https

    def _rule(self, listener: aws.lb.Listener, priority: int, rule: Rule) -> None:
        kind, label = _label(rule)
        aws.lb.ListenerRule(
            f"{self._name}-{kind}-{label}",
            listener_arn=listener.arn,
            priority=priority,
            actions=[self._action(rule)],
            conditions=_conditions(rule),
            tags=named(self._args.tags, f"{self._args.prefix}-{kind}-{label}"),
            opts=self.child,
        )

    def _action(self, rule: Rule) -> aws.lb.ListenerRuleActionArgs:
        if not isinstance(rule, Refuse):
            return aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=self.target_groups[rule.target].arn)
        return aws.lb.ListenerRuleActionArgs(
            type="fixed-response",
            fixed_response=aws.lb.ListenerRuleActionFixedResponseArgs(
                content_type="text/plain", status_code="403", message_body="Not for the public"
            ),
        )

    def attach(self, target: str, label: str, instance_id: pulumi.Input[str]) -> None:
        """Put one instance behind the target group of that name. Resource: TargetGroupAttachment."""
        aws.lb.TargetGroupAttachment(
            f"{self._name}-{target}-{label}",
            target_group_arn=self.target_groups[target].arn,
            target_id=instance_id,
            port=self._args.targets[target].port,
            opts=self.child,
        )

    def serve(self, label: str, host: str, target: str, certificate_arn: pulumi.Input[str]) -> None:
        """Take one more host in, with its own certificate. Resources: ListenerCertificate and ListenerRule.

        The rule's priority comes from the label: another host's coming or going moves none, and only their hosts tell them apart.
        """
        aws.lb.ListenerCertificate(
            f"{self._name}-host-{label}-certificate",
            listener_arn=self._https.arn,
            certificate_arn=certificate_arn,
            opts=self.child,
        )
        aws.lb.ListenerRule(
            f"{self._name}-host-{label}",
            listener_arn=self._https.arn,
            priority=host_priority(label),
            actions=[
                aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=self.target_groups[target].arn),
            ],
            conditions=[_for_hosts([host])],
            tags=named(self._args.tags, f"{self._args.prefix}-host-{label}"),
            opts=self.child,
        )

    def serve_verified(
        self, label: str, target: str, certificate_arn: pulumi.Input[str], clients: VerifiedClients
    ) -> None:
        """Take one more host in, on a port of its own, for clients with a certificate of one of these authorities alone.

        Whose certificate is asked for a listener says, for all its hosts: on the port that they share this one has no rule, so
        that nobody comes in without. The load balancer checks signature and dates before it takes a request.
        Resource: a Listener.
        """
        aws.lb.Listener(
            f"{self._name}-host-{label}-verified",
            load_balancer_arn=self.arn,
            port=clients.port,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=certificate_arn,
            mutual_authentication={
                "mode": "verify",
                "trust_store_arn": clients.trust_store_arn,
                "ignore_client_certificate_expiry": False,
            },
            default_actions=[{"type": "forward", "target_group_arn": self.target_groups[target].arn}],
            tags=named(self._args.tags, f"{self._args.prefix}-host-{label}-verified"),
            opts=self.child,
        )


def host_priority(label: str) -> int:
    """A priority below all of `LoadBalancerArgs.rules`; ELB takes 1 to 50,000."""
    return FIRST_HOST + zlib.crc32(label.encode()) % (50_001 - FIRST_HOST)


def _label(rule: Rule) -> tuple[str, str]:
    """What a rule is called: what it does, and with what first."""
    first = rule.below if isinstance(rule, ForwardPlain) else rule.paths[0]
    kind = "refuse" if isinstance(rule, Refuse) else "forward"
    return kind, first.strip("/*").replace("/", "-") or "all"


def _conditions(rule: Rule) -> list[aws.lb.ListenerRuleConditionArgs]:
    if isinstance(rule, ForwardPlain):
        pattern = aws.lb.ListenerRuleConditionPathPatternArgs(regex_values=[f"^{rule.below}{PLAIN}"])
    else:
        pattern = aws.lb.ListenerRuleConditionPathPatternArgs(values=list(rule.paths))
    hosts = rule.hosts if isinstance(rule, Forward) else ()
    return [aws.lb.ListenerRuleConditionArgs(path_pattern=pattern), *([_for_hosts(hosts)] if hosts else [])]


def _for_hosts(hosts: Sequence[str]) -> aws.lb.ListenerRuleConditionArgs:
    return aws.lb.ListenerRuleConditionArgs(host_header=aws.lb.ListenerRuleConditionHostHeaderArgs(values=list(hosts)))
