"""What the control plane installs before Argo CD can: each chart by the checksum of its archive, or the machine refuses it."""

from __future__ import annotations

import base64
import binascii
import io
import tarfile
from collections.abc import Iterator

from policy.aws_types import BUCKET_OBJECT
from policy.rules.model import Resource, ResourceRule, Rule, Severity

_LIST = "charts.tsv"
"""In the bundle of the machine's program: how, release, namespace, repository, chart, version, checksum (`-` for none), values."""


def _unrecorded(resource: Resource) -> Iterator[str]:
    listed = _listed(resource.props.get("contentBase64") or "")
    missing = [f"{row[4]} {row[5]}" for row in listed if row[6] == "-"]
    if missing:
        yield f"no checksum is recorded of {', '.join(missing)}: the first control plane will refuse to install them"


def _listed(content: str) -> list[list[str]]:
    """The rows of the list; none when the object is no bundle."""
    try:
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(content)), mode="r:gz") as bundle:
            if _LIST not in bundle.getnames() or (file := bundle.extractfile(_LIST)) is None:
                return []
            return [line.split("\t") for line in file.read().decode().splitlines()]
    except (tarfile.TarError, binascii.Error, OSError, EOFError):
        return []


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="bootstrap-charts-recorded",
        title="Each chart that the first control plane installs has its archive's checksum recorded",
        controls=("SLSA 1.0 threats: (G) Compromise package repo",),
        severity=Severity.HIGH,
        remedy="run `make charts` where the repositories can be reached, look at what it prints, and write it into versions.py",
        mandatory=False,
        types=frozenset({BUCKET_OBJECT}),
        check=_unrecorded,
    ),
)
