"""Kubernetes objects as plain data. Why not the SDK's classes: docs/adr/0012; why a rendered one has no provider: docs/adr/0020."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.runtime.resource import register_resource_outputs
from pulumi_kubernetes import _utilities

Body = Mapping[str, Any]

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class KubernetesObject(pulumi.Resource):
    """One object, by the same token and with the same inputs as the SDK's class for its kind.

    `version_kind` is `<apiVersion>/<kind>`: `v1/Service`, `apps/v1/Deployment`. `body` is what stands beside `apiVersion`, `kind`
    and `metadata`: `{"spec": …}`. The name is always explicit: a file has no other.

    With a provider of the package `kubernetes`, its parent's, it is applied. Without one it is registered as data, which the state
    holds and its file is written from. The default provider, which goes by whatever KUBECONFIG says, is never asked.
    """

    def __init__(
        self, name: str, version_kind: str, *, metadata: Body, body: Body, opts: pulumi.ResourceOptions
    ) -> None:
        api_version, _, kind = version_kind.rpartition("/")
        if not NAME.fullmatch(str(metadata.get("name", ""))):
            raise ValueError(f"{kind} {name}: metadata.name is '{metadata.get('name')}'; a Kubernetes name is needed")
        token = f"kubernetes:{'core/v1' if api_version == 'v1' else api_version}:{kind}"
        applied = _has_cluster(token, opts)
        if kind == "Secret" and not applied:
            raise ValueError(f"Secret {name}: a rendered one is plain text in Git; use an ExternalSecret")
        super().__init__(
            token,
            name,
            applied,
            {"apiVersion": api_version, "kind": kind, "metadata": dict(metadata), **body},
            pulumi.ResourceOptions.merge(_utilities.get_resource_opts_defaults(), opts) if applied else opts,
        )
        if not applied:
            register_resource_outputs(self, {})


def _has_cluster(token: str, opts: pulumi.ResourceOptions) -> bool:
    return bool(opts.provider or (opts.parent and opts.parent.get_provider(token)))
