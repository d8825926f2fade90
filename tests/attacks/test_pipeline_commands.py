"""What wealist's pipeline does, command by command, against its role: all of its own, and nothing of its neighbours'.

The commands are those of the workflows in OrangesCloud/wealist-project (`cd-prod-*.yml`, `ci-prod-*.yml`, `frontend-deploy.yml`;
read 2026-11-28), with this project's names. Each is followed by what the AWS CLI asks for it.
"""

from __future__ import annotations

import pytest

from rehearsal.recording import Recording
from tests.iam import policies_of
from tests.stacks import ACCOUNT, REGION
from tests.witness.iam_actions import action

ROLE = "wealist-prod-github-actions-role"
TAGGED = {"ssm:resourceTag/Name": "wealist-prod-backend"}


def arn(service: str, path: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{path}"


PUSH = (
    "BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage",
    "BatchGetImage",
)  # fmt: skip
RELEASED = "user-service"
GROUP = f"deploymentgroup:wealist-prod-{RELEASED}/wealist-prod-{RELEASED}"
COMMANDS: dict[str, list[tuple[str, str]]] = {
    "aws ecr get-login-password": [("ecr:GetAuthorizationToken", "*")],
    "docker push …/wealist-prod-user-service:SHA": [
        (f"ecr:{one}", arn("ecr", f"repository/wealist-prod-{RELEASED}")) for one in PUSH
    ],
    "aws s3 cp user-service.zip s3://wealist-codedeploy-artifacts/user-service/": [
        ("s3:PutObject", f"arn:aws:s3:::wealist-codedeploy-artifacts/{RELEASED}/{RELEASED}-0123456.zip")
    ],
    "aws deploy create-deployment": [
        ("codedeploy:CreateDeployment", arn("codedeploy", GROUP)),
        ("codedeploy:GetDeploymentConfig", arn("codedeploy", "deploymentconfig:CodeDeployDefault.OneAtATime")),
        ("codedeploy:RegisterApplicationRevision", arn("codedeploy", f"application:wealist-prod-{RELEASED}")),
    ],
    "aws deploy wait deployment-successful": [("codedeploy:GetDeployment", arn("codedeploy", GROUP))],
    "aws ssm put-parameter --name /wealist/prod/version/user_service": [
        ("ssm:PutParameter", arn("ssm", "parameter/wealist/prod/version/user_service"))
    ],
    "aws ssm get-parameter --name /wealist/prod/version/user_service": [
        ("ssm:GetParameter", arn("ssm", "parameter/wealist/prod/version/user_service"))
    ],
    "aws ec2 describe-instances": [("ec2:DescribeInstances", "*")],
    "aws ssm send-command": [
        ("ssm:SendCommand", arn("ssm", "document/wealist-prod-database-init")),
        ("ssm:SendCommand", arn("ec2", "instance/i-0123456789abcdef0")),
    ],
    "aws ssm get-command-invocation": [("ssm:GetCommandInvocation", "*")],
    "aws s3 sync build s3://wealist-frontend/ --delete": [
        ("s3:ListBucket", "arn:aws:s3:::wealist-frontend"),
        ("s3:PutObject", "arn:aws:s3:::wealist-frontend/index.html"),
        ("s3:DeleteObject", "arn:aws:s3:::wealist-frontend/assets/old.js"),
    ],
    "aws cloudfront create-invalidation": [("cloudfront:CreateInvalidation", "DISTRIBUTION")],
}
OUT_OF_REACH = (
    ("s3:ListBucket", "arn:aws:s3:::wealist-app-resources"),
    ("s3:PutObject", "arn:aws:s3:::wealist-dev-frontend/index.html"),
    ("s3:PutBucketPolicy", "arn:aws:s3:::wealist-frontend"),
    ("ssm:PutParameter", arn("ssm", "parameter/wealist/dev/version/user_service")),
    # Root on any machine, with any command.
    ("ssm:SendCommand", f"arn:aws:ssm:{REGION}::document/AWS-RunShellScript"),
    ("ssm:StartSession", arn("ec2", "instance/i-0123456789abcdef0")),
    ("codedeploy:CreateDeployment", arn("codedeploy", "deploymentgroup:wealist-dev-user-service/x")),
    ("ecr:PutImage", arn("ecr", "repository/eco2-prod-ext-authz")),
    ("cloudfront:UpdateDistribution", "DISTRIBUTION"),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/wealist-prod-ec2-role"),
)


def may(prod: Recording, asked: str, resource: str) -> bool:
    (distribution,) = [
        one for one in prod.of("aws:cloudfront/distribution:Distribution") if one.name == "wealist-site-distribution"
    ]
    where = resource.replace("DISTRIBUTION", str(distribution.outputs["arn"]))
    return policies_of(prod, ROLE).allow(asked, where, TAGGED if ":instance/" in where else {})


@pytest.mark.parametrize("command", COMMANDS)
def test_the_pipeline_may_do_what_its_workflows_do(prod: Recording, command: str) -> None:
    assert [one for one in COMMANDS[command] if not may(prod, *one)] == []


@pytest.mark.parametrize(("asked", "resource"), OUT_OF_REACH)
def test_the_pipeline_may_do_no_more(prod: Recording, asked: str, resource: str) -> None:
    assert not may(prod, asked, resource)


def test_a_command_goes_to_the_systems_own_machines_alone(prod: Recording) -> None:
    machine = arn("ec2", "instance/i-0123456789abcdef0")
    assert not policies_of(prod, ROLE).allow("ssm:SendCommand", machine, {"ssm:resourceTag/Name": "eco2-prod-master"})


def test_what_is_asked_are_actions_of_aws() -> None:
    asked = {one for requests in (*COMMANDS.values(), OUT_OF_REACH) for one, _ in requests}
    without_level = {one for one in asked if not action(one).kinds}
    assert without_level == {"ecr:GetAuthorizationToken", "ec2:DescribeInstances", "ssm:GetCommandInvocation"}
