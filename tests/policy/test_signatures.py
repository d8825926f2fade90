"""Images' signatures, by real programs: cosign as the deployment asks it, and Kyverno as it stands before the pods of `gateway`.

Images and signatures are in a registry on loopback. The policy is prod's, with that registry in the place of the account's and a
key of which the private half is at hand in the place of the stack file's; nothing else of it is changed.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from rehearsal.recording import Recording
from tests.mesh.manifests import Manifest, pod_of
from tests.mesh.processes import Program, wait_until
from tests.policy.as_code import ROWS, origin, rendered
from tests.policy.kyverno_files import kyverno
from tests.ports import free_port
from tests.tools import required_tool
from tools.signatures import unsigned

pytestmark = pytest.mark.judges

RULE = "kubernetes-image-signed"
WALLET, TRADING, ELSEWHERE = "exchange-prod-svc-wallet", "exchange-prod-svc-trading-api", "exchange-prod-svc-wallet-2"
LEGACY = ("--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false")
BUNDLE = ("--use-signing-config=false", "--tlog-upload=false")
"""Two forms in which cosign 3 leaves a signature: a tag beside the image, as cosign 2 does, and a bundle that refers to it."""


@dataclass(frozen=True)
class Key:
    """A pair of cosign's."""

    private: Path
    public: str


@dataclass
class Registry:
    """On loopback; what is pushed and signed is there until its end."""

    address: str
    folder: Path

    def image(self, repository: str, what: str) -> str:
        """A new image that has something of its own, by its digest."""
        layer = self.folder / f"{what}.txt"
        layer.write_text(what)
        archive = self.folder / f"{what}.tar"
        subprocess.run(["tar", "cf", archive, "-C", self.folder, layer.name], check=True)
        tag = f"{self.address}/{repository}:{what}"
        self.crane("append", "--new_layer", archive, "--new_tag", tag)
        return f"{tag}@{self.crane('digest', tag).strip()}"

    def crane(self, *words: str | Path) -> str:
        return _said(required_tool("crane"), *words)

    def sign(self, image: str, key: Key, *how: str) -> str:
        self.cosign("sign", "--yes", "--key", key.private, *how, image)
        return image

    def cosign(self, *words: str | Path) -> str:
        return _said(required_tool("cosign"), *words)


def _said(*command: str | Path) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "COSIGN_PASSWORD": "", "CI": "true"}
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_port()}"
    program = Program([required_tool("crane"), "registry", "serve", "--address", address], folder / "registry.log")
    try:
        wait_until(lambda: "serving" in program.text(), f"the registry to serve: {program.text()}")
        yield Registry(address, folder)
    finally:
        program.stop()


def made(folder: Path) -> Key:
    folder.mkdir()
    subprocess.run(
        [required_tool("cosign"), "generate-key-pair", "--output-key-prefix", folder / "cosign"],
        check=True, capture_output=True, env={**os.environ, "COSIGN_PASSWORD": ""},
    )  # fmt: skip
    return Key(folder / "cosign.key", (folder / "cosign.pub").read_text())


@pytest.fixture(scope="module")
def ours(registry: Registry) -> Key:
    return made(registry.folder / "ours")


@pytest.fixture(scope="module")
def former(registry: Registry) -> Key:
    """The one before, while it is changed."""
    return made(registry.folder / "former")


@pytest.fixture(scope="module")
def strangers(registry: Registry) -> Key:
    return made(registry.folder / "strangers")


@pytest.fixture(scope="module")
def good(registry: Registry, ours: Key, former: Key) -> dict[str, str]:
    return {
        "signed, beside it": registry.sign(registry.image(WALLET, "beside"), ours, *LEGACY),
        "signed, in a bundle": registry.sign(registry.image(WALLET, "bundle"), ours, *BUNDLE),
        "signed by the former key": registry.sign(registry.image(TRADING, "former"), former, *BUNDLE),
        "signed by a stranger, and by us": registry.sign(
            registry.sign(registry.image(WALLET, "both"), made(registry.folder / "third"), *BUNDLE), ours, *BUNDLE
        ),
    }


@pytest.fixture(scope="module")
def bad(registry: Registry, ours: Key, strangers: Key) -> dict[str, str]:
    swapped, signed = registry.image(WALLET, "swapped"), registry.sign(registry.image(WALLET, "as-such"), ours, *LEGACY)
    # A signature that is good, put beside another image.
    to = f"{swapped.partition(':')[0]}:{swapped.split(':')[1].partition('/')[0]}"
    assert to == registry.address
    tags = [one.rpartition("@")[2].replace(":", "-") + ".sig" for one in (signed, swapped)]
    registry.crane("copy", f"{registry.address}/{WALLET}:{tags[0]}", f"{registry.address}/{WALLET}:{tags[1]}")
    attested = registry.image(WALLET, "attested")
    predicate = registry.folder / "predicate.json"
    predicate.write_text("{}")
    registry.cosign(
        "attest", "--yes", "--key", strangers.private, "--predicate", predicate, *BUNDLE, attested
    )  # fmt: skip
    return {
        "not signed": registry.image(WALLET, "unsigned"),
        "signed by a stranger, beside it": registry.sign(registry.image(WALLET, "strange-1"), strangers, *LEGACY),
        "signed by a stranger, in a bundle": registry.sign(registry.image(WALLET, "strange-2"), strangers, *BUNDLE),
        "with another image's signature": swapped,
        "vouched for by a stranger's attestation": attested,
        "that is not there": f"{registry.address}/{WALLET}:gone@sha256:{'0' * 64}",
    }


def keys(*found: Key) -> dict[str, str]:
    return {f"key-{number}": one.public for number, one in enumerate(found)}


@pytest.fixture(scope="module")
def objects(prod: Recording) -> list[Manifest]:
    return rendered(prod)


class TestCosign:
    """Before a stack is changed: `python -m tools.signatures`."""

    def test_what_the_keys_signed_passes(self, good: Mapping[str, str], ours: Key, former: Key) -> None:
        assert unsigned(required_tool("cosign"), good.values(), keys(ours, former)) == []

    def test_everything_else_is_named(self, bad: Mapping[str, str], ours: Key, former: Key) -> None:
        said = unsigned(required_tool("cosign"), bad.values(), keys(ours, former))
        assert [line.partition(": not signed by key-0 or key-1: ")[0] for line in said] == [*bad.values()]

    def test_a_key_that_is_gone_signs_nothing_any_more(self, good: Mapping[str, str], ours: Key) -> None:
        said = unsigned(required_tool("cosign"), good.values(), keys(ours))
        assert [line.partition(": not signed")[0] for line in said] == [good["signed by the former key"]]


class TestKyverno:
    """At the door of `gateway`."""

    @pytest.fixture
    def policies(self, objects: list[Manifest], registry: Registry, ours: Key, former: Key, tmp_path: Path) -> Path:
        return self.policy(objects, registry, tmp_path, ours, former)

    @staticmethod
    def policy(objects: list[Manifest], registry: Registry, folder: Path, *signers: Key) -> Path:
        """Prod's, in a folder of its own."""
        (found,) = [one for one in objects if one["metadata"]["name"] == RULE]
        found = copy.deepcopy(found)
        for one in found["spec"]["matchImageReferences"]:
            one["glob"] = f"{registry.address}/{one['glob'].partition('/')[2]}"
        (signer,) = found["spec"]["attestors"]
        found["spec"]["attestors"] = [
            {**signer, "name": name, "cosign": {**signer["cosign"], "key": {"data": key}}}
            for name, key in keys(*signers).items()
        ]
        (validation,) = found["spec"]["validations"]
        names = ", ".join(f"attestors[{json.dumps(name)}]" for name in keys(*signers))
        before = f"attestors[{json.dumps(signer['name'])}]"
        assert before in validation["expression"]
        validation["expression"] = validation["expression"].replace(before, names)
        (folder / "policies").mkdir()
        (folder / "policies/signed.yaml").write_text(json.dumps(found))
        return folder / "policies"

    @staticmethod
    def pod(objects: list[Manifest], image: str) -> Manifest:
        """One of the wallet's, with that image."""
        row = next(row for row in ROWS if row.object.startswith("workload/"))
        made = copy.deepcopy(pod_of(origin(row, objects)) or {})
        made["spec"]["containers"][0]["image"] = image
        return made

    def test_pods_with_signed_images_are_taken(
        self, objects: list[Manifest], good: Mapping[str, str], policies: Path, tmp_path: Path
    ) -> None:
        pods = {what: self.pod(objects, image) for what, image in good.items()}
        assert kyverno(policies, pods, tmp_path / "pods", "--registry") == {what: set() for what in good}

    def test_all_others_are_refused(
        self, objects: list[Manifest], bad: Mapping[str, str], policies: Path, tmp_path: Path
    ) -> None:
        for number, (what, image) in enumerate(bad.items()):
            undecided = "refused" if what == "that is not there" else "never"
            pods = {what: self.pod(objects, image)}
            found = kyverno(policies, pods, tmp_path / str(number), "--registry", undecided=undecided)
            assert found == {what: {RULE}}

    def test_while_the_registry_is_away_no_pod_is_taken(
        self, objects: list[Manifest], good: Mapping[str, str], policies: Path, tmp_path: Path
    ) -> None:
        there = good["signed, beside it"].partition("/")[0]
        file = policies / "signed.yaml"
        away = f"127.0.0.1:{free_port()}"
        file.write_text(file.read_text().replace(there, away))
        pods = {"away": self.pod(objects, good["signed, beside it"].replace(there, away))}
        found = kyverno(policies, pods, tmp_path / "pods", "--registry", undecided="refused")
        assert found == {"away": {RULE}}

    def test_one_of_several_images_is_enough_to_be_refused(
        self, objects: list[Manifest], good: Mapping[str, str], bad: Mapping[str, str], policies: Path, tmp_path: Path
    ) -> None:
        pods = {}
        for where in ("containers", "initContainers", "ephemeralContainers"):
            pod = self.pod(objects, good["signed, in a bundle"])
            extra = {**pod["spec"]["containers"][0], "name": "extra", "image": bad["not signed"]}
            pod["spec"][where] = [*pod["spec"].get(where, ()), extra]
            pods[where] = pod
        assert kyverno(policies, pods, tmp_path / "pods", "--registry") == {where: {RULE} for where in pods}

    def test_a_signed_image_of_another_repository_is_refused(
        self, objects: list[Manifest], registry: Registry, ours: Key, policies: Path, tmp_path: Path
    ) -> None:
        image = registry.sign(registry.image(ELSEWHERE, "elsewhere"), ours, *BUNDLE)
        pods = {"elsewhere": self.pod(objects, image)}
        assert kyverno(policies, pods, tmp_path / "pods", "--registry") == {"elsewhere": {RULE}}

    def test_the_meshs_proxy_is_not_asked_about_and_nothing_else_is_called_so(
        self, objects: list[Manifest], good: Mapping[str, str], bad: Mapping[str, str], policies: Path, tmp_path: Path
    ) -> None:
        account = "290008131187.dkr.ecr.ap-northeast-2.amazonaws.com"
        proxies = {
            "the proxy": ("istio-proxy", f"{account}/eco2-prod-istio/proxyv2:1.31.1", set()),
            "another name": ("mine", f"{account}/eco2-prod-istio/proxyv2:1.31.1", {RULE}),
            "another image": ("istio-proxy", bad["not signed"], {RULE}),
        }
        pods = {}
        for what, (name, image, _) in proxies.items():
            pods[what] = self.pod(objects, good["signed, in a bundle"])
            extra = {**pods[what]["spec"]["containers"][0], "name": name, "image": image}
            pods[what]["spec"]["initContainers"] = [extra]
        found = kyverno(policies, pods, tmp_path / "pods", "--registry")
        assert found == {what: expected for what, (_, _, expected) in proxies.items()}

    def test_a_key_that_is_gone_signs_nothing_any_more(
        self, objects: list[Manifest], registry: Registry, good: Mapping[str, str], ours: Key, tmp_path: Path
    ) -> None:
        policies = self.policy(objects, registry, tmp_path, ours)
        pods = {what: self.pod(objects, image) for what, image in good.items()}
        found = kyverno(policies, pods, tmp_path / "pods", "--registry")
        assert {what for what, rules in found.items() if rules} == {"signed by the former key"}
