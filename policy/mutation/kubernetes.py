"""Kubernetes and Argo CD: the properties that security hangs on, and what would be bad there."""

from __future__ import annotations

from typing import Any

from policy.mutation.model import GONE, PROTECT, RESOURCE, Mutation, spoil

ROLLOUT = "kubernetes:argoproj.io/v1alpha1:Rollout"
VALUES = "spec.source.helm.valuesObject"


def _pods(prefix: str, type_: str, *kinds: str) -> tuple[Mutation, ...]:
    """What may be wrong with a pod, and with each of its containers of these kinds."""
    return (
        *spoil(
            "Kubernetes pods",
            type_,
            {
                f"{prefix}.securityContext.runAsNonRoot": (False, GONE),
                f"{prefix}.securityContext.runAsUser": 0,
                f"{prefix}.securityContext.runAsGroup": 0,
                f"{prefix}.securityContext.fsGroup": 0,
                f"{prefix}.securityContext.seccompProfile": GONE,
                f"{prefix}.securityContext.seccompProfile.type": "Unconfined",
                f"{prefix}.securityContext.appArmorProfile": {"type": "Unconfined"},
                f"{prefix}.securityContext.seLinuxOptions": {"type": "spc_t"},
                f"{prefix}.securityContext.sysctls": [{"name": "kernel.core_pattern", "value": "|/bin/sh"}],
                f"{prefix}.hostNetwork": True,
                f"{prefix}.hostPID": True,
                f"{prefix}.hostIPC": True,
                f"{prefix}.shareProcessNamespace": True,
                f"{prefix}.automountServiceAccountToken": (True, GONE),
                f"{prefix}.serviceAccountName": ("default", GONE),
                f"{prefix}.volumes[+]": (
                    {"name": "host", "hostPath": {"path": "/"}},
                    {"name": "socket", "hostPath": {"path": "/run/containerd/containerd.sock"}},
                ),
                f"{prefix}.volumes[*].secret.defaultMode": 0o777,
                f"{prefix}.volumes[*].emptyDir.sizeLimit": GONE,
                f"{prefix}.enableServiceLinks": True,
            },
        ),
        *(mutation for kind in kinds for mutation in _containers(prefix, type_, kind)),
    )


def _containers(prefix: str, type_: str, kind: str) -> tuple[Mutation, ...]:
    each = f"{prefix}.{kind}[*]"
    return spoil(
        "Kubernetes containers",
        type_,
        {
            f"{each}.securityContext": GONE,
            f"{each}.securityContext.privileged": True,
            f"{each}.securityContext.allowPrivilegeEscalation": (True, GONE),
            f"{each}.securityContext.readOnlyRootFilesystem": (False, GONE),
            f"{each}.securityContext.runAsUser": 0,
            f"{each}.securityContext.runAsNonRoot": False,
            f"{each}.securityContext.capabilities.drop": ([], ["NET_RAW"]),
            f"{each}.securityContext.capabilities.add": (["SYS_ADMIN"], ["NET_RAW"]),
            f"{each}.securityContext.seccompProfile": {"type": "Unconfined"},
            f"{each}.securityContext.procMount": "Unmasked",
            f"{each}.image": (
                "public.ecr.aws/docker/library/busybox:latest",
                "public.ecr.aws/docker/library/busybox",
                "ghcr.io/somebody/busybox:1.36.1",
            ),
            f"{each}.resources": GONE,
            f"{each}.resources.limits.memory": GONE,
            f"{each}.resources.requests.cpu": GONE,
            f"{each}.livenessProbe.httpGet.host": "169.254.169.254",
            f"{each}.env[+]": (
                {"name": "DATABASE_PASSWORD", "value": "hunter2"},
                {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}},
                {"name": "AWS_SECRET_ACCESS_KEY", "value": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
            ),
            f"{each}.envFrom": [{"secretRef": {"name": "x"}}],
            f"{each}.ports": [{"containerPort": 8000, "hostPort": 8000}],
            f"{each}.stdin": True,
            f"{each}.tty": True,
        },
    )


_SERVERS: tuple[Mutation, ...] = tuple(
    mutation
    for type_, kinds in (
        ("kubernetes:apps/v1:Deployment", ("containers",)),
        (ROLLOUT, ("containers",)),
        ("kubernetes:apps/v1:StatefulSet", ("containers", "initContainers")),
    )
    for mutation in (
        *_pods("spec.template.spec", type_, *kinds),
        *spoil(
            "Kubernetes workloads",
            type_,
            {
                "spec.template.spec.containers[*].livenessProbe": GONE,
                "spec.template.spec.containers[*].readinessProbe": GONE,
                "metadata.namespace": ("default", "kube-system", GONE),
            },
        ),
    )
)

_WORKLOADS: tuple[Mutation, ...] = (
    *_SERVERS,
    *_pods("spec.template.spec", "kubernetes:batch/v1:Job", "containers"),
    *_pods("spec.jobTemplate.spec.template.spec", "kubernetes:batch/v1:CronJob", "containers", "initContainers"),
    *spoil(
        "Kubernetes workloads",
        "kubernetes:apps/v1:StatefulSet",
        {
            "spec.persistentVolumeClaimRetentionPolicy.whenDeleted": "Delete",
            "spec.persistentVolumeClaimRetentionPolicy.whenScaled": "Delete",
            "spec.volumeClaimTemplates[*].spec.storageClassName": ("gp2", GONE),
            'metadata.annotations["argocd.argoproj.io/sync-options"]': GONE,
            PROTECT: False,
        },
    ),
    *spoil(
        "Kubernetes releases",
        ROLLOUT,
        {
            "spec.strategy.canary": {"maxSurge": 1},
            "spec.strategy.canary.steps": [{"setWeight": 10}, {"setWeight": 50}],
            "spec.progressDeadlineAbort": (False, GONE),
        },
    ),
    *spoil(
        "Kubernetes releases",
        "kubernetes:argoproj.io/v1alpha1:AnalysisTemplate",
        {
            "spec.metrics": [],
            "spec.metrics[*].successCondition": GONE,
            "spec.metrics[*].failureLimit": 100,
            "spec.metrics[*].inconclusiveLimit": 100,
            "spec.dryRun": [{"metricName": ".*"}],
        },
    ),
    *spoil(
        "Kubernetes workloads",
        "kubernetes:batch/v1:CronJob",
        {"spec.concurrencyPolicy": ("Allow", GONE), "spec.suspend": True, RESOURCE: GONE},
    ),
    *spoil(
        "Kubernetes workloads",
        "kubernetes:policy/v1:PodDisruptionBudget",
        {"spec.maxUnavailable": (0, "100%"), RESOURCE: GONE},
    ),
)

_NAMESPACES: tuple[Mutation, ...] = (
    *spoil(
        "Kubernetes namespaces",
        "kubernetes:core/v1:Namespace",
        {
            'metadata.labels["pod-security.kubernetes.io/enforce"]': ("baseline", "privileged", GONE),
            'metadata.labels["pod-security.kubernetes.io/enforce-version"]': "latest",
            'metadata.labels["pod-security.kubernetes.io/audit"]': GONE,
            'metadata.labels["pod-security.kubernetes.io/warn"]': GONE,
            'metadata.annotations["argocd.argoproj.io/sync-options"]': GONE,
        },
    ),
    *spoil(
        "Kubernetes namespaces",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        {
            "spec.policyTypes": (["Ingress"], ["Egress"]),
            "spec.ingress": [{}],
            "spec.egress": [{}],
            "spec.podSelector": {"matchLabels": {"app": "nothing"}},
            RESOURCE: GONE,
        },
        named="*-default-deny",
    ),
    *spoil(
        "Kubernetes namespaces",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        {
            "spec.ingress[*].from": (GONE, [{"ipBlock": {"cidr": "0.0.0.0/0"}}], [{"namespaceSelector": {}}]),
            "spec.egress[*].to": (GONE, [{"ipBlock": {"cidr": "0.0.0.0/0"}}], [{"namespaceSelector": {}}]),
            "spec.ingress[*].ports": GONE,
            "spec.egress[*].ports": GONE,
            "spec.egress[*].to[*].ipBlock.except": GONE,
            "spec.podSelector": {},
        },
    ),
    *spoil(
        "Kubernetes namespaces",
        "kubernetes:core/v1:Service",
        {
            "spec.type": ("LoadBalancer", "NodePort", "ExternalName"),
            "spec.externalIPs": ["10.2.0.9"],
            "spec.ports[*].appProtocol": GONE,
        },
    ),
)

_ACCESS: tuple[Mutation, ...] = (
    *spoil(
        "Kubernetes secrets and accounts",
        "kubernetes:core/v1:ServiceAccount",
        {"automountServiceAccountToken": (True, GONE), "secrets": [{"name": "x"}], RESOURCE: GONE},
    ),
    *spoil(
        "Kubernetes secrets and accounts",
        "kubernetes:core/v1:ServiceAccount",
        {'metadata.annotations["eks.amazonaws.com/role-arn"]': "arn:aws:iam::111122223333:role/admin"},
        named="eco2-data-backup-*",
    ),
    *spoil(
        "Kubernetes secrets and accounts",
        "kubernetes:core/v1:ConfigMap",
        {
            'data["key.pem"]': "-----BEGIN EC PRIVATE KEY-----\n",
            'data["credentials"]': "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
            'data["url"]': "postgresql://admin:hunter2@postgresql/app",
        },
    ),
    *spoil(
        "Kubernetes secrets and accounts",
        "kubernetes:core/v1:ConfigMap",
        {
            'data["pg_hba.conf"]': ("host all all all trust", "host all all all md5"),
        },
        named="eco2-data-postgresql-files",
    ),
    *spoil(
        "Kubernetes secrets and accounts",
        "kubernetes:core/v1:ConfigMap",
        {'data["redis.conf"]': ("port 6379\nprotected-mode no\n", "port 6379\nrequirepass hunter2\n")},
        named="eco2-data-redis-files",
    ),
    *spoil(
        "Kubernetes secrets and accounts",
        "kubernetes:external-secrets.io/v1:ExternalSecret",
        {
            "spec.refreshInterval": ("0", GONE),
            "spec.refreshPolicy": "CreatedOnce",
            "spec.data[*].remoteRef.key": "/eco2/other/secret",
            "spec.dataFrom": [{"find": {"name": {"regexp": ".*"}}}],
            "spec.secretStoreRef.name": "another",
            "spec.target.template.data.password": "hunter2",
        },
    ),
    *spoil(
        "Kubernetes secrets and accounts",
        "kubernetes:external-secrets.io/v1:ClusterSecretStore",
        {
            "spec.conditions": (GONE, []),
            "spec.conditions[0].namespaces[+]": ("prometheus", "*"),
            "spec.conditions[+]": {"namespaceSelector": {}},
        },
    ),
)

CHARTS: dict[str, dict[str, Any]] = {
    "argo-cd": {
        f'{VALUES}.configs.cm["admin.enabled"]': True,
        f'{VALUES}.configs.cm["users.anonymous.enabled"]': True,
        f'{VALUES}.configs.cm["exec.enabled"]': True,
        f'{VALUES}.configs.params["server.insecure"]': True,
        f'{VALUES}.configs.params["server.disable.auth"]': True,
        f'{VALUES}.configs.rbac["policy.default"]': "role:admin",
        f'{VALUES}.configs.rbac["policy.csv"]': "p, role:readonly, *, *, *, allow",
        f"{VALUES}.server.service.type": "LoadBalancer",
        f"{VALUES}.server.ingress.enabled": True,
        f"{VALUES}.global.networkPolicy.create": False,
    },
    "grafana": {
        f'{VALUES}["grafana.ini"]["auth.anonymous"].enabled': True,
        f'{VALUES}["grafana.ini"].users.allow_sign_up': True,
        f"{VALUES}.adminPassword": "hunter2",
        f"{VALUES}.admin.existingSecret": GONE,
        f"{VALUES}.service.type": "LoadBalancer",
        f"{VALUES}.ingress.enabled": True,
        f"{VALUES}.rbac.create": True,
        f"{VALUES}.containerSecurityContext.readOnlyRootFilesystem": False,
    },
    "prometheus": {
        f"{VALUES}.prometheus.prometheusSpec.enableAdminAPI": True,
        f"{VALUES}.prometheus.service.type": "NodePort",
        f"{VALUES}.grafana.enabled": True,
    },
    "aws-ebs-csi-driver": {
        f"{VALUES}.storageClasses[0].parameters.encrypted": ("false", GONE),
        f"{VALUES}.storageClasses[0].reclaimPolicy": ("Delete", GONE),
    },
    "ingress-gateway": {
        f"{VALUES}.containerSecurityContext.allowPrivilegeEscalation": True,
        f"{VALUES}.containerSecurityContext.runAsNonRoot": False,
        f"{VALUES}.containerSecurityContext.capabilities.add": ["NET_ADMIN"],
        f"{VALUES}.securityContext.seccompProfile.type": "Unconfined",
        f"{VALUES}.service.type": "LoadBalancer",
    },
    "external-dns": {f"{VALUES}.domainFilters": [], f"{VALUES}.hostNetwork": True},
    "calico": {
        f"{VALUES}.installation.enabled": False,
        f"{VALUES}.defaultFelixConfiguration.enabled": False,
        f"{VALUES}.defaultFelixConfiguration.wireguardEnabled": (False, GONE),
        RESOURCE: GONE,
    },
}
"""What some charts must not be told, by the Application's name."""

_DELIVERY: tuple[Mutation, ...] = (
    *spoil(
        "Argo CD",
        "kubernetes:argoproj.io/v1alpha1:AppProject",
        {
            "spec.sourceRepos[+]": ("*", "http://charts.example.com"),
            "spec.destinations[+]": (
                {"namespace": "*", "server": "*"},
                {"namespace": "*", "server": "https://kubernetes.default.svc"},
                {"namespace": "auth", "server": "https://elsewhere.example.com"},
            ),
            "spec.clusterResourceWhitelist[+]": {"group": "*", "kind": "*"},
            "spec.namespaceResourceWhitelist": [{"group": "*", "kind": "*"}],
            "spec.sourceIntegrity": GONE,
            RESOURCE: GONE,
        },
    ),
    *spoil(
        "Argo CD",
        "kubernetes:argoproj.io/v1alpha1:Application",
        {
            "spec.project": "default",
            "spec.source.targetRevision": ("*", "HEAD", ">=1.0.0", GONE),
            "spec.source.repoURL": "https://charts.example.com",
            "spec.destination.namespace": "default",
            "spec.destination.server": "https://elsewhere.example.com",
            "spec.syncPolicy.automated.selfHeal": False,
            "spec.syncPolicy.automated.prune": False,
            "spec.syncPolicy.syncOptions[+]": ("Validate=false", "Replace=true"),
        },
    ),
    *spoil(
        "Platform charts",
        "kubernetes:argoproj.io/v1alpha1:Application",
        {
            f"{VALUES}.securityContext.privileged": True,
            f"{VALUES}.securityContext.runAsUser": 0,
            f"{VALUES}.image.tag": "latest",
        },
        named="eco2-platform-[!r]*",
    ),
    *(
        mutation
        for chart, properties in CHARTS.items()
        for mutation in spoil(
            "Platform charts",
            "kubernetes:argoproj.io/v1alpha1:Application",
            properties,
            named=f"eco2-platform-{chart}-application",
        )
    ),
)

_ADMISSION: tuple[Mutation, ...] = spoil(
    "Kyverno",
    "kubernetes:policies.kyverno.io/v1:NamespacedValidatingPolicy",
    {
        "spec.failurePolicy": ("Ignore", GONE),
        "spec.validationActions": (["Audit"], ["Warn"], GONE),
        "spec.validations": ([], GONE),
    },
)

_SIGNATURES: tuple[Mutation, ...] = spoil(
    "Kyverno",
    "kubernetes:policies.kyverno.io/v1:NamespacedImageValidatingPolicy",
    {
        "spec.failurePolicy": ("Ignore", GONE),
        "spec.validationActions": (["Audit"], GONE),
        "spec.validations": ([], GONE),
        "spec.attestors": ([], GONE),
        "spec.attestors[0].cosign.key": (GONE,),
        "spec.validationConfigurations.required": (False,),
    },
)

MUTATIONS: tuple[Mutation, ...] = (*_WORKLOADS, *_NAMESPACES, *_ACCESS, *_DELIVERY, *_ADMISSION, *_SIGNATURES)
