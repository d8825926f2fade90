"""How Kubernetes objects reach the cluster."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes


def rendered(name: str, folder: str) -> kubernetes.Provider:
    """Objects become files below `folder`, which Argo CD follows; no cluster is asked, whatever KUBECONFIG says."""
    return kubernetes.Provider(name, render_yaml_to_directory=folder)


def applied(name: str, kubeconfig: pulumi.Input[str]) -> kubernetes.Provider:
    """Objects are applied to the cluster of the kubeconfig's text, which is a secret."""
    return kubernetes.Provider(name, kubeconfig=pulumi.Output.secret(kubeconfig), enable_server_side_apply=True)
