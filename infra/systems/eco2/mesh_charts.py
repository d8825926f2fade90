"""The values of the mesh's charts: redirection on each node, istiod, and the way in (eco2.md: Istio CP, Ingress)."""

from __future__ import annotations

from infra.systems.eco2 import mesh
from infra.systems.eco2.context import Context
from infra.systems.eco2.parts import Values
from infra.systems.eco2.placement import EVERYWHERE, ON_MASTER, RESTRICTED, on, resources


def istio_cni(context: Context) -> Values:
    """Redirects the pods' traffic from the node, so that the pods themselves need no privilege."""
    return {
        "hub": context.mesh_images,
        "tolerations": EVERYWHERE,
        "excludeNamespaces": ["kube-system"],
        "resources": resources("20m", "128Mi"),
    }


def istiod(context: Context) -> Values:
    return {
        **ON_MASTER,
        "autoscaleEnabled": False,
        "replicaCount": 1,
        "resources": resources("200m", "1Gi"),
        "seccompProfile": {"type": "RuntimeDefault"},
        "cni": {"enabled": True},
        "env": {"ENABLE_NATIVE_SIDECARS": "true"},
        "global": {
            "hub": context.mesh_images,
            "istioNamespace": "istio-system",
            "defaultPodDisruptionBudget": {"enabled": False},
            "proxy": {"resources": {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}}},
        },
        "meshConfig": mesh.mesh_configuration(context.tenants),
    }


def _without_cpu_limit(wanted: Values) -> Values:
    """The gateway's chart leaves out what is empty; a null is lost in an Application's `valuesObject` (argo-cd issue 16312)."""
    return {**wanted, "limits": {**wanted["limits"], "cpu": ""}}


def ingress_gateway() -> Values:
    """On k8s-ingress-gateway, behind two node ports: the load balancer's target and its health check."""
    return {
        **on("ingress-gateway"),
        "replicaCount": 1,
        "autoscaling": {"enabled": False},
        # Node ports keep the client's address only on the node of the pod, which is the only target.
        "service": {
            "type": "NodePort",
            "externalTrafficPolicy": "Local",
            "ports": [
                {
                    "name": "http",
                    "port": 80,
                    "targetPort": mesh.GATEWAY_CONTAINER_PORT,
                    "nodePort": mesh.GATEWAY_NODE_PORT,
                },
                {"name": "status-port", "port": 15021, "targetPort": 15021, "nodePort": mesh.STATUS_NODE_PORT},
            ],
        },
        "resources": _without_cpu_limit(resources("500m", "1Gi")),
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containerSecurityContext": {**RESTRICTED, "runAsUser": 1337, "runAsGroup": 1337},
    }
