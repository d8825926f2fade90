"""What Kyverno asks of a pod's images in one namespace: a signature by a key that is named (svc-gateway.md: Cosign).

Why by a key: docs/adr/0039.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.metadata import metadata
from infra.components.cluster.objects import KubernetesObject
from infra.components.component import PlatformComponent

POLICY = "policies.kyverno.io/v1/NamespacedImageValidatingPolicy"
NAME = "kubernetes-image-signed"

PROXIES = ("istio-proxy", "istio-validation")
PROXY_IMAGE = "^(docker[.]io/istio|[0-9]{12}[.]dkr[.]ecr[.][a-z0-9-]+[.]amazonaws[.]com/[a-z0-9-]+-istio)/proxyv2:[A-Za-z0-9_.-]+$"
"""What the mesh puts into a pod: the containers' names, and their image, which is the mesh's to vouch for."""

PATIENCE_SECONDS = 20
"""How long a pod waits for the registry; the API server allows thirty."""


@dataclass(frozen=True, kw_only=True)
class SignedImagesArgs:
    """Images of `repositories` (a registry and a path, `*` for any text) run in `namespace`, and no others.

    Each is signed by one of `keys`: public keys in PEM, by name.
    """

    namespace: str
    repositories: Sequence[str]
    keys: Mapping[str, str]
    wave: int = 0

    def __post_init__(self) -> None:
        """`ValueError` where every image would do, or none could."""
        for name, what in (("keys", self.keys), ("repositories", self.repositories)):
            if not what:
                raise ValueError(f"signed images of {self.namespace}: {name} is empty: allowed: one at least")


class SignedImages(PlatformComponent):
    """The namespace takes no pod with an image that none of the keys signed, nor any while Kyverno or the registry is away.

    Resources: a NamespacedImageValidatingPolicy.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:SignedImages"

    def __init__(self, name: str, args: SignedImagesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        KubernetesObject(
            f"{name}-policy",
            POLICY,
            metadata=metadata(NAME, args.namespace, wave=args.wave),
            body={"spec": signed_images(args)},
            opts=self.child,
        )
        self.register_outputs({})


def signed_images(args: SignedImagesArgs) -> dict[str, Any]:
    """The policy's spec.

    Pods are judged, whoever makes them: what their templates say becomes a pod first. An image of another repository counts
    as not signed, whatever signatures it has.
    """
    signers = ", ".join(f"attestors[{json.dumps(name)}]" for name in sorted(args.keys))
    pod = "object.spec"
    containers = f"{pod}.containers + {pod}.?initContainers.orValue([]) + {pod}.?ephemeralContainers.orValue([])"
    proxy = f"one.name in {json.dumps(list(PROXIES))} && one.image.matches({json.dumps(PROXY_IMAGE)})"
    return {
        "failurePolicy": "Fail",
        "validationActions": ["Deny"],
        "webhookConfiguration": {"timeoutSeconds": PATIENCE_SECONDS},
        # Templates are not asked about: a release that is not signed fails where its pods do, and is given up.
        "autogen": {"podControllers": {"controllers": []}},
        # Nothing is written into a pod: an image without a digest is refused, here too.
        "validationConfigurations": {"mutateDigest": False, "required": True, "verifyDigest": True},
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["pods", "pods/ephemeralcontainers"],
                }
            ]
        },
        "matchImageReferences": [{"glob": one} for one in args.repositories],
        "attestors": [_signer(name, key) for name, key in sorted(args.keys.items())],
        "validations": [
            {
                "message": "Every image is signed by a key of the release's",
                "expression": f"({containers}).filter(one, !({proxy}))"
                f".all(one, verifyImageSignatures(one.image, [{signers}]) > 0)",
            }
        ],
    }


def _signer(name: str, key: str) -> dict[str, Any]:
    """A key alone: no certificate, and so neither Fulcio's authority nor Rekor's log, which Kyverno would have to reach."""
    log = {"insecureIgnoreTlog": True, "insecureIgnoreSCT": True}
    return {"name": name, "cosign": {"key": {"data": key}, "ctlog": log}}
