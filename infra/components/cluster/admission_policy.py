"""A policy of the API server's own, in CEL, and its binding: what it refuses is denied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from infra.components.cluster.objects import KubernetesObject

API = "admissionregistration.k8s.io/v1"


def deny(name: str, about: Mapping[str, Any], policy: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
    """Register `<name>-policy` with the spec given, and `<name>-binding`; `about` is the metadata of both."""
    KubernetesObject(
        f"{name}-policy", f"{API}/ValidatingAdmissionPolicy", metadata=about, body={"spec": policy}, opts=opts
    )
    KubernetesObject(
        f"{name}-binding",
        f"{API}/ValidatingAdmissionPolicyBinding",
        metadata=about,
        body={"spec": {"policyName": about["name"], "validationActions": ["Deny"]}},
        opts=opts,
    )
