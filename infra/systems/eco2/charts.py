"""Every chart of the platform with its values and its turn."""

from __future__ import annotations

from collections.abc import Sequence

from infra.components.cluster.gitops import Difference
from infra.systems.eco2 import controllers, mesh_charts, needs, observability, versions
from infra.systems.eco2.context import Context
from infra.systems.eco2.first_charts import bootstrap_charts
from infra.systems.eco2.needs.answer import Answer
from infra.systems.eco2.parts import Part, Values, Wave

WEBHOOK_FIELDS = (
    Difference(
        group="admissionregistration.k8s.io",
        kind="ValidatingWebhookConfiguration",
        paths=[".webhooks[]?.failurePolicy", ".webhooks[]?.clientConfig.caBundle"],
    ),
    Difference(
        group="admissionregistration.k8s.io",
        kind="MutatingWebhookConfiguration",
        paths=[".webhooks[]?.clientConfig.caBundle"],
    ),
)
"""istiod fills in its own certificate, and refuses bad objects only once it is up."""


def parts(context: Context) -> Sequence[Part]:
    """Every chart of the platform and of its tenants' needs, in the order of its wave."""
    answers = needs.answers(context)
    needed = (part for answer in answers for part in answer.parts)
    return sorted((*_own(context, _grafana(answers)), *needed), key=lambda part: part.wave)


def _grafana(answers: Sequence[Answer]) -> Values:
    """With what stands for needs beside the system's own."""
    folders = {folder: name for answer in answers for folder, name in answer.folders.items()}
    return observability.grafana_values([source for answer in answers for source in answer.sources], folders)


def _own(context: Context, grafana: Values) -> list[Part]:
    calico_kinds, calico, cloud_controller, argo_cd = bootstrap_charts(context)
    found = [
        Part(chart=calico_kinds[0], wave=Wave.NETWORK_KINDS, values=calico_kinds[1], kept=True),
        Part(chart=calico[0], wave=Wave.NODES, values=calico[1], kept=True),
        Part(chart=cloud_controller[0], wave=Wave.NODES, values=cloud_controller[1]),
        Part(chart=argo_cd[0], wave=Wave.DELIVERY, values=argo_cd[1]),
        Part(chart=versions.CERT_MANAGER, wave=Wave.CERTIFICATES, values=controllers.cert_manager()),
        Part(chart=versions.POD_IDENTITY_WEBHOOK, wave=Wave.IDENTITY, values=controllers.pod_identity_webhook(context)),
        Part(chart=versions.EBS_CSI, wave=Wave.CONTROLLERS, values=controllers.ebs_csi(context)),
        Part(chart=versions.EXTERNAL_SECRETS, wave=Wave.CONTROLLERS, values=controllers.external_secrets(context)),
        Part(
            chart=versions.LOAD_BALANCER_CONTROLLER,
            wave=Wave.CONTROLLERS,
            values=controllers.load_balancer_controller(context),
        ),
        Part(chart=versions.EXTERNAL_DNS, wave=Wave.CONTROLLERS, values=controllers.external_dns(context)),
    ]
    if context.settings.tenant_workers is not None:
        found.append(
            Part(
                chart=versions.CLUSTER_AUTOSCALER, wave=Wave.CONTROLLERS, values=controllers.cluster_autoscaler(context)
            )
        )
    return [
        *found,
        Part(chart=versions.ISTIO_BASE, wave=Wave.MESH_KINDS, values={}, differences=WEBHOOK_FIELDS),
        Part(chart=versions.ISTIO_CNI, wave=Wave.MESH_NODES, values=mesh_charts.istio_cni(context)),
        Part(
            chart=versions.ISTIOD,
            wave=Wave.MESH_CONTROL,
            values=mesh_charts.istiod(context),
            differences=WEBHOOK_FIELDS,
        ),
        Part(chart=versions.INGRESS_GATEWAY, wave=Wave.MESH_EDGE, values=mesh_charts.ingress_gateway()),
        Part(chart=versions.PROMETHEUS, wave=Wave.METRICS, values=observability.prometheus_values(context)),
        Part(chart=versions.GRAFANA, wave=Wave.DASHBOARDS, values=grafana),
    ]
