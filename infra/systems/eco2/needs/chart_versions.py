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

KAFKA_OPERATOR = Chart(
    release="strimzi-kafka-operator",
    namespace="kafka-operator",
    repository="https://strimzi.io/charts",
    chart="strimzi-kafka-operator",
    version="1.2.0",
    sha256="0f8a50b2f19bd99482f9fd6e17cf42902f72f9e594a136813ac3f0b7af422efd",
)
"""The index of strimzi.io, which is strimzi/strimzi.github.io's `charts/index.yaml`, on 2026-11-28."""
