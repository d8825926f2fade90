"""What Prometheus asks of Kafka, and what wakes somebody (immersiverse-auth.md §3.3, §7.2)."""

from __future__ import annotations

from pathlib import Path

import yaml

from infra.components.cluster.gitops import waved
from infra.components.cluster.metadata import NAME_LABEL
from infra.components.cluster.observability import AlertRules, AlertRulesArgs, ObjectMeta, PodMetricsArgs, Scrape
from infra.systems.immersiverse.context import Context
from infra.systems.immersiverse.document import EXPORTER, HOME, KAFKA

RULES = Path(__file__).parents[3] / "deploy/immersiverse/alerts.yaml"
METRICS_PORT_NAME = "tcp-prometheus"
"""Strimzi's name of it."""


def build_observability(context: Context) -> None:
    """Register the monitors of the brokers and of the exporter, and the alerts."""
    wave = waved(context.cluster.platform.workloads_wave)
    for name in (KAFKA, EXPORTER):
        Scrape(
            context.names.logical(f"metrics-{name}"),
            PodMetricsArgs(
                meta=ObjectMeta(name=name, namespace=HOME, annotations=wave),
                labels={NAME_LABEL: name},
                namespace=HOME,
                port=METRICS_PORT_NAME,
            ),
            context.objects,
        )
    AlertRules(
        context.names.logical("alerts"),
        AlertRulesArgs(
            meta=ObjectMeta(name="events", namespace=HOME, annotations=wave),
            groups=yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"],
        ),
        context.objects,
    )
