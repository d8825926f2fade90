"""What each Kubernetes rule must find, once the real stack is spoiled in that one place."""

from __future__ import annotations

from typing import Any

from policy.kubernetes_objects import (
    ANALYSIS_TEMPLATE,
    APP_PROJECT,
    APPLICATION,
    CLUSTER_SECRET_STORE,
    CONFIG_MAP,
    CRON_JOB,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    EXTERNAL_SECRET,
    JOB,
    NAMESPACE,
    NETWORK_POLICY,
    ROLLOUT,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
)
from tests.policy.broken import Broken

POD = "spec.template.spec"
CONTAINER = f"{POD}.containers.0"
JOB_POD = "spec.jobTemplate.spec.template.spec"
VALUES = "spec.source.helm.valuesObject"

SCAN, CHECK, AI = "scan-api", "ext-authz", "celery-ai"
DATABASE, BACKUP, DATABASES = "postgresql", "backup", "databases"


def _deployment(rule: str, change: dict[str, Any], workload: str = SCAN, **more: Any) -> Broken:
    return Broken(rule=rule, type=DEPLOYMENT, name=f"eco2-workloads-{workload}-deployment", change=change, **more)


def _stateful_set(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=STATEFUL_SET, name="eco2-data-postgresql-statefulset", change=change, **more)


def _cron_job(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=CRON_JOB, name="eco2-data-backup-cronjob", change=change, **more)


def _job(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=JOB, name="eco2-data-databases-job", change=change, **more)


def _policy(rule: str, name: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=NETWORK_POLICY, name=f"eco2-network-policies-{name}", change=change, **more)


def _namespace(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=NAMESPACE, name="eco2-namespaces-scan-namespace", change=change, **more)


def _secret(rule: str, name: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=EXTERNAL_SECRET, name=f"eco2-secrets-{name}-secret", change=change, **more)


def _store(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=CLUSTER_SECRET_STORE, name="eco2-secrets-parameters-store", change=change, **more)


def _project(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=APP_PROJECT, name="eco2-platform-project-appproject", change=change, **more)


def _application(rule: str, name: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=APPLICATION, name=f"eco2-platform-{name}-application", change=change, **more)


LABELS = {
    "istio-injection": "enabled",
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "v1.36",
    "pod-security.kubernetes.io/audit": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}
"""A namespace's. A label's name has dots in it, so they are replaced together."""

SPREAD, BUDGET, DENIED = "kubernetes-replicas-spread", "kubernetes-disruption-budget", "eco2-namespaces-scan-namespace"
WITHIN_PROJECT = frozenset({"argocd-application-within-project"})

_PODS = (
    _deployment("kubernetes-run-as-non-root", {f"{POD}.securityContext.runAsNonRoot": ...}),
    _deployment("kubernetes-run-as-non-root", {f"{CONTAINER}.securityContext.runAsNonRoot": False}),
    _cron_job("kubernetes-run-as-non-root", {f"{JOB_POD}.securityContext.runAsNonRoot": False}),
    _deployment("kubernetes-no-root-user", {f"{POD}.securityContext.runAsUser": 0}),
    _deployment("kubernetes-no-root-user", {f"{CONTAINER}.securityContext.runAsGroup": 0}),
    _stateful_set("kubernetes-no-root-user", {f"{POD}.securityContext.fsGroup": 0}),
    _deployment("kubernetes-no-root-user", {f"{POD}.securityContext.supplementalGroups": [10, 0]}),
    _deployment("kubernetes-no-privilege-escalation", {f"{CONTAINER}.securityContext.allowPrivilegeEscalation": True}),
    _job("kubernetes-no-privilege-escalation", {f"{CONTAINER}.securityContext.allowPrivilegeEscalation": ...}),
    _deployment("kubernetes-no-privileged-container", {f"{CONTAINER}.securityContext.privileged": True}),
    _cron_job("kubernetes-no-privileged-container", {f"{JOB_POD}.initContainers.0.securityContext.privileged": True}),
    _deployment("kubernetes-no-privileged-container", {f"{POD}.securityContext.windowsOptions.hostProcess": True}),
    _deployment("kubernetes-capabilities-dropped", {f"{CONTAINER}.securityContext.capabilities.drop": []}),
    _deployment("kubernetes-capabilities-dropped", {f"{CONTAINER}.securityContext.capabilities.add": ["NET_RAW"]}),
    _deployment("kubernetes-seccomp-profile", {f"{POD}.securityContext.seccompProfile": ...}),
    _deployment("kubernetes-seccomp-profile", {f"{CONTAINER}.securityContext.seccompProfile.type": "Unconfined"}),
    _deployment("kubernetes-kernel-protection-kept", {f"{POD}.securityContext.appArmorProfile.type": "Unconfined"}),
    _deployment("kubernetes-kernel-protection-kept", {f"{CONTAINER}.securityContext.procMount": "Unmasked"}),
    _deployment("kubernetes-kernel-protection-kept", {f"{POD}.securityContext.seLinuxOptions.type": "spc_t"}),
    _deployment("kubernetes-kernel-protection-kept", {f"{POD}.securityContext.sysctls": [{"name": "kernel.msgmax"}]}),
    _deployment("kubernetes-read-only-root-filesystem", {f"{CONTAINER}.securityContext.readOnlyRootFilesystem": False}),
    _deployment("kubernetes-no-host-namespace", {f"{POD}.hostNetwork": True}),
    _deployment("kubernetes-no-host-namespace", {f"{POD}.hostPID": True}),
    _stateful_set("kubernetes-no-host-namespace", {f"{POD}.hostIPC": True}),
    _deployment("kubernetes-no-host-port", {f"{CONTAINER}.ports.0.hostPort": 8000}),
    _deployment("kubernetes-volume-kinds", {f"{POD}.volumes.1": {"name": "tmp", "hostPath": {"path": "/var/run"}}}),
    _deployment("kubernetes-volume-kinds", {f"{POD}.volumes.1": {"name": "tmp", "nfs": {"server": "x", "path": "/"}}}),
    _deployment("kubernetes-no-probe-of-another-host", {f"{CONTAINER}.livenessProbe.httpGet.host": "169.254.169.254"}),
    _deployment(
        "kubernetes-no-probe-of-another-host", {f"{CONTAINER}.lifecycle.postStart.httpGet.host": "169.254.169.254"}
    ),
    _deployment("kubernetes-image-pinned", {f"{CONTAINER}.image": "public.ecr.aws/x/scan-api:latest"}),
    _deployment("kubernetes-image-pinned", {f"{CONTAINER}.image": "public.ecr.aws:443/x/scan-api"}),
    _cron_job("kubernetes-image-pinned", {f"{JOB_POD}.initContainers.0.image": "public.ecr.aws/x/postgres:main"}),
    _deployment(
        "kubernetes-image-by-digest",
        {f"{CONTAINER}.image": "public.ecr.aws/x/scan-api:1.0.0"},
        mended={f"{CONTAINER}.image": f"public.ecr.aws/x/scan-api:1.0.0@sha256:{'0' * 64}"},
    ),
    _deployment("kubernetes-image-registry", {f"{CONTAINER}.image": "docker.io/library/scan-api:1.0.0"}),
    _deployment("kubernetes-image-registry", {f"{CONTAINER}.image": "scan-api:1.0.0"}),
    _deployment("kubernetes-resources-set", {f"{CONTAINER}.resources.limits.memory": ...}),
    _deployment("kubernetes-resources-set", {f"{CONTAINER}.resources.requests": ...}),
    _deployment("kubernetes-scratch-limited", {f"{POD}.volumes.1.emptyDir": {}}),
    _deployment("kubernetes-liveness-probe", {f"{CONTAINER}.livenessProbe": ...}, AI),
    _stateful_set("kubernetes-readiness-probe", {f"{CONTAINER}.readinessProbe": ...}),
    _deployment("kubernetes-no-api-token", {f"{POD}.automountServiceAccountToken": ...}),
    _job("kubernetes-no-api-token", {f"{POD}.automountServiceAccountToken": True}),
    _deployment("kubernetes-secret-files-private", {f"{POD}.volumes.0.secret.defaultMode": 0o444}),
    _deployment("kubernetes-secret-files-private", {f"{POD}.volumes.0.secret.defaultMode": ...}),
    _deployment("kubernetes-secret-files-private", {f"{POD}.volumes.0.secret.items": [{"key": "x", "mode": 0o644}]}),
    _deployment("kubernetes-secret-files-private", {f"{CONTAINER}.volumeMounts.0.readOnly": ...}),
    _deployment("kubernetes-no-debugging", {f"{CONTAINER}.stdin": True}),
    _deployment("kubernetes-no-debugging", {f"{POD}.shareProcessNamespace": True}),
)

_WORKLOADS = (
    _deployment(BUDGET, {"spec.replicas": 2}, also=frozenset({SPREAD})),
    Broken(
        rule=BUDGET,
        type=DISRUPTION_BUDGET,
        name="eco2-workloads-ext-authz-budget",
        on="eco2-workloads-ext-authz-deployment",
        change={"spec.selector.matchLabels": {"app": "another"}},
    ),
    Broken(
        rule="kubernetes-disruption-budget-useful",
        type=DISRUPTION_BUDGET,
        name="eco2-workloads-ext-authz-budget",
        change={"spec.maxUnavailable": 0},
    ),
    Broken(
        rule="kubernetes-disruption-budget-useful",
        type=DISRUPTION_BUDGET,
        name="eco2-workloads-ext-authz-budget",
        change={"spec.maxUnavailable": "100%"},
    ),
    _deployment(SPREAD, {"spec.replicas": 3}, also=frozenset({BUDGET})),
    _application(
        "kubernetes-volume-encrypted",
        "aws-ebs-csi-driver",
        {f"{VALUES}.storageClasses.0.parameters.encrypted": "false"},
    ),
    _application(
        "kubernetes-volume-encrypted", "aws-ebs-csi-driver", {f"{VALUES}.storageClasses.0.parameters.encrypted": ...}
    ),
    _stateful_set("kubernetes-volume-class-known", {"spec.volumeClaimTemplates.0.spec.storageClassName": "gp2"}),
    _stateful_set("kubernetes-volume-class-known", {"spec.volumeClaimTemplates.0.spec.storageClassName": ...}),
    _application(
        "kubernetes-volume-class-known",
        "prometheus",
        {f"{VALUES}.prometheus.prometheusSpec.storageSpec.volumeClaimTemplate.spec.storageClassName": "gp2"},
    ),
    _application(
        "kubernetes-volume-retained", "aws-ebs-csi-driver", {f"{VALUES}.storageClasses.0.reclaimPolicy": "Delete"}
    ),
    _stateful_set("kubernetes-volume-retained", {"spec.persistentVolumeClaimRetentionPolicy.whenDeleted": "Delete"}),
    _stateful_set("kubernetes-stateful-not-pruned", {"metadata.annotations": {}}),
    _namespace("kubernetes-stateful-not-pruned", {"metadata.annotations": {}}),
    _stateful_set("kubernetes-stateful-protected", {}, protect=False),
    _cron_job(
        "kubernetes-database-backed-up",
        {},
        without=True,
        on="eco2-data-postgresql-statefulset",
    ),
    _job("kubernetes-job-ends", {"spec.activeDeadlineSeconds": ...}),
    _cron_job("kubernetes-job-ends", {"spec.jobTemplate.spec.backoffLimit": ...}),
    _cron_job("kubernetes-cronjob-runs-once", {"spec.concurrencyPolicy": "Allow"}),
    _cron_job("kubernetes-cronjob-runs-once", {"spec.startingDeadlineSeconds": ...}),
    _cron_job("kubernetes-cronjob-runs-once", {"spec.suspend": True}),
)

_NAMESPACES = (
    *(
        _namespace(rule, {"metadata.labels": {**LABELS, f"pod-security.kubernetes.io/{label}": value}})
        for rule, label, value in (
            ("kubernetes-namespace-restricted", "enforce", "baseline"),
            ("kubernetes-namespace-restricted", "enforce", "privileged"),
            ("kubernetes-namespace-audited", "audit", "baseline"),
            ("kubernetes-namespace-audited", "warn", "privileged"),
            ("kubernetes-namespace-audited", "enforce-version", "latest"),
        )
    ),
    _policy("kubernetes-network-default-deny", "scan-default-deny", {"spec.policyTypes": ["Ingress"]}, on=DENIED),
    _policy(
        "kubernetes-network-default-deny",
        "scan-default-deny",
        {"spec.podSelector": {"matchLabels": {"a": "b"}}},
        on=DENIED,
    ),
    _policy("kubernetes-network-default-deny", "scan-default-deny", {}, without=True, on=DENIED),
    _policy("kubernetes-network-workload-named", "scan-api", {"spec.podSelector": {}}),
    _application(
        "kubernetes-network-enforced",
        "calico",
        {f"{VALUES}.installation.enabled": False},
        on="eco2-network-policies-auth-default-deny",
    ),
    _policy("kubernetes-network-ingress-named", "scan-api", {"spec.ingress.0.from": ...}),
    _policy(
        "kubernetes-network-ingress-named", "scan-api", {"spec.ingress.0.from.0": {"ipBlock": {"cidr": "0.0.0.0/0"}}}
    ),
    _policy("kubernetes-network-ingress-named", "scan-api", {"spec.ingress.0.from.0": {"namespaceSelector": {}}}),
    _policy("kubernetes-network-egress-named", "auth-api", {"spec.egress.0.to": []}),
    _policy("kubernetes-network-egress-named", "auth-api", {"spec.egress.4.to.0.ipBlock.except": ["10.0.0.0/8"]}),
    _policy("kubernetes-network-egress-named", "scan-api", {"spec.egress.0.to.0": {"namespaceSelector": {}}}),
    _policy("kubernetes-network-ports-named", "scan-api", {"spec.ingress.0.ports": ...}),
    _policy("kubernetes-network-ports-named", "scan-api", {"spec.egress.0.ports.0": {"protocol": "TCP"}}),
    _policy("kubernetes-network-ports-named", "scan-api", {"spec.egress.0.ports.0.endPort": 65535}),
    *(
        Broken(
            rule="kubernetes-service-internal",
            type=SERVICE,
            name="eco2-workloads-scan-api-service",
            change=change,
        )
        for change in ({"spec.type": "LoadBalancer"}, {"spec.type": "NodePort"}, {"spec.externalIPs": ["10.2.0.9"]})
    ),
    _application("kubernetes-chart-internal", "grafana", {f"{VALUES}.service.type": "LoadBalancer"}),
    _application("kubernetes-chart-internal", "argo-cd", {f"{VALUES}.server.ingress.enabled": True}),
    _deployment(
        "kubernetes-own-namespace",
        {"metadata.namespace": "default"},
        also=frozenset({"kubernetes-service-account-not-shared"}),
    ),
    _secret(
        "kubernetes-own-namespace",
        SCAN,
        {"metadata.namespace": ...},
        also=frozenset({"kubernetes-secret-store-serves", "kubernetes-secret-store-not-idle"}),
    ),
    _application("kubernetes-chart-internal", "ingress-gateway", {f"{VALUES}.service.type": "LoadBalancer"}),
)

_ACCESS = (
    _deployment("kubernetes-own-service-account", {f"{POD}.serviceAccountName": ...}),
    _deployment("kubernetes-own-service-account", {f"{POD}.serviceAccountName": "default"}),
    _deployment("kubernetes-service-account-not-shared", {f"{POD}.serviceAccountName": "auth-api"}, CHECK),
    _deployment("kubernetes-service-account-not-shared", {f"{POD}.serviceAccountName": "another"}),
    Broken(
        rule="kubernetes-role-known",
        type=SERVICE_ACCOUNT,
        name="eco2-data-backup-account",
        change={"metadata.annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/admin"}},
    ),
    _application(
        "kubernetes-role-known",
        "external-dns",
        {
            f"{VALUES}.serviceAccount.annotations": {
                "eks.amazonaws.com/role-arn": "arn:aws:iam::290008131187:role/admin"
            }
        },
    ),
    Broken(
        rule="kubernetes-service-account-without-token",
        type=SERVICE_ACCOUNT,
        name="eco2-workloads-scan-api-account",
        change={"automountServiceAccountToken": ...},
    ),
    Broken(
        rule="kubernetes-service-account-without-token",
        type=SERVICE_ACCOUNT,
        name="eco2-workloads-scan-api-account",
        change={"secrets": [{"name": "scan-api-token"}]},
    ),
    _deployment(
        "kubernetes-no-secret-in-environment",
        {
            f"{CONTAINER}.env.0": {
                "name": "PGPASSWORD",
                "valueFrom": {"secretKeyRef": {"name": "scan-api", "key": "postgres-password"}},
            }
        },
    ),
    _deployment("kubernetes-no-secret-in-environment", {f"{CONTAINER}.env.0": {"name": "DB_PASSWORD", "value": "x"}}),
    _deployment(
        "kubernetes-no-secret-in-environment",
        {f"{CONTAINER}.env.0": {"name": "DATABASE", "value": "postgresql://scan:x@postgresql/scan"}},
    ),
    _deployment("kubernetes-no-secret-in-environment", {f"{CONTAINER}.envFrom": [{"secretRef": {"name": "scan-api"}}]}),
    _deployment("kubernetes-no-secret-in-environment", {f"{CONTAINER}.args": ["--broker=redis://:x@redis:6379"]}, AI),
    *(
        Broken(rule=rule, type=CONFIG_MAP, name="eco2-data-redis-files", change={"data": data})
        for rule, data in (
            ("kubernetes-no-secret-in-manifest", {"redis.conf": "aclfile /run/redis/users.acl\nrequirepass x\n"}),
            ("kubernetes-no-secret-in-manifest", {"key.pem": "-----BEGIN RSA PRIVATE KEY-----\n"}),
            ("kubernetes-database-authenticates", {"redis.conf": "port 6379\n"}),
            ("kubernetes-database-authenticates", {"redis.conf": "aclfile /x\nprotected-mode no\n"}),
            ("kubernetes-database-authenticates", {"pg_hba.conf": "host all all all trust\n"}),
            ("kubernetes-database-authenticates", {"pg_hba.conf": "hostssl all all 10.2.0.0/16 md5 # old\n"}),
        )
    ),
    _secret(
        "kubernetes-external-secret-not-written-out",
        "grafana",
        {"spec.target.template.data": {"admin-password": "admin"}},
    ),
    _secret("kubernetes-external-secret-refreshed", SCAN, {"spec.refreshInterval": "0"}),
    _secret("kubernetes-external-secret-refreshed", SCAN, {"spec.refreshInterval": "8760h"}),
    _secret("kubernetes-external-secret-refreshed", SCAN, {"spec.refreshPolicy": "CreatedOnce"}),
    *(
        _store("kubernetes-secret-store-scoped", change, also=frozenset({"kubernetes-secret-store-serves"}))
        for change in ({"spec.conditions": ...}, {"spec.conditions.0": {"namespaceRegexes": [".*"]}})
    ),
    _store(
        "kubernetes-secret-store-serves", {"spec.conditions.0.namespaces": ["auth"]}, on="eco2-secrets-scan-api-secret"
    ),
    _secret(
        "kubernetes-secret-store-serves",
        SCAN,
        {"spec.secretStoreRef.name": "another"},
        also=frozenset({"kubernetes-secret-store-not-idle"}),
    ),
    _store(
        "kubernetes-secret-store-not-idle",
        {"spec.conditions.0.namespaces.0": "prometheus"},
        also=frozenset({"kubernetes-secret-store-serves"}),
    ),
    _secret(
        "kubernetes-external-secret-known", SCAN, {"spec.data.0.remoteRef.key": "/eco2/dev/postgres/scan-password"}
    ),
    _secret("kubernetes-external-secret-known", SCAN, {"spec.dataFrom": [{"find": {"name": {"regexp": ".*"}}}]}),
)

_DELIVERY = (
    _project("argocd-project-destinations", {"spec.destinations.0.namespace": "*"}),
    _project("argocd-project-destinations", {"spec.destinations.0.server": "*"}),
    _project("argocd-project-destinations", {"spec.destinations": []}, also=WITHIN_PROJECT),
    _project("argocd-project-sources", {"spec.sourceRepos.0": "*"}, also=WITHIN_PROJECT),
    _project("argocd-project-sources", {"spec.sourceRepos.0": "http://charts.example.com"}, also=WITHIN_PROJECT),
    _project(
        "argocd-project-sources",
        {"spec.sourceRepos.0": "https://deployer:x@github.com/example/edge-platform"},
        also=WITHIN_PROJECT,
    ),
    _project("argocd-project-kinds", {"spec.clusterResourceWhitelist.0": {"group": "*", "kind": "*"}}),
    _project("argocd-project-kinds", {"spec.clusterResourceWhitelist": ...}),
    _application("argocd-application-within-project", "grafana", {"spec.project": "default"}),
    _application("argocd-application-within-project", "grafana", {"spec.destination.namespace": "kube-public"}),
    _application("argocd-application-within-project", "grafana", {"spec.source.repoURL": "https://charts.example.com"}),
    _project("argocd-commits-signed", {"spec.sourceIntegrity": ...}),
    _project("argocd-commits-signed", {"spec.sourceIntegrity.git.policies.0.gpg.mode": "none"}),
    _project("argocd-commits-signed", {"spec.sourceIntegrity.git.policies.0.gpg.keys": []}),
    _project(
        "argocd-commits-signed", {"spec.sourceIntegrity.git.policies.0.repos.0.url": "https://github.com/other/one"}
    ),
    _application("argocd-revision-pinned", "grafana", {"spec.source.targetRevision": "12.*"}),
    _application("argocd-revision-pinned", "grafana", {"spec.source.targetRevision": ...}),
    _application("argocd-revision-pinned", "root", {"spec.source.targetRevision": ">=1.0.0"}),
    _application("argocd-revision-pinned", "root", {"spec.source.targetRevision": "HEAD"}),
    _application("argocd-self-heal", "root", {"spec.syncPolicy.automated.selfHeal": False}),
    _application("argocd-self-heal", "grafana", {"spec.syncPolicy.automated": ...}),
    _application("argocd-self-heal", "grafana", {"spec.syncPolicy.syncOptions.0": "Validate=false"}),
    _application("kubernetes-chart-restricted", "external-dns", {f"{VALUES}.securityContext.runAsUser": 0}),
    _application("kubernetes-chart-restricted", "external-dns", {f"{VALUES}.securityContext.runAsNonRoot": False}),
    _application(
        "kubernetes-chart-restricted",
        "ingress-gateway",
        {f"{VALUES}.containerSecurityContext.capabilities.add": ["NET_ADMIN"]},
    ),
    _application(
        "kubernetes-chart-restricted",
        "ingress-gateway",
        {f"{VALUES}.securityContext.seccompProfile.type": "Unconfined"},
    ),
    _application("kubernetes-chart-restricted", "grafana", {f"{VALUES}.hostNetwork": True}),
    _application("kubernetes-chart-image-pinned", "aws-cloud-controller-manager", {f"{VALUES}.image.tag": "latest"}),
    *(
        _application("argocd-closed", "argo-cd", {f"{VALUES}.configs.{section}": values})
        for section, values in (
            ("cm", {"admin.enabled": True}),
            ("cm", {"users.anonymous.enabled": True}),
            ("params", {"server.insecure": True}),
            ("rbac", {"policy.default": "role:admin"}),
            ("rbac", {"policy.default": "", "policy.csv": "p, role:ops, *, *, *, allow"}),
        )
    ),
    _application("grafana-closed", "grafana", {f"{VALUES}.adminPassword": "admin"}),
    _application("grafana-closed", "grafana", {f"{VALUES}.rbac.create": True}),
    _application("grafana-closed", "grafana", {f"{VALUES}.admin": ...}),
    _application("prometheus-closed", "prometheus", {f"{VALUES}.prometheus.prometheusSpec.enableAdminAPI": True}),
    _application("prometheus-closed", "prometheus", {f"{VALUES}.grafana.enabled": True}),
    _application("calico-encrypted", "calico", {f"{VALUES}.defaultFelixConfiguration.wireguardEnabled": False}),
    _application("calico-encrypted", "calico", {f"{VALUES}.defaultFelixConfiguration": ...}),
    _application("external-dns-own-names", "external-dns", {f"{VALUES}.domainFilters": []}),
)

STEPS = "spec.strategy.canary.steps"
VERDICT = "spec.metrics.1"


def _release(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=ROLLOUT, name="exchange-svc-wallet-rollout", change=change, **more)


def _verdict(change: dict[str, Any]) -> Broken:
    name = "exchange-svc-wallet-analysis"
    return Broken(rule="kubernetes-release-verdict", type=ANALYSIS_TEMPLATE, name=name, change=change)


_RELEASES = (
    _release("kubernetes-release-judged", {STEPS: []}),
    _release("kubernetes-release-judged", {f"{STEPS}.1": {"pause": {"duration": "1h"}}}),
    _release("kubernetes-release-judged", {f"{STEPS}.1.analysis.dryRun": [{"metricName": "errors"}]}),
    _release("kubernetes-release-given-up", {"spec.progressDeadlineAbort": ...}),
    _release("kubernetes-run-as-non-root", {f"{POD}.securityContext.runAsNonRoot": False}),
    _verdict({"spec.metrics": []}),
    _verdict({f"{VERDICT}.successCondition": ...}),
    _verdict({f"{VERDICT}.failureLimit": 3}),
    _verdict({f"{VERDICT}.inconclusiveLimit": 3}),
    _verdict({"spec.dryRun": [{"metricName": "errors"}]}),
)


def _admission(change: dict[str, Any]) -> Broken:
    type_ = "kubernetes:policies.kyverno.io/v1:NamespacedValidatingPolicy"
    name = "exchange-policies-mesh-mtls-no-exception"
    return Broken(rule="kubernetes-admission-denies", type=type_, name=name, change=change)


def _signed(change: dict[str, Any]) -> Broken:
    type_ = "kubernetes:policies.kyverno.io/v1:NamespacedImageValidatingPolicy"
    return Broken(rule="kubernetes-admission-denies", type=type_, name="exchange-signed-images-policy", change=change)


_ADMISSION: tuple[Broken, ...] = (
    _signed({"spec.failurePolicy": "Ignore"}),
    _signed({"spec.attestors": []}),
    _signed({"spec.attestors.0.cosign": {"keyless": {"identities": [{"issuerRegExp": ".*", "subjectRegExp": ".*"}]}}}),
    _signed({"spec.validationConfigurations.required": False}),
    _admission({"spec.failurePolicy": "Ignore"}),
    _admission({"spec.failurePolicy": ...}),
    _admission({"spec.validationActions": ["Audit"]}),
    _admission({"spec.validations": []}),
)

CASES: tuple[Broken, ...] = (*_PODS, *_WORKLOADS, *_RELEASES, *_NAMESPACES, *_ACCESS, *_DELIVERY, *_ADMISSION)
