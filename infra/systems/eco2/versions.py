"""Every version that eco2's cluster runs, in one place: the bootstrap, Argo CD's applications and the tests read them here."""

from __future__ import annotations

from infra.components.cluster.gitops import Chart as Chart  # noqa: PLC0414  versions and charts are read together

KUBERNETES = "1.36.3"
"""kubeadm, kubelet, kubectl and the control plane's images; tools/kubernetes/go.mod pins the same for the tests."""

CLOUD_CONTROLLER_IMAGE = "v1.36.1"
"""The cloud controller manager's image, of Kubernetes' own minor version; its chart still names an older one."""

AMAZON_LINUX = "2023.12.20260914"
"""The release of the distribution's repositories that the nodes' packages come from, whatever the image's own."""

KUBERNETES_KEY = "DE15B14486CD377B9E876E1A234654DA9A296436"
"""The fingerprint of the key that signs the packages of pkgs.k8s.io ("isv:kubernetes OBS Project"), of each minor version.

As ten public repositories pin it, for versions 1.30 to 1.36 (looked up 2026-11-28); one says that it expires on 2026-12-29. With
a longer life it stays the same key. Another one is refused by every new node until its fingerprint, as Kubernetes announces it,
stands here.
"""

CONTAINERD, RUNC = "2.2.7", "1.3.6"
"""As that release has them; Kubernetes 1.36 wants containerd 2."""

HELM = "3.21.4"
HELM_SHA256 = "61f88ab166748cb19604d7884cb100ae9ccb13804ddeb98e08af167eacbb6a14"
"""Of helm-v3.21.4-linux-amd64.tar.gz, as its release notes say."""

ECR_CREDENTIAL_PROVIDER = "1.36.1"
ECR_CREDENTIAL_PROVIDER_SHA256 = "59a6fc141dc08cd0661d885d2cf8993df42f62cc2bd7a08902dde63f47e0b384"
"""Of linux/amd64 and of Kubernetes' minor version, as its artifact manifest says: kubernetes/k8s.io,
artifacts/manifests/k8s-staging-provider-aws/v1.36.1.yaml (2026-11-28)."""

ISTIO = "1.31.1"
"""The mesh: its charts are released together and carry its version."""

_ISTIO_CHARTS = "https://blob.istio.io/istio-release/charts"
"""Since 1.31 the only place but ghcr.io; the earlier ones in Google's cloud are closed (upgrade notes of 1.31, 2026-11-28).
Istio's own script of a release has it as `R2_HELM_URL`: istio/release-builder, release/publish.sh (2026-11-30)."""

ISTIO_IMAGES = "docker.io/istio"
"""Where 1.31's images are, and nowhere else (the same notes). The charts themselves still name a registry that is closed."""

ISTIO_IMAGE_NAMES = ("install-cni", "pilot", "proxyv2")
"""Which of them the charts run."""

CLUSTER_AUTOSCALER_IMAGE = "v1.36.1"
"""Of Kubernetes' own minor version, whose scheduler it imitates; the newest chart still names 1.35 (2026-11-28)."""

# A chart's sha256 is its archive's: from the repository's own index where one could be read, else from pins of others. ADR 19 has
# the source of each, and which have none; `make charts` tells those.
CALICO_KINDS = Chart(
    release="calico-crds",
    namespace="tigera-operator",
    repository="https://docs.tigera.io/calico/charts",
    chart="crd.projectcalico.org.v1",
    version="v3.32.2",
    definitions=True,
    sha256="6b8ad44ca50fcd10e7766d4433845113641f4e1bc673103614d3663e2a934d6c",
)
CALICO = Chart(
    release="calico",
    namespace="tigera-operator",
    repository="https://docs.tigera.io/calico/charts",
    chart="tigera-operator",
    version="v3.32.2",
    sha256="bb572d59ce6dc004ca51082b50dc62759715f77801acc3684e80235b7d5bc872",
)
CLOUD_CONTROLLER = Chart(
    release="aws-cloud-controller-manager",
    namespace="kube-system",
    repository="https://kubernetes.github.io/cloud-provider-aws",
    chart="aws-cloud-controller-manager",
    version="0.0.10",
    sha256="3a006837a5fb38458739b7928ea57140513150b7ce737cf4eb04bdd7961b9001",
)
ARGO_CD = Chart(
    release="argo-cd",
    namespace="argocd",
    repository="https://argoproj.github.io/argo-helm",
    chart="argo-cd",
    version="10.9.2",
    sha256="970ced346a0ddc3e475a7ff780e9b9c2fdebc07d9a367d2edb6ef4f49832c24a",
)
CERT_MANAGER = Chart(
    release="cert-manager",
    namespace="cert-manager",
    repository="https://charts.jetstack.io",
    chart="cert-manager",
    version="v1.21.2",
    sha256="73a56e1728edd6c99f1f31082618c3259d279a76b7ebd3d4bdc5475c2442d34a",
)
POD_IDENTITY_WEBHOOK = Chart(
    release="amazon-eks-pod-identity-webhook",
    namespace="kube-system",
    repository="https://jkroepke.github.io/helm-charts",
    chart="amazon-eks-pod-identity-webhook",
    version="2.4.2",
    sha256="3e1c0836f1eef883f8f33efac282a727c33eb4468acf567757c3cd93ffbb8e44",
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
    sha256="b96e948fff3674638b5d3f9e43886f3796e04739c4b4127929aed2ddac7d1418",
)
LOAD_BALANCER_CONTROLLER = Chart(
    release="aws-load-balancer-controller",
    namespace="kube-system",
    repository="https://aws.github.io/eks-charts",
    chart="aws-load-balancer-controller",
    version="3.5.0",
    sha256="45051f634b33e10baccb3354d0681b7de787c60445e599fa276e0c9aedd4ccd5",
)
EXTERNAL_DNS = Chart(
    release="external-dns",
    namespace="external-dns",
    repository="https://kubernetes-sigs.github.io/external-dns",
    chart="external-dns",
    version="1.21.1",
    sha256="5dd033a4b872bf641860695705ee460031d0bc695f114bf8926fee6736814e19",
)
CLUSTER_AUTOSCALER = Chart(
    release="cluster-autoscaler",
    namespace="kube-system",
    repository="https://kubernetes.github.io/autoscaler",
    chart="cluster-autoscaler",
    version="9.59.0",
    sha256="90276dafe65cf5d4328ef8313baf6cfb9d130683e0c9f3c28a03b4d8a9ed8f6e",
)
ISTIO_BASE = Chart(
    release="istio-base",
    namespace="istio-system",
    repository=_ISTIO_CHARTS,
    chart="base",
    version=ISTIO,
    sha256="6a5f3a628e31ea03994f5c8ff44804fcec54ac1b13893f1a3f3c26340c8f2015",
)
# Not in istio-system: a node agent needs host paths, which the restricted Pod Security Standard refuses there.
ISTIO_CNI = Chart(
    release="istio-cni",
    namespace="kube-system",
    repository=_ISTIO_CHARTS,
    chart="cni",
    version=ISTIO,
    sha256="e7cfcbd6842f0b23026dc81bd99edd0e5da87d9f5e2e75b45a2dc2a69f873127",
)
ISTIOD = Chart(
    release="istiod",
    namespace="istio-system",
    repository=_ISTIO_CHARTS,
    chart="istiod",
    version=ISTIO,
    sha256="d49e3ac3100e9c24efbd3a7c26e8e6dd707431f8c06f203182ba54a2e8651a74",
)
INGRESS_GATEWAY = Chart(
    release="ingress-gateway", namespace="istio-system", repository=_ISTIO_CHARTS, chart="gateway", version=ISTIO
)
PROMETHEUS = Chart(
    release="prometheus",
    namespace="prometheus",
    repository="https://prometheus-community.github.io/helm-charts",
    chart="kube-prometheus-stack",
    version="89.2.0",
    sha256="f594687a8d7e471b2bc90886843500a0849354e550794ebde42264792987a323",
)
GRAFANA = Chart(
    release="grafana",
    namespace="grafana",
    repository="https://grafana-community.github.io/helm-charts",
    chart="grafana",
    version="12.7.2",
    sha256="5254a977708ba74697ad1129154235c54fb2fd575e585d1d0306fdd5ddb76751",
)

_DOCKER_LIBRARY = "public.ecr.aws/docker/library"
"""Docker's official images, from Amazon's mirror: it counts no pulls.

The digests are those of each image's index, as docker-library/repo-info has them; the mirror has Docker Hub's own (2026-11-28)."""

POSTGRES_IMAGE = (
    f"{_DOCKER_LIBRARY}/postgres:17.10-bookworm@sha256:a37f62b259d97a1cdee2f0c3e14c3c28e8df80aa4c91af1faf63392cecbee138"
)
RATE_LIMIT_IMAGE = (
    "docker.io/envoyproxy/ratelimit:1e50889b@sha256:5bb3741fd6709bab1d498eae1a5807faa2113b712dfb236fb76c04a00871ffc9"
)
"""Releases have no numbers since 1.4.0: a tag is the first eight digits of its commit, here of 2026-06-05. The digest is somebody
else's pin, beside Envoy Gateway's of that time (2026-11-28). The tests run what the Go proxy serves, of 2026-01."""

REDIS_IMAGE = (
    f"{_DOCKER_LIBRARY}/redis:7.4.9-bookworm@sha256:68d5960737091a28de5759e5a2624d26e60f59f704d9e3ef9f609bbf969add9c"
)
AWS_CLI_IMAGE = (
    "public.ecr.aws/aws-cli/aws-cli:2.36.46@sha256:696ad2e7f8aac020bbbeaa511713cc844131ce593b275fdb101285ab02f6cbca"
)
"""What uploads PostgreSQL's dumps: the manifest for amd64, as somebody else's pin read it from this registry (2026-11-28)."""
