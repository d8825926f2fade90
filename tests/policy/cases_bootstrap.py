"""What the rules on the bootstrap must find, once the real stack is spoiled in that one place."""

from __future__ import annotations

import base64
import io
import tarfile

from policy.aws_types import BUCKET_OBJECT
from tests.policy.broken import Broken


def _bundle(checksum: str) -> str:
    """A machine's program with one chart."""
    row = (
        "install",
        "argo-cd",
        "argocd",
        "https://charts.example",
        "argo-cd",
        "1.2.3",
        checksum,
        "charts/argo-cd.json",
    )
    content = "\t".join(row).encode() + b"\n"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as bundle:
        entry = tarfile.TarInfo("charts.tsv")
        entry.size = len(content)
        bundle.addfile(entry, io.BytesIO(content))
    return base64.b64encode(packed.getvalue()).decode()


CASES: tuple[Broken, ...] = (
    Broken(
        rule="bootstrap-charts-recorded", type=BUCKET_OBJECT, name="eco2-bootstrap-bundle",
        mended={"contentBase64": _bundle("a" * 64)}, change={"contentBase64": _bundle("-")},
    ),
)  # fmt: skip
