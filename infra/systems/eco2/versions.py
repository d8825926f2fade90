"""Every version that eco2's cluster runs, in one place: the bootstrap, Argo CD's applications and the tests read them here."""

from __future__ import annotations

from infra.components.cluster.gitops import Chart as Chart  # noqa: PLC0414  versions and charts are read together

KUBERNETES = "1.36.3"
"""kubeadm, kubelet, kubectl and the control plane's images; tools/kubernetes/go.mod pins the same for the tests."""

CLOUD_CONTROLLER_IMAGE = "v1.36.1"
"""The cloud controller manager's image, of Kubernetes' own minor version; its chart still names an older one."""

AMAZON_LINUX = "2023.12.20260914"
"""The release of the distribution's repositories that the nodes' packages come from, whatever the image's own."""

CONTAINERD, RUNC = "2.2.7", "1.3.6"
"""As that release has them; Kubernetes 1.36 wants containerd 2."""

HELM = "3.21.4"
HELM_SHA256 = "61f88ab166748cb19604d7884cb100ae9ccb13804ddeb98e08af167eacbb6a14"
"""Of helm-v3.21.4-linux-amd64.tar.gz, as its release notes say."""

ECR_CREDENTIAL_PROVIDER = "1.31.7"
ECR_CREDENTIAL_PROVIDER_SHA256 = "7644623e4ec9ad443ab352a8a5800a5180ee28741288be805286ba72bb8e7164"
"""Of linux/amd64, as Kubernetes' artifact manifest says. The newest that is published; the plugin's API is stable since 1.26."""

ISTIO = "1.31.1"
"""The mesh: its charts are released together and carry its version."""

_ISTIO_CHARTS = "https://istio-release.storage.googleapis.com/charts"

CALICO = Chart(
    release="calico",
    namespace="tigera-operator",
    repository="https://docs.tigera.io/calico/charts",
    chart="tigera-operator",
    version="v3.32.2",
)
CLOUD_CONTROLLER = Chart(
    release="aws-cloud-controller-manager",
    namespace="kube-system",
    repository="https://kubernetes.github.io/cloud-provider-aws",
    chart="aws-cloud-controller-manager",
    version="0.0.10",
)
ARGO_CD = Chart(
    release="argo-cd",
    namespace="argocd",
    repository="https://argoproj.github.io/argo-helm",
    chart="argo-cd",
    version="10.9.0",
)
CERT_MANAGER = Chart(
    release="cert-manager",
    namespace="cert-manager",
    repository="https://charts.jetstack.io",
    chart="cert-manager",
    version="v1.21.2",
)
POD_IDENTITY_WEBHOOK = Chart(
    release="amazon-eks-pod-identity-webhook",
    namespace="kube-system",
    repository="https://jkroepke.github.io/helm-charts",
    chart="amazon-eks-pod-identity-webhook",
    version="2.4.2",
)
EBS_CSI = Chart(
    release="aws-ebs-csi-driver",
    namespace="kube-system",
    repository="https://kubernetes-sigs.github.io/aws-ebs-csi-driver",
    chart="aws-ebs-csi-driver",
    version="2.65.0",
)
EXTERNAL_SECRETS = Chart(
    release="external-secrets",
    namespace="external-secrets",
    repository="https://charts.external-secrets.io",
    chart="external-secrets",
    version="2.10.0",
)
LOAD_BALANCER_CONTROLLER = Chart(
    release="aws-load-balancer-controller",
    namespace="kube-system",
    repository="https://aws.github.io/eks-charts",
    chart="aws-load-balancer-controller",
    version="3.5.0",
)
EXTERNAL_DNS = Chart(
    release="external-dns",
    namespace="external-dns",
    repository="https://kubernetes-sigs.github.io/external-dns",
    chart="external-dns",
    version="1.21.1",
)
CLUSTER_AUTOSCALER = Chart(
    release="cluster-autoscaler",
    namespace="kube-system",
    repository="https://kubernetes.github.io/autoscaler",
    chart="cluster-autoscaler",
    version="9.59.0",
)
ISTIO_BASE = Chart(
    release="istio-base", namespace="istio-system", repository=_ISTIO_CHARTS, chart="base", version=ISTIO
)
# Not in istio-system: a node agent needs host paths, which the restricted Pod Security Standard refuses there.
ISTIO_CNI = Chart(release="istio-cni", namespace="kube-system", repository=_ISTIO_CHARTS, chart="cni", version=ISTIO)
ISTIOD = Chart(release="istiod", namespace="istio-system", repository=_ISTIO_CHARTS, chart="istiod", version=ISTIO)
INGRESS_GATEWAY = Chart(
    release="ingress-gateway", namespace="istio-system", repository=_ISTIO_CHARTS, chart="gateway", version=ISTIO
)
PROMETHEUS = Chart(
    release="prometheus",
    namespace="prometheus",
    repository="https://prometheus-community.github.io/helm-charts",
    chart="kube-prometheus-stack",
    version="89.1.0",
)
GRAFANA = Chart(
    release="grafana",
    namespace="grafana",
    repository="https://grafana-community.github.io/helm-charts",
    chart="grafana",
    version="12.7.2",
)

_DOCKER_LIBRARY = "public.ecr.aws/docker/library"
"""Docker's official images, from Amazon's mirror: it counts no pulls."""

POSTGRES_IMAGE = f"{_DOCKER_LIBRARY}/postgres:17.10-bookworm"
REDIS_IMAGE = f"{_DOCKER_LIBRARY}/redis:7.4.9-bookworm"
AWS_CLI_IMAGE = "public.ecr.aws/aws-cli/aws-cli:2.36.46"
"""What uploads PostgreSQL's dumps."""
