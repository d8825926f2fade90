"""Where a tenant's alerts go: Alertmanager holds each route to the namespace that it stands in, and no tenant makes one itself."""

from __future__ import annotations

import pulumi

from infra.components.cluster.alerting import AlertRoutes, AlertRoutesArgs, MailReceiver, SecretKey, SlackReceiver
from infra.components.cluster.gitops import waved
from infra.components.cluster.network_policy import Edge
from infra.components.cluster.observability import ObjectMeta
from infra.components.cluster.secrets import FetchedSecret, FetchedSecretArgs
from infra.contract import Tenant
from infra.needs import Alerts, Mail
from infra.systems.eco2 import secrets
from infra.systems.eco2.context import Asked, Context
from infra.systems.eco2.needs.answer import Answer
from infra.systems.eco2.observability import RULES_WAVE
from infra.systems.eco2.tenant_names import dashed, home, parameter_path, store

NAME = "alerts"
"""The routes' and their Secret's, in the tenant's first namespace; what the Secret holds is below it in the tenant's parameters."""

SLACK, MAIL = SecretKey(secret=NAME, key="slack-url"), SecretKey(secret=NAME, key="mail-password")


def answer(context: Context, asked: Asked[Alerts]) -> Answer:
    """Alertmanager runs already, and speaks to SNS and Slack: it is let out to the relays too, and told of the routes."""
    relays = sorted({_port(need.mail) for _, need in asked if need.mail})
    return Answer(
        parts=[],
        namespaces={},
        pods={},
        edges=[Edge(source="alertmanager", target="internet", ports=relays, why="relays of mail")] if relays else [],
        rendered=["monitoring.coreos.com/AlertmanagerConfig"],
        build=lambda room, opts: _build(context, asked, room, opts),
    )


def _port(mail: Mail) -> int:
    return int(mail.relay.rpartition(":")[2])


def _build(context: Context, asked: Asked[Alerts], room: str, opts: pulumi.ResourceOptions) -> None:
    for tenant, need in asked:
        _routes(context, tenant, need, f"{room}-{NAME}-{dashed(tenant)}", opts)


def _routes(context: Context, tenant: Tenant, need: Alerts, name: str, opts: pulumi.ResourceOptions) -> None:
    keys = [key.key for key, asked in ((SLACK, need.slack_channel), (MAIL, need.mail)) if asked is not None]
    path = parameter_path(tenant, context.names.stack)
    FetchedSecret(
        name,
        FetchedSecretArgs(
            store=store(tenant),
            secret=NAME,
            namespace=home(tenant),
            keys={key: f"{path}/{NAME}/{key}" for key in keys},
            wave=secrets.WAVE,
        ),
        opts,
    )
    AlertRoutes(
        f"{name}-routes",
        AlertRoutesArgs(
            meta=ObjectMeta(name=NAME, namespace=home(tenant), annotations=waved(RULES_WAVE)),
            slack=SlackReceiver(channel=need.slack_channel, url=SLACK) if need.slack_channel else None,
            mail=_mail(need.mail) if need.mail else None,
        ),
        opts,
    )


def _mail(mail: Mail) -> MailReceiver:
    return MailReceiver(to=mail.to, sender=mail.sender, relay=mail.relay, user=mail.user, password=MAIL)
