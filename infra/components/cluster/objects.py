"""Kubernetes objects as plain data. docs/adr/0012 says why not the SDK's classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes import _utilities

Body = Mapping[str, Any]

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class KubernetesObject(pulumi.CustomResource):
    """One object, by the same token and with the same inputs as the SDK's class for its kind.

    `version_kind` is `<apiVersion>/<kind>`: `v1/Service`, `apps/v1/Deployment`. `body` is what stands beside `apiVersion`, `kind`
    and `metadata`: `{"spec": …}`. The name is always explicit: a rendered object without one gets a random suffix.
    """

    def __init__(
        self, name: str, version_kind: str, *, metadata: Body, body: Body, opts: pulumi.ResourceOptions
    ) -> None:
        api_version, _, kind = version_kind.rpartition("/")
        if not NAME.fullmatch(str(metadata.get("name", ""))):
            raise ValueError(f"{kind} {name}: metadata.name is '{metadata.get('name')}'; a Kubernetes name is needed")
        group = "core/v1" if api_version == "v1" else api_version
        super().__init__(
            f"kubernetes:{group}:{kind}",
            name,
            {"apiVersion": api_version, "kind": kind, "metadata": dict(metadata), **body},
            pulumi.ResourceOptions.merge(_utilities.get_resource_opts_defaults(), opts),
        )
