"""What Prometheus evaluates for the exchange (svc-gateway.md: Observability). What it scrapes, eco2 registers."""

from __future__ import annotations

from pathlib import Path

from infra.components.aws.parameters import Parameters, ParametersArgs
from infra.components.cluster.gitops import waved
from infra.components.cluster.observability import AlertRules, AlertRulesArgs, ObjectMeta
from infra.components.mesh.telemetry import Tracing, TracingArgs
from infra.settings import Settings
from infra.settings.exchange import SLACK_URL
from infra.systems.exchange.context import NAME, Context
from infra.systems.exchange.document import GATEWAY_WAVE, NAMESPACE
from infra.systems.exchange.objectives import groups

TRACED_PERCENT = 5.0
"""Of the requests that come without a decision; the gateway decides for those that pass it, and its decision is kept."""

DASHBOARDS = Path(__file__).parents[3] / "deploy/exchange/observability/dashboards"


def dashboards() -> dict[str, str]:
    """Grafana's JSON by file name; tools/dashboards.py writes it."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(DASHBOARDS.glob("*.json"))}


def build_observability(context: Context, settings: Settings) -> None:
    """Register the rules and alerts of the SLO table, where Slack is told of them, and what becomes a trace."""
    Parameters(
        context.names.logical("parameters"),
        ParametersArgs(
            path=context.cluster.platform.secrets.path,
            key_arn=context.cluster.aws.key_arn,
            plain={},
            secret={"alerts/slack-url": settings.secret(SLACK_URL)},
            tags=context.tags,
        ),
    )
    Tracing(
        context.names.logical("tracing"),
        TracingArgs(place=context.rule("traces"), provider=context.spans.provider, percent=TRACED_PERCENT),
        context.objects,
    )
    AlertRules(
        context.names.logical("objectives"),
        AlertRulesArgs(
            meta=ObjectMeta(name=f"{NAME}-slo", namespace=NAMESPACE, annotations=waved(GATEWAY_WAVE)),
            groups=groups(context.settings.runbooks),
        ),
        context.objects,
    )
