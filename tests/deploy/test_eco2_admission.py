"""What the master's admission program decides, with a pretend cluster. Against an attacker: tests/attacks/test_join.py."""

from __future__ import annotations

import ast
import base64
import importlib.util
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import RelativeDistinguishedName
from cryptography.x509.oid import NameOID

from infra.settings.eco2 import TenantWorkers
from infra.systems.eco2 import bootstrap
from tests.deploy.pretend_node import context

PROFILE = "arn:aws:iam::290008131187:instance-profile/eco2-prod-node"
GROUP = "system:bootstrappers:eco2:k8s-api-auth:i-0own"


def loaded(folder: Path, *, tenants: bool = False) -> ModuleType:
    """The program beside the table that the bundle has."""
    place = context()
    if tenants:
        place = replace(place, settings=place.settings.model_copy(update={"tenant_workers": TenantWorkers()}))
    (folder / "nodes.json").write_bytes(bootstrap.rendered(place)["nodes.json"])
    file = folder / "admission.py"
    file.write_bytes((bootstrap.FILES / "admission.py").read_bytes())
    spec = importlib.util.spec_from_file_location("admission", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def admission(tmp_path: Path) -> ModuleType:
    return loaded(tmp_path)


def machine(tags: dict[str, str], role: str) -> dict[str, Any]:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {"InstanceId": "i-0own", "IamInstanceProfile": {"Arn": f"{PROFILE}-{role}"}, "Tags": listed}


def test_the_machines_own_python_reads_it() -> None:
    """Amazon Linux 2023's is 3.9."""
    ast.parse((bootstrap.FILES / "admission.py").read_text(), feature_version=(3, 9))


@pytest.mark.parametrize(
    ("tags", "role", "name"),
    [
        ({"Name": "k8s-api-auth"}, "api", "k8s-api-auth"),
        ({"Name": "k8s-api-auth"}, "data", None),
        ({"Name": "k8s-somebody"}, "api", None),
        ({}, "api", None),
        ({"Name": "eco2-prod-tenants", "aws:autoscaling:groupName": "eco2-prod-tenants-asg"}, "tenant", "k8s-tenant-i-0own"),
        ({"Name": "eco2-prod-tenants", "aws:autoscaling:groupName": "another-asg"}, "tenant", None),
        ({"Name": "k8s-api-auth", "aws:autoscaling:groupName": "eco2-prod-tenants-asg"}, "api", None),
    ],
)  # fmt: skip
def test_a_machine_is_what_its_tag_and_its_profile_say_together(
    tmp_path: Path, tags: dict[str, str], role: str, name: str | None
) -> None:
    assert loaded(tmp_path, tenants=True).name_of(machine(tags, role)) == name


def test_without_tenants_no_group_gives_a_name(admission: ModuleType) -> None:
    group = {"aws:autoscaling:groupName": "eco2-prod-tenants-asg"}
    assert admission.name_of(machine(group, "tenant")) is None


def test_the_master_is_never_awaited(admission: ModuleType) -> None:
    assert admission.awaited({}, {"k8s-master": "i-0other", "k8s-api-auth": "i-0own"}) == {"k8s-api-auth": "i-0own"}


def request(
    *names: tuple[x509.ObjectIdentifier, str], together: bool = False, places: Sequence[x509.GeneralName] = ()
) -> str:
    attributes = [x509.NameAttribute(kind, value) for kind, value in names]
    parts = (
        [RelativeDistinguishedName(attributes)]
        if together
        else [RelativeDistinguishedName([one]) for one in attributes]
    )
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    if places:
        made = made.add_extension(x509.SubjectAlternativeName(places), critical=False)
    signed = made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


NODES, OWN = (NameOID.ORGANIZATION_NAME, "system:nodes"), (NameOID.COMMON_NAME, "system:node:k8s-api-auth")


@pytest.mark.parametrize(
    ("names", "together", "good"),
    [
        ((NODES, OWN), False, True),
        ((OWN, NODES), False, False),
        ((NODES, OWN), True, False),
        ((NODES, (NameOID.COMMON_NAME, "system:node:k8s-master")), False, False),
        ((NODES, (NameOID.COMMON_NAME, "system:node:k8s-master"), OWN), False, False),
        ((NODES, OWN, (NameOID.COMMON_NAME, "system:node:k8s-master")), False, False),
        (((NameOID.ORGANIZATION_NAME, "system:masters"), NODES, OWN), False, False),
        (((NameOID.ORGANIZATION_NAME, "system:masters"), OWN), False, False),
        (((NameOID.COMMON_NAME, "system:node:k8s-api-auth,O=system:nodes"),), False, False),
        ((NODES, (NameOID.COMMON_NAME, "system:node:k8s-api-auth\\0k8s-master")), False, False),
        ((NODES, (NameOID.COMMON_NAME, "system:node:k8s-api-auth2")), False, False),
    ],
    ids=["own", "in another order", "in one part", "master", "master first", "master last", "masters too", "masters",
         "with a comma", "with an end", "longer"],
)  # fmt: skip
def test_only_the_very_subject_is_approved(
    admission: ModuleType, names: tuple[tuple[x509.ObjectIdentifier, str], ...], together: bool, good: bool
) -> None:
    spec = {"groups": ["system:bootstrappers", GROUP], "request": request(*names, together=together)}
    assert (admission.objection(spec, {"k8s-api-auth": "i-0own"}) is None) is good


@pytest.mark.parametrize(
    "groups",
    [
        [],
        ["system:bootstrappers", "system:bootstrappers:eco2"],
        ["system:bootstrappers:eco2:k8s-api-auth:i-0lost"],
        [GROUP, "system:bootstrappers:eco2:k8s-redis:i-0redis"],
    ],
    ids=["none", "everybody's", "of the machine before", "two"],
)
def test_a_token_of_no_one_machine_is_worth_nothing(admission: ModuleType, groups: list[str]) -> None:
    wanted = {"k8s-api-auth": "i-0own", "k8s-redis": "i-0redis"}
    assert admission.objection({"groups": groups, "request": request(NODES, OWN)}, wanted)


NODE = {"metadata": {"name": "k8s-api-auth"}, "spec": {"providerID": "aws:///ap-northeast-2a/i-0own"}}
INSTANCE = {
    "InstanceId": "i-0own",
    "PrivateIpAddress": "10.2.32.7",
    "PrivateDnsName": "ip-10-2-32-7.internal",
    "PublicDnsName": "",
}
PLACES = (x509.DNSName("k8s-api-auth"), x509.DNSName("ip-10-2-32-7.internal"), x509.IPAddress(IPv4Address("10.2.32.7")))


def to_serve(**changes: Any) -> dict[str, Any]:
    """What a kubelet asks for: its request, and what the API server writes beside it."""
    return {
        "username": "system:node:k8s-api-auth", "groups": ["system:nodes", "system:authenticated"],
        "usages": ["digital signature", "server auth"], "request": request(NODES, OWN, places=PLACES), **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"usages": ["key encipherment", "digital signature", "server auth"]}, None),
        ({"request": request(NODES, OWN, places=PLACES[2:])}, None),
        ({"username": "system:node:k8s-redis"}, "no node whose machine EC2 has"),
        ({"username": "system:serviceaccount:argocd:k8s-api-auth"}, "no node whose machine EC2 has"),
        ({"groups": ["system:authenticated"]}, "no node whose machine EC2 has"),
        ({"request": request(NODES, (NameOID.COMMON_NAME, "system:node:k8s-redis"), places=PLACES)}, "asks for another"),
        ({"request": request((NameOID.ORGANIZATION_NAME, "system:masters"), OWN, places=PLACES)}, "asks for another"),
        ({"request": request(NODES, OWN)}, "is not reached at what it asks for"),
        ({"request": request(NODES, OWN, places=[*PLACES, x509.DNSName("k8s-redis")])}, "is not reached at DNS:k8s-redis"),
        ({"usages": ["digital signature"]}, "asks to use it for digital signature"),
        ({"usages": ["digital signature", "server auth", "client auth"]}, "client auth"),
    ],
    ids=["own", "by RSA", "address alone", "another's", "an account", "no node's group", "another's name", "masters",
         "nowhere", "another's place", "not to serve", "as a client too"],
)  # fmt: skip
def test_a_kubelet_serves_as_itself_where_ec2_has_it(
    admission: ModuleType, changes: dict[str, Any], said: str | None
) -> None:
    places = admission.places_of([INSTANCE])
    own = admission.own_places({"k8s-api-auth": NODE}, {"k8s-api-auth": "i-0own"}, places)
    found = admission.serving_objection(to_serve(**changes), own)
    assert found is None if said is None else said in found


@pytest.mark.parametrize(
    ("nodes", "machines"),
    [({}, {"k8s-api-auth": "i-0own"}), ({"k8s-api-auth": NODE}, {}), ({"k8s-api-auth": NODE}, {"k8s-api-auth": "i-0new"})],
    ids=["no Node object", "no machine", "another machine"],
)  # fmt: skip
def test_a_node_that_is_not_the_machine_that_ec2_has_serves_nowhere(
    admission: ModuleType, nodes: dict[str, Any], machines: dict[str, str]
) -> None:
    assert admission.own_places(nodes, machines, {"i-0own": {"DNS:a"}, "i-0new": {"DNS:b"}}) == {}


@pytest.mark.parametrize(
    ("minutes", "parameter", "anew"), [(20, True, False), (9, True, True), (20, False, True), (-1, True, True)]
)
def test_a_token_is_replaced_before_it_is_too_old_to_join_with(
    admission: ModuleType, monkeypatch: pytest.MonkeyPatch, minutes: int, parameter: bool, anew: bool
) -> None:
    until = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(admission, "read_tokens", lambda: [(GROUP, "bootstrap-token-abcdef", until)])
    monkeypatch.setattr(admission, "read_parameters", lambda: {"i-0own"} if parameter else set())
    done: list[tuple[str, ...]] = []
    monkeypatch.setattr(admission, "aws", lambda *words: done.append(words[:2]))
    monkeypatch.setattr(admission, "kubectl", lambda *words: done.append(words[:2]))
    monkeypatch.setattr(admission, "write_hand_over", lambda name, instance, until: done.append((name, instance)))
    admission.hand_over({"k8s-api-auth": "i-0own"})
    assert (("k8s-api-auth", "i-0own") in done) is anew
    assert (("delete", "secret") in done) is anew
    assert (("ssm", "delete-parameter") in done) is (anew and parameter)


def test_what_a_program_says_when_it_fails_is_shown_and_not_a_traceback(
    admission: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "connection refused")
    monkeypatch.setattr(admission.subprocess, "run", lambda *words, **more: failed)
    assert admission.main() == 1
    assert "eco2: FAILED: kubectl --kubeconfig" in (said := capsys.readouterr().out)
    assert "connection refused" in said
