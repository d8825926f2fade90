"""What a tenant may ask of the platform beside nodes and the mesh, as data: part of the contract (`infra/contract.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rollouts:
    """Argo Rollouts acts on the tenant's Rollouts, and judges by Prometheus what their AnalysisTemplates ask (docs/adr/0037)."""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """The cluster says how much CPU and memory the tenant's pods use (`metrics.k8s.io`): its HorizontalPodAutoscalers act on that,
    and without it on nothing.
    """


@dataclass(frozen=True, kw_only=True)
class Kafka:
    """Strimzi's operator acts on Kafka, KafkaNodePool, KafkaTopic and KafkaUser objects (`kafka.strimzi.io/v1`) in the tenant's
    namespaces.

    Its brokers are pods of the tenant's: workloads `kafka` and `entity-operator`, without a proxy, each with its arrows. The
    operator makes no NetworkPolicies of its own.
    """


@dataclass(frozen=True, kw_only=True)
class Traces:
    """Spans of the gateway, of the tenant's proxies and of its programs are kept for `days`, and shown by Grafana.

    The gateway keeps `percent` of the requests, the most that any tenant asks for, whatever a client asks for. The tenant's own
    proxies follow it, once a Telemetry of their namespace names the provider. Programs send OTLP over gRPC, with W3C's
    `traceparent`.
    """

    percent: float = 5.0
    days: int = 7


@dataclass(frozen=True, kw_only=True)
class Logs:
    """What the tenant's pods write, and what the gateway answers, is kept for `days` and searched in Grafana.

    A line that is JSON with a `trace_id` leads to the trace.
    """

    days: int = 30


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A relay, `<host>:<port>`, that takes mail over STARTTLS from `user`."""

    to: Sequence[str]
    sender: str
    relay: str
    user: str


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """The tenant's alerts go to a Slack channel, by mail, or both. An alert is its own by the label `namespace`: its first one.

    It writes what is secret to its own parameters: `alerts/slack-url`, an incoming webhook's, and `alerts/mail-password`.
    """

    slack_channel: str | None = None
    mail: Mail | None = None

    def __post_init__(self) -> None:
        if self.slack_channel is None and self.mail is None:
            raise ValueError("alerts that go nowhere: allowed: slack_channel, mail or both")


@dataclass(frozen=True, kw_only=True)
class Dashboards:
    """Grafana shows these, as it exports them, by their file's name (`.json`), in a folder named like the tenant."""

    files: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Policies:
    """Kyverno refuses what the tenant's own policies refuse, in its own namespaces: `Policy`, `NamespacedValidatingPolicy`,
    `NamespacedImageValidatingPolicy`. It reads signatures in the account's registry.
    """


@dataclass(frozen=True, kw_only=True)
class Chaos:
    """Chaos Mesh disturbs the pods of the tenant's own namespaces, and no others: `PodChaos`, `NetworkChaos`, `StressChaos`,
    `Schedule`. Its daemon is privileged on the tenants' workers: for a stack that may be broken.
    """


Need = Rollouts | Scaling | Kafka | Traces | Logs | Alerts | Dashboards | Policies | Chaos
"""What a tenant asks of the platform beside nodes and the mesh. It stands once, from the first tenant that asks on."""
