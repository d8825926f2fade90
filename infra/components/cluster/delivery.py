"""How Kubernetes objects reach the cluster, unless they are rendered for Argo CD."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes


def applied(name: str, kubeconfig: pulumi.Input[str]) -> kubernetes.Provider:
    """Objects are applied to the cluster of the kubeconfig's text, which is a secret."""
    return kubernetes.Provider(name, kubeconfig=pulumi.Output.secret(kubeconfig), enable_server_side_apply=True)
