"""What a preview's cloud makes up follows from the URN, and from nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from rehearsal.preview.keys import repeatable_private_key
from rehearsal.preview.repeatable import open_repeatable_cloud
from rehearsal.provider import Rejected, State

VPC, ZONE = "aws:ec2/vpc:Vpc", "aws:route53/zone:Zone"


def private(outputs: dict[str, Any]) -> Any:
    return serialization.load_pem_private_key(outputs["privateKeyPem"].encode(), None)


@pytest.mark.parametrize("bits", [2048, 3072])
def test_an_rsa_key_is_a_real_one_and_the_same_again(bits: int) -> None:
    inputs = {"algorithm": "RSA", "rsaBits": bits}
    (one, outputs), (again, _), (other, _) = (repeatable_private_key(urn, inputs) for urn in ("a", "a", "b"))
    assert one == again != other
    key = private(outputs)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == bits
    how = (padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    key.public_key().verify(key.sign(b"text", *how), b"text", *how)


@pytest.mark.parametrize("inputs", [{"algorithm": "ECDSA", "ecdsaCurve": "P384"}, {"algorithm": "ED25519"}])
def test_other_keys_are_the_same_again_too(inputs: dict[str, Any]) -> None:
    (one, outputs), (again, _), (other, _) = (repeatable_private_key(urn, inputs) for urn in ("a", "a", "b"))
    assert one == again != other
    assert private(outputs)
    if inputs["algorithm"] == "ECDSA":
        assert isinstance(private(outputs).curve, ec.SECP384R1)


def test_an_unknown_algorithm_is_refused_as_ever() -> None:
    with pytest.raises(Rejected, match="DSA"):
        repeatable_private_key("a", {"algorithm": "DSA"})


def made(folder: Path, *urns: str) -> dict[str, State]:
    folder.mkdir()
    with open_repeatable_cloud(region="ap-northeast-2", account="290008131187", manifests=folder) as cloud:
        return {
            urn: cloud.create(urn, VPC, {"cidrBlock": "10.9.0.0/16"})
            if urn.startswith("vpc")
            else cloud.create(urn, ZONE, {"name": f"{urn}.example.com", "comment": ""})
            for urn in urns
        }


def test_ids_follow_from_the_urn_whatever_is_made_before(tmp_path: Path) -> None:
    one, other = made(tmp_path / "1", "vpc-a", "zone-a", "vpc-b"), made(tmp_path / "2", "zone-a", "vpc-b", "vpc-a")
    assert {urn: state.id for urn, state in one.items()} == {urn: state.id for urn, state in other.items()}
    assert len({state.id for state in one.values()}) == 3
