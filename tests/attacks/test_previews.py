"""A pull request's own code runs in a preview, with the preview's role: whatever it tries, there is no secret to take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal.recording import Recording
from rehearsal.stack_file import KUBECONFIG
from rehearsal.stood_in import STAND_IN, imported, without_encryption
from rehearsal.values import Secret, reveal
from tests.iam import policies_of
from tests.rehearsal.command_line import CommandLine, command_line
from tests.stacks import ACCOUNT, REGION, stack_file

SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
ROLES = ("preview", "drift")


class TestTheRoles:
    """By IAM's rules, over all that each is allowed and denied."""

    @pytest.mark.parametrize("stack", ["dev", "prod"])
    @pytest.mark.parametrize("role", ROLES)
    def test_they_read_the_state_and_open_nothing_with_any_key(self, request: Any, role: str, stack: str) -> None:
        may = policies_of(request.getfixturevalue(stack), f"delivery-{stack}-{role}")
        file = f"arn:aws:s3:::edge-platform-state-example/.pulumi/stacks/edge-platform/{stack}.json"
        assert may.allow("s3:GetObject", file)
        for action in ("kms:Decrypt", "kms:ReEncryptFrom", "kms:GenerateDataKey"):
            for alias in (f"alias/edge-platform-state-{stack}", f"alias/eco2-{stack}", "alias/anybodys"):
                key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/6d1c"
                assert not may.allow(action, key, {"kms:ResourceAliases": [alias]}), (action, alias)

    @pytest.mark.parametrize("role", ROLES)
    def test_no_secret_of_the_stack_is_theirs(self, prod: Recording, role: str) -> None:
        may = policies_of(prod, f"delivery-prod-{role}")
        parameters = [one.outputs["arn"] for one in prod.of("aws:ssm/parameter:Parameter")]
        assert len(parameters) > 50
        for arn in parameters:
            assert not any(
                may.allow(f"ssm:{action}", arn) for action in ("GetParameter", "GetParameters", "GetParameterHistory")
            )
        (master,) = prod.one("Instance", "wealist-database-instance").outputs["masterUserSecrets"]
        assert not may.allow("secretsmanager:GetSecretValue", master["secretArn"])


def secrets_in(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Secret):
        yield path, value.value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from secrets_in(one, f"{path}.{key}")
    elif isinstance(value, list):
        for one in value:
            yield from secrets_in(one, path)


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_every_secret_goes_on_as_it_is(request: Any, stack: str) -> None:
    """So that one stand-in for all changes nothing in a preview; what is put together of secrets would show as changed."""
    recording: Recording = request.getfixturevalue(stack)
    drawn = {reveal(one.outputs["result"]) for one in recording.of("random:index/randomPassword:RandomPassword")}
    known = {*drawn, *stack_file(stack).config.values()}
    found = [(one.name, path, value) for one in recording for path, value in secrets_in(one.inputs)]
    assert len(found) > 20
    assert [(name, path) for name, path, value in found if value not in known] == []


class TestTheFileAndTheState:
    def test_nothing_is_encrypted_in_the_file(self) -> None:
        content = {
            "secretsprovider": "awskms://alias/x",
            "encryptedkey": "AQ==",
            "config": {
                "shop:plain": {"cidr": "10.0.0.0/16"},
                "shop:token": {"secure": "v1:a"},
                "shop:kubeconfig": {"secure": "v1:b"},
                "shop:deep": {"list": [{"secure": "v1:c"}]},
            },
        }
        assert without_encryption(content) == {
            "config": {
                "shop:plain": {"cidr": "10.0.0.0/16"},
                "shop:token": STAND_IN,
                "shop:kubeconfig": json.dumps(KUBECONFIG),
                "shop:deep": {"list": [STAND_IN]},
            }
        }

    def test_nothing_is_encrypted_in_the_state_by_the_key_that_it_had(self) -> None:
        sealed = {SIGNATURE: SECRET, "ciphertext": "v1:sealed"}
        resource = {"urn": "u", "inputs": {"value": sealed, "kubeconfig": sealed, "list": [sealed], "name": "n"}}
        saved = {
            "version": 3,
            "checkpoint": {
                "latest": {"secrets_providers": {"type": "cloud"}, "resources": [resource], "pending_operations": []}
            },
        }
        made = imported(saved, {"deployment": {"secrets_providers": {"type": "passphrase"}}})
        assert made["deployment"]["secrets_providers"] == {"type": "passphrase"}
        assert "sealed" not in json.dumps(made)
        inputs = made["deployment"]["resources"][0]["inputs"]
        assert inputs["list"] == [{SIGNATURE: SECRET, "plaintext": json.dumps(STAND_IN)}]
        assert json.loads(json.loads(inputs["kubeconfig"]["plaintext"])) == KUBECONFIG
        assert inputs["name"] == "n"


PROGRAM = """
import pulumi
import pulumi_aws as aws
import pulumi_random as random

config = pulumi.Config()
password = random.RandomPassword("password", length=24, special=False)
aws.ssm.Parameter("password", name="/shop/password", type="SecureString", value=pulumi.Output.secret(password.result))
aws.ssm.Parameter("token", name="/shop/token", type="SecureString", value=config.require_secret("shop-token"))
aws.ssm.Parameter("plain", name="/shop/plain", type="String", insecure_value=config.require("shop-plain"))
pulumi.export("password", password.result)
"""
TOKEN = "token-that-must-not-show"
AWS = """#!/usr/bin/env bash
[[ "$1 $2 $3" == "s3 cp --only-show-errors" ]] || exit 2
cp "$BUCKET/${4#s3://the-state/}" "$5"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A stack that stands, with its secrets under a passphrase that is not a preview's."""
    with command_line(tmp_path_factory.mktemp("previews"), PROGRAM) as made:
        (made.project / "Pulumi.prod.yaml").write_text(
            "config:\n  aws:region: ap-northeast-2\n  edge-platform:shop-plain: open\n"
        )
        made.succeed("pulumi stack init prod")
        made.succeed("pulumi config set -s prod --secret shop-token", stdin=TOKEN)
        made.succeed("pulumi up -s prod --yes --skip-preview")
        aws = made.project.parent / "bin/aws"
        aws.write_text(AWS)
        aws.chmod(0o755)
        yield made


def stand_in(shop: CommandLine, folder: Path) -> CommandLine:
    """The same machine as a job finds it: the repository's file, and a role that reads the bucket."""
    mine = {
        **shop.environment,
        "BUCKET": str(shop.project.parent / "backend"),
        "GITHUB_ENV": str(folder / "env"),
        "PULUMI_CONFIG_PASSPHRASE": "not that one",
    }
    job = CommandLine(project=shop.project, cloud=shop.cloud, environment=mine)
    scripts = Path(__file__).parents[2] / ".github/scripts"
    job.succeed(f"{scripts}/stand_in.sh prod 's3://the-state?region=ap-northeast-2' {folder}/state")
    told = dict(line.split("=", 1) for line in (folder / "env").read_text().splitlines())
    return CommandLine(project=shop.project, cloud=shop.cloud, environment={**mine, **told})


@pytest.fixture(scope="module")
def job(shop: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandLine, Path]:
    folder = tmp_path_factory.mktemp("job")
    return stand_in(shop, folder), folder


@pytest.mark.verify
class TestOnTheEngine:
    """stand_in.sh with the real engine and the real command line: a state that is opened by nobody."""

    def test_a_preview_finds_nothing_changed(self, job: tuple[CommandLine, Path]) -> None:
        said = job[0].succeed("pulumi preview -s prod --expect-no-changes --diff --non-interactive")
        assert "unchanged" in said

    def test_and_what_is_changed(self, job: tuple[CommandLine, Path]) -> None:
        line, _ = job
        file = line.project / "Pulumi.prod.yaml"
        before = file.read_text()
        file.write_text(before.replace("shop-plain: open", "shop-plain: wide open"))
        done = line("pulumi preview -s prod --expect-no-changes --diff --non-interactive")
        file.write_text(before)
        assert done.returncode != 0
        assert "wide open" in done.stdout + done.stderr
        assert "/shop/token" not in done.stdout + done.stderr, "what did not change is not told"

    def test_drift_finds_nothing_either(self, job: tuple[CommandLine, Path]) -> None:
        job[0].succeed(
            "pulumi refresh -s prod --preview-only --expect-no-changes --non-interactive"
            " --exclude '**aws:ssm/parameter:Parameter**'"
        )

    def test_no_secret_is_anywhere_near_it(self, job: tuple[CommandLine, Path]) -> None:
        ssm = boto3.client("ssm", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
        names = ("/shop/password", "/shop/token")
        secrets = [ssm.get_parameter(Name=one, WithDecryption=True)["Parameter"]["Value"] for one in names]
        assert (len(secrets[0]), secrets[1]) == (24, TOKEN)
        line, folder = job
        told = line.succeed("pulumi stack export -s prod --show-secrets")
        files = [path.read_bytes().decode(errors="replace") for path in folder.rglob("*") if path.is_file()]
        texts = [told, (line.project / "Pulumi.prod.yaml").read_text(), *files]
        assert len(files) > 4
        assert [secret for secret in secrets for text in texts if secret in text] == []
        assert STAND_IN in told

    def test_what_the_bucket_has_is_closed_to_it(self, job: tuple[CommandLine, Path], shop: CommandLine) -> None:
        """The same file, without what stands in: the engine asks for the key."""
        line, _ = job
        outside = {
            "PULUMI_BACKEND_URL": shop.environment["PULUMI_BACKEND_URL"],
            "PULUMI_CONFIG_PASSPHRASE": "not that one",
        }
        thief = CommandLine(project=line.project, cloud=line.cloud, environment={**line.environment, **outside})
        done = thief("pulumi stack export -s prod --show-secrets")
        assert done.returncode != 0
        assert TOKEN not in done.stdout + done.stderr
