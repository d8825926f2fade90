"""The charts that stand for tenants' needs, pinned like the platform's own (`infra/systems/eco2/versions.py`)."""

from __future__ import annotations

from infra.components.cluster.gitops import Chart

ROLLOUTS = Chart(
    release="argo-rollouts",
    namespace="argo-rollouts",
    repository="https://argoproj.github.io/argo-helm",
    chart="argo-rollouts",
    version="2.41.0",
    sha256="ff53d617efb369cd07acc595309e7fa73a602576375e0a52a78dab1e2d970df5",
)
"""With Argo Rollouts 1.9.0. The repository's index, its branch gh-pages, on 2026-11-28."""

ROLLOUTS_IMAGE = "v1.9.0@sha256:fd2f03738e743b6634f5b087bdc959a3777cfb41c0ef32fc88f118b2e6d00270"
"""The controller's, as its chart takes a tag: one public repository of others pins tag and digest together (2026-11-29)."""

METRICS_SERVER = Chart(
    release="metrics-server",
    namespace="metrics-server",
    repository="https://kubernetes-sigs.github.io/metrics-server",
    chart="metrics-server",
    version="3.13.1",
    sha256="084e6edb680cf4e2acc30bd496568c53fdf663cbacf6e17876b25785c35b7a13",
)
"""With metrics-server 0.8.1: the chart in the module of 0.9.0, whose own chart came later. The repository's index, its branch
gh-pages, and four public repositories that pin it, on 2026-11-30."""

_OTEL_CHARTS = "https://open-telemetry.github.io/opentelemetry-helm-charts"
_OTEL_SHA256 = "ed140b332233075c7fd15eaebba571fdf100926f08c0a5a274c7b32895315137"
COLLECTOR_IMAGE = "ghcr.io/open-telemetry/opentelemetry-collector-releases/opentelemetry-collector-k8s"
"""The distribution for Kubernetes, and where it is: on Docker Hub no more since 0.123 (the chart's UPGRADING.md)."""

COLLECTOR, SHIPPER = (
    Chart(
        release=release,
        namespace=namespace,
        repository=_OTEL_CHARTS,
        chart="opentelemetry-collector",
        version="0.170.0",
        sha256=_OTEL_SHA256,
    )
    for release, namespace in (("otel-collector", "tracing"), ("log-shipper", "kube-system"))
)
"""With the collector 0.158.0. The repository's index, its branch gh-pages, on 2026-11-28.

What reads the node's files is in kube-system, as Istio's node agent is: the restricted standard refuses host paths elsewhere.
"""

_GRAFANA_CHARTS = "https://grafana-community.github.io/helm-charts"
TEMPO = Chart(
    release="tempo",
    namespace="tempo",
    repository=_GRAFANA_CHARTS,
    chart="tempo",
    version="2.2.4",
    sha256="5f3f4b29c4487b9c27715c18bc6c7b0889712b14075d97705f9b151a51725f68",
)
LOKI = Chart(
    release="loki",
    namespace="loki",
    repository=_GRAFANA_CHARTS,
    chart="loki",
    version="18.11.0",
    sha256="d4d99424d197e1460878093c9fced02346669ab0698a0dca7c575ab76fff7aeb",
)
"""With Tempo 2.10.8 and Loki 3.7.6. The repository's index, its branch gh-pages, on 2026-11-28."""

KYVERNO = Chart(
    release="kyverno",
    namespace="kyverno",
    repository="https://kyverno.github.io/kyverno",
    chart="kyverno",
    version="3.9.0",
    sha256="9663e8d3d15b070e5925b4f26b3f9a8824872a42ac7bf27ca105c897cb5aba51",
)
"""With Kyverno 1.19.0. The repository's index, its branch gh-pages, on 2026-11-28."""

CHAOS_MESH = Chart(
    release="chaos-mesh",
    namespace="chaos-mesh",
    repository="https://charts.chaos-mesh.org",
    chart="chaos-mesh",
    version="2.8.4",
    sha256="ae4abd385649771300e4d33a44627c0df3618be0780c385bf30cc2fdf2ad93fa",
)
"""The version of the images that the chart names in its module of 2026-09-02. The index that could be read ends at 2.6.3; two
public repositories pin this archive, one of them under the address of the repository (2026-11-30)."""

KAFKA_OPERATOR = Chart(
    release="strimzi-kafka-operator",
    namespace="kafka-operator",
    repository="https://strimzi.io/charts",
    chart="strimzi-kafka-operator",
    version="1.2.0",
    sha256="0f8a50b2f19bd99482f9fd6e17cf42902f72f9e594a136813ac3f0b7af422efd",
)
"""The index of strimzi.io, which is strimzi/strimzi.github.io's `charts/index.yaml`, on 2026-11-28."""
