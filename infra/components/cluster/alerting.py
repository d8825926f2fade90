"""Whom Alertmanager tells: an AlertmanagerConfig, which the operator holds to alerts of its own namespace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.objects import KubernetesObject
from infra.components.cluster.observability import ObjectMeta
from infra.components.component import PlatformComponent

ALERTMANAGER_CONFIG = "monitoring.coreos.com/v1alpha1/AlertmanagerConfig"
Spec = dict[str, Any]

TITLE = "{{ .Status | toUpper }} {{ .CommonLabels.alertname }} ({{ .CommonLabels.severity }})"
TEXT = (
    "{{ range .Alerts }}{{ .Annotations.summary }}"
    "{{ with .Annotations.runbook_url }} <{{ . }}|runbook>{{ end }}\n{{ end }}"
)
"""A line for each alert of the group."""


@dataclass(frozen=True, kw_only=True)
class SecretKey:
    """A key of a Secret in the object's own namespace."""

    secret: str
    key: str

    def selector(self) -> dict[str, str]:
        return {"name": self.secret, "key": self.key}


@dataclass(frozen=True, kw_only=True)
class SlackReceiver:
    """A channel, by the URL of an incoming webhook."""

    channel: str
    url: SecretKey


@dataclass(frozen=True, kw_only=True)
class MailReceiver:
    """A relay, `<host>:<port>`, that takes mail over STARTTLS alone."""

    to: Sequence[str]
    sender: str
    relay: str
    user: str
    password: SecretKey


@dataclass(frozen=True, kw_only=True)
class AlertRoutesArgs:
    """Where alerts of the object's namespace go; what is critical is said again each hour, all else each day."""

    meta: ObjectMeta
    slack: SlackReceiver | None = None
    mail: MailReceiver | None = None


def alert_routes(args: AlertRoutesArgs) -> Spec:
    """The spec; a route without a receiver would end the alerts of its namespace without a word."""
    receiver: Spec = {"name": "all"}
    if args.slack is not None:
        receiver["slackConfigs"] = [_slack(args.slack)]
    if args.mail is not None:
        receiver["emailConfigs"] = [_mail(args.mail, one) for one in args.mail.to]
    if len(receiver) == 1 or (args.mail and not args.mail.to):
        raise ValueError(f"{args.meta.name}: alerts need a channel or a mail address")
    critical = {"name": "severity", "matchType": "=", "value": "critical"}
    return {
        "receivers": [receiver],
        "route": {
            "receiver": receiver["name"],
            "groupBy": ["alertname", "severity"],
            "groupWait": "30s",
            "groupInterval": "5m",
            "repeatInterval": "24h",
            "routes": [{"receiver": receiver["name"], "matchers": [critical], "repeatInterval": "1h"}],
        },
    }


def _slack(args: SlackReceiver) -> Spec:
    return {
        "apiURL": args.url.selector(),
        "channel": args.channel,
        "sendResolved": True,
        "title": TITLE,
        "text": TEXT,
    }


def _mail(args: MailReceiver, to: str) -> Spec:
    return {
        "to": to,
        "from": args.sender,
        "smarthost": args.relay,
        "authUsername": args.user,
        "authPassword": args.password.selector(),
        "requireTLS": True,
        "sendResolved": True,
    }


class AlertRoutes(PlatformComponent):
    """Where the alerts of one namespace go.

    Resources: an AlertmanagerConfig.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:AlertRoutes"

    def __init__(self, name: str, args: AlertRoutesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        KubernetesObject(
            f"{name}-alertmanagerconfig",
            ALERTMANAGER_CONFIG,
            metadata=args.meta.metadata,
            body={"spec": alert_routes(args)},
            opts=self.child,
        )
        self.register_outputs({})
