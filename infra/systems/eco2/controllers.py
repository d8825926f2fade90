"""The values of the charts of controllers: what keeps the cluster, its volumes, secrets, names and load balancer in step."""

from __future__ import annotations

from infra.systems.eco2 import versions
from infra.systems.eco2.context import Context
from infra.systems.eco2.parts import Values
from infra.systems.eco2.placement import ON_MASTER, RESTRICTED, STORAGE_CLASS, WITH_VOLUMES, among, resources
from infra.systems.eco2.roles import service_account


def cert_manager() -> Values:
    """Issues the webhooks' certificates, inside the cluster; the edge's is ACM's."""
    return {
        **ON_MASTER,
        "crds": {"enabled": True, "keep": True},
        "global": {"leaderElection": {"namespace": "cert-manager"}},
        "resources": resources("20m", "128Mi"),
        "webhook": {**ON_MASTER, "resources": resources("10m", "64Mi")},
        "cainjector": {**ON_MASTER, "resources": resources("20m", "256Mi")},
        "startupapicheck": {**ON_MASTER, "resources": resources("10m", "64Mi")},
    }


def pod_identity_webhook(context: Context) -> Values:
    """Gives pods of accounts with a role the token that AWS takes for it."""
    return {
        **ON_MASTER,
        "replicaCount": 1,
        # Refusing every pod while it is away would include its own.
        "mutatingWebhook": {"failurePolicy": "Ignore"},
        "config": {
            "annotationPrefix": "eks.amazonaws.com",
            "tokenAudience": "sts.amazonaws.com",
            "defaultAwsRegion": context.region,
        },
        "pki": {"certManager": {"enabled": True}},
        "securityContext": {**RESTRICTED, "runAsUser": 65534, "runAsGroup": 65534},
        "resources": resources("10m", "64Mi"),
    }


def ebs_csi(context: Context) -> Values:
    """Persistent volumes: encrypted gp3, made where the pod is, kept when the claim goes."""
    return {
        "controller": {
            **ON_MASTER,
            "replicaCount": 1,
            "region": context.region,
            "k8sTagClusterId": context.names.prefix,
            "extraVolumeTags": context.tags,
            "serviceAccount": service_account(context, "ebs-csi-controller-sa", "ebs-csi"),
            "resources": resources("20m", "256Mi"),
        },
        # The instance's metadata answers no pod: the node's labels say what the driver needs.
        "node": {
            "tolerateAllTaints": True,
            "affinity": among(*WITH_VOLUMES),
            "metadataSources": "kubernetes",
            "resources": resources("10m", "128Mi"),
        },
        "storageClasses": [
            {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
                "volumeBindingMode": "WaitForFirstConsumer",
                "reclaimPolicy": "Retain",
                "allowVolumeExpansion": True,
                "parameters": {"type": "gp3", "encrypted": "true", "csi.storage.k8s.io/fstype": "ext4"},
            }
        ],
    }


def external_secrets(context: Context) -> Values:
    return {
        **ON_MASTER,
        "installCRDs": True,
        "replicaCount": 1,
        "serviceAccount": service_account(context, "external-secrets", "external-secrets"),
        "resources": resources("20m", "256Mi"),
        "webhook": {**ON_MASTER, "resources": resources("10m", "64Mi")},
        "certController": {**ON_MASTER, "resources": resources("10m", "128Mi")},
    }


def load_balancer_controller(context: Context) -> Values:
    return {
        **ON_MASTER,
        "replicaCount": 1,
        "clusterName": context.names.prefix,
        "region": context.region,
        # By the VPC's name: the instance's metadata, where it would look otherwise, answers no pod.
        "vpcTags": {"Name": context.names.physical("vpc")},
        "defaultTargetType": "instance",
        "defaultTags": context.tags,
        # The chart's own certificate would be another one at every rendering.
        "enableCertManager": True,
        # No Service here asks for a load balancer, and its webhook, which fails closed, would stand before every Service.
        "enableServiceMutatorWebhook": False,
        # The document's load balancer has its firewall from Pulumi, and the account has no Shield.
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
        "serviceAccount": service_account(context, "aws-load-balancer-controller", "aws-load-balancer-controller"),
        "resources": resources("20m", "256Mi"),
        "securityContext": RESTRICTED,
    }


def external_dns(context: Context) -> Values:
    """Records below a label of the domain, which are all that its role may write: Pulumi's are elsewhere."""
    return {
        **ON_MASTER,
        "provider": {"name": "aws"},
        "sources": ["service", "ingress"],
        "policy": "sync",
        "registry": "txt",
        "txtOwnerId": context.names.prefix,
        "domainFilters": [context.published_domain],
        # Without the second no zone matches the filter, since the zone is its parent's.
        "extraArgs": ["--aws-zone-type=public", "--aws-zone-match-parent"],
        "env": [{"name": "AWS_DEFAULT_REGION", "value": context.region}],
        "serviceAccount": service_account(context, "external-dns", "external-dns"),
        "securityContext": {**RESTRICTED, "runAsUser": 65532, "runAsGroup": 65532},
        "resources": resources("10m", "128Mi"),
    }


def cluster_autoscaler(context: Context) -> Values:
    """Sizes the tenants' group; the documented fourteen are in none."""
    return {
        **ON_MASTER,
        "image": {"tag": versions.CLUSTER_AUTOSCALER_IMAGE},
        "cloudProvider": "aws",
        "awsRegion": context.region,
        "autoDiscovery": {"clusterName": context.names.prefix},
        "rbac": {"serviceAccount": service_account(context, "cluster-autoscaler", "cluster-autoscaler")},
        "extraArgs": {"balance-similar-node-groups": True, "skip-nodes-with-system-pods": False},
        "containerSecurityContext": {**RESTRICTED, "runAsUser": 65534, "runAsGroup": 65534},
        "resources": resources("20m", "256Mi"),
    }
