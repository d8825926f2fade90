"""What prod lets Argo Rollouts' controller do: the objects that its chart is given beside its own."""

from __future__ import annotations

from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.mesh.manifests import Manifest

APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"


def rights(recording: Recording) -> list[Manifest]:
    """From the Application that Argo CD reads; the chart's own ClusterRole is off."""
    applications = [reveal(one.inputs) for one in recording if one.custom and one.type == APPLICATION]
    (values,) = [
        one["spec"]["source"]["helm"]["valuesObject"]
        for one in applications
        if one["metadata"]["name"] == "argo-rollouts"
    ]
    assert values["controller"]["createClusterRole"] is False
    found: list[Manifest] = values["extraObjects"]
    return found
