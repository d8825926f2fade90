"""Secrets that the cluster fetches itself: no manifest ever holds one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.metadata import metadata
from infra.components.cluster.objects import KubernetesObject
from infra.components.component import PlatformComponent

STORE = "external-secrets.io/v1/ClusterSecretStore"
EXTERNAL_SECRET = "external-secrets.io/v1/ExternalSecret"  # noqa: S105 - a kind, not a secret

FOLDER = "/etc/secrets"
"""Where a workload finds its secrets, one file a key."""


@dataclass(frozen=True, kw_only=True)
class StoreAccount:
    """A service account whose IAM role is the most that a store can read."""

    name: str
    namespace: str


@dataclass(frozen=True, kw_only=True)
class ParameterStoreArgs:
    """Only `namespaces` may fetch through the store, by the role of `account`; without one, by External Secrets' own."""

    store: str
    region: str
    namespaces: Sequence[str]
    account: StoreAccount | None = None
    wave: int = 0


class ParameterStore(PlatformComponent):
    """SSM Parameter Store as External Secrets sees it.

    Resources: a ClusterSecretStore.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:ParameterStore"
    store: str

    def __init__(self, name: str, args: ParameterStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        if not args.namespaces:
            raise ValueError(f"{args.store}: a store without namespaces would be for all of them")
        KubernetesObject(
            f"{name}-store",
            STORE,
            metadata=metadata(args.store, wave=args.wave),
            body={
                "spec": {
                    "provider": {"aws": {"service": "ParameterStore", "region": args.region, **_auth(args.account)}},
                    "conditions": [{"namespaces": sorted(args.namespaces)}],
                }
            },
            opts=self.child,
        )
        self.store = args.store
        self.register_outputs({"store": self.store})


def _auth(account: StoreAccount | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"auth": {"jwt": {"serviceAccountRef": {"name": account.name, "namespace": account.namespace}}}}


@dataclass(frozen=True, kw_only=True)
class FetchedSecretArgs:
    """A Secret of that name: `keys` maps its keys to the parameters' full names, `plain` has what goes beside them unhidden."""

    store: str
    secret: str
    namespace: str
    keys: Mapping[str, str]
    plain: Mapping[str, str] = field(default_factory=dict)
    refresh: str = "1h"
    wave: int = 0


class FetchedSecret(PlatformComponent):
    """A Secret that External Secrets keeps equal to its parameters; it stays while Parameter Store cannot be reached.

    Resources: an ExternalSecret.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:FetchedSecret"

    def __init__(self, name: str, args: FetchedSecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        KubernetesObject(
            f"{name}-secret",
            EXTERNAL_SECRET,
            metadata=metadata(args.secret, args.namespace, wave=args.wave),
            body={"spec": external_secret(args)},
            opts=self.child,
        )
        self.register_outputs({})


def external_secret(args: FetchedSecretArgs) -> dict[str, Any]:
    """The spec; the API's defaults are written out, or Argo CD would find a difference for ever."""
    target: dict[str, Any] = {"name": args.secret, "creationPolicy": "Owner", "deletionPolicy": "Retain"}
    if args.plain:
        target["template"] = {"engineVersion": "v2", "mergePolicy": "Merge", "data": dict(args.plain)}
    return {
        "refreshInterval": args.refresh,
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": args.store},
        "target": target,
        "data": [
            {
                "secretKey": key,
                "remoteRef": {
                    "key": parameter,
                    "conversionStrategy": "Default",
                    "decodingStrategy": "None",
                    "metadataPolicy": "None",
                },
            }
            for key, parameter in sorted(args.keys.items())
        ],
    }
