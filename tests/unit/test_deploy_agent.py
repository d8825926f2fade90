"""`make agent`: what AWS serves of CodeDeploy's agent is compared with what is recorded, and nothing is recorded by itself."""

from __future__ import annotations

import hashlib
import json

import pytest

from infra.components.aws.endpoints import aws_owned_buckets
from infra.settings.wealist import DeployAgent
from tools.deploy_agent import NotServed, bucket, main, newest, report

REGION = "ap-northeast-2"
PACKAGE = "codedeploy-agent-1.8.0-12.noarch.rpm"
CONTENT = b"the package"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def fetch(address: str) -> bytes:
    return {
        f"{bucket(REGION)}/latest/VERSION": json.dumps({"rpm": f"releases/{PACKAGE}", "deb": "x"}).encode(),
        f"{bucket(REGION)}/releases/{PACKAGE}": CONTENT,
    }[address]


def test_what_is_not_recorded_is_printed_as_the_commands_that_record_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert report("prod", REGION, None, fetch) == 1
    said = capsys.readouterr().out
    assert f"pulumi config set -s prod --path wealist.backend.codedeploy_agent.package {PACKAGE}\n" in said
    assert f"pulumi config set -s prod --path wealist.backend.codedeploy_agent.sha256 {DIGEST}\n" in said
    assert "second place" in said


def test_what_is_served_as_it_is_recorded_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert report("prod", REGION, DeployAgent(package=PACKAGE, sha256=DIGEST), fetch) == 0
    assert capsys.readouterr().out == f"{PACKAGE}: as recorded\n"


def test_another_package_under_its_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert report("prod", REGION, DeployAgent(package=PACKAGE, sha256="0" * 64), fetch) == 1
    assert f"recorded {'0' * 64}, served {DIGEST}: do not record it" in capsys.readouterr().out


@pytest.mark.parametrize("said", [b"1.8.0", b"{}", b'{"rpm": "../install"}', b"[]"])
def test_an_answer_that_names_no_package_is_told(said: bytes) -> None:
    with pytest.raises(NotServed, match="wanted a JSON object"):
        newest(REGION, lambda _: said)


def test_it_asks_the_bucket_that_machines_reach() -> None:
    name = bucket(REGION).removeprefix("https://").partition(".")[0]
    assert name in aws_owned_buckets(REGION)


@pytest.mark.parametrize("arguments", [[], ["prod", "dev"], ["nowhere"]])
def test_a_stack_that_is_none_is_told(arguments: list[str]) -> None:
    assert main(arguments) == 2
