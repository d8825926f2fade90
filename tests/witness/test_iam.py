"""Every IAM document of both stacks, beside AWS's service authorization reference.

IAM takes a policy whose action, resource or condition key does not exist; it only never allows what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import moto
import pytest

from policy.iam_documents import Statement
from policy.rules.aws_access import WITHOUT_RESOURCE_LEVEL
from rehearsal.recording import Recording
from tests.witness.documents import Document, documents
from tests.witness.iam_actions import Action, action, matching, overlap

IN_AWS_POLICIES = {"aws:PrincipalAccount", "aws:PrincipalArn", "aws:ResourceAccount", "aws:SecureTransport"}
OF_SERVICES = {"aws:SourceAccount", "aws:SourceArn"}
"""What a service says of the resource it acts for; `test_cdk.py` has the witness."""

GLOBAL_KEYS = {key.lower() for key in IN_AWS_POLICIES | OF_SERVICES}
"""Keys of every request, which the reference leaves out."""

OF_ISSUERS = ("aud", "sub")
"""Claims of any identity provider's token, under its host; the reference lists some providers' further ones."""

AS_AWS_SAYS = {
    # CloudWatch Logs' guide allows kms:Describe* under the log group's encryption context, which only use of the key carries.
    ("LogGroups", "kms:encryptioncontext:aws:logs:arn", "kms:describekey"),
}


@pytest.fixture(scope="module", params=["dev", "prod"])
def every(request: pytest.FixtureRequest) -> list[Document]:
    recording: Recording = request.getfixturevalue(request.param)
    return list(documents(recording))


def actions(pattern: str) -> tuple[Action, ...]:
    try:
        return matching(pattern)
    except LookupError:
        return ()


def each(every: list[Document]) -> Iterator[tuple[Document, Statement, str, tuple[Action, ...]]]:
    for document in every:
        for one in document.statements:
            for pattern in one.actions:
                if pattern != "*":
                    yield document, one, pattern, actions(pattern)


def test_there_are_documents_of_all_kinds(every: list[Document]) -> None:
    assert len(every) > 60
    assert {document.identity for document in every} == {True, False}
    assert sum(1 for _ in each(every)) > 500


def test_every_action_exists(every: list[Document]) -> None:
    assert {(document.place, pattern) for document, _, pattern, found in each(every) if not found} == set()


def test_every_action_of_a_role_is_on_one_of_its_statements_resources(every: list[Document]) -> None:
    """An action without a resource level is only allowed where the resource is `*`."""
    never = {
        (document.place, pattern)
        for document, one, pattern, found in each(every)
        if document.identity
        and one.resources
        and not any(meant.is_on(resource) for meant in found for resource in one.resources)
    }
    assert never == set()


def test_every_resource_of_a_role_is_one_that_an_action_of_its_statement_is_on(every: list[Document]) -> None:
    idle = {
        (document.place, resource)
        for document in every
        if document.identity
        for one in document.statements
        for resource in one.resources
        if not any(meant.is_on(resource) for pattern in one.actions for meant in actions(pattern))
        and one.actions != ("*",)
    }
    assert idle == set()


def test_every_condition_is_on_a_key_that_requests_for_the_action_carry(every: list[Document]) -> None:
    unknown = {
        (one.sid, key, pattern.lower())
        for _, one, pattern, found in each(every)
        for _, key, _ in one.conditions
        if key not in GLOBAL_KEYS
        and not (pattern == "sts:AssumeRoleWithWebIdentity" and key.rpartition(":")[2] in OF_ISSUERS)
        and not any(meant.knows(key) for meant in found)
    }
    assert unknown == AS_AWS_SAYS


def test_keys_of_every_request_are_those_of_awss_own_policies() -> None:
    text = (Path(moto.__file__).parent / "iam/aws_managed_policies.py").read_text()
    assert {key for key in IN_AWS_POLICIES if f'"{key}"' in text} == IN_AWS_POLICIES


def test_policy_variables_stand_in_conditions_as_in_awss_own_policies(every: list[Document]) -> None:
    """Such as the machine that asks, which a worker's own hand-over is compared with; AWS's own use it outside EC2 too."""
    text = (Path(moto.__file__).parent / "iam/aws_managed_policies.py").read_text()
    used = {
        value
        for document in every
        for one in document.statements
        for _, _, values in one.conditions
        for value in values
        if "${" in value
    }
    assert "${ec2:SourceInstanceARN}" in used
    assert {value for value in used if f'":"{value}"' not in text} == set()
    assert not [one for document in every for one in document.statements if "${" in "".join(one.resources)]


def test_what_the_rule_takes_for_actions_without_a_resource_level_has_none_or_only_tells() -> None:
    """The rule's expressions may name actions that no policy has yet."""
    wide = {
        one.name
        for expression in WITHOUT_RESOURCE_LEVEL
        for one in named_by(expression)
        if one.required and not one.access <= {"Read", "List"}
    }
    assert wide == set()
    assert all(named_by(expression) for expression in WITHOUT_RESOURCE_LEVEL)


def named_by(expression: str) -> list[Action]:
    """The actions that one of the rule's expressions names, of the services that the stacks use."""
    services = "acm autoscaling cloudfront cloudwatch codedeploy ec2 ec2messages ecr elasticache elasticloadbalancing iam kms logs"
    services += " rds route53 s3 sns ssm ssmmessages sts tag wafv2"
    return [one for name in services.split() for one in actions(f"{name}:*") if re.fullmatch(expression, one.name)]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("arn:aws:s3:::site/*", "arn:*:s3:::*/*", True),
        ("arn:aws:s3:::site", "arn:*:s3:::*/*", False),
        ("arn:aws:ec2:*:1:*", "arn:*:ec2:*:*:instance/*", True),
        ("arn:aws:ssm:r:1:parameter/x", "arn:*:ssm:*:*:document/*", False),
    ],
)
def test_overlap(one: str, other: str, both: bool) -> None:
    assert overlap(one, other) is both
    assert overlap(other, one) is both


def test_the_reference_tells_apart() -> None:
    passing = action("iam:PassRole")
    assert passing.knows("iam:PassedToService")
    assert not passing.knows("ec2:Region")
    assert not action("ssm:GetCommandInvocation").is_on("arn:aws:ssm:ap-northeast-2:1:*")
    assert actions("s3:DeleteBucketOwnershipControls") == ()


def test_awss_own_policies_that_roles_have_exist(dev: Recording, prod: Recording) -> None:
    attached = [str(one["policyArn"]) for stack in (dev, prod) for one in stack.of("RolePolicyAttachment")]
    own = {arn.rpartition("/")[2] for arn in attached if arn.startswith("arn:aws:iam::aws:policy/")}
    text = (Path(moto.__file__).parent / "iam/aws_managed_policies.py").read_text()
    assert own
    assert {name for name in own if f'"{name}"' not in text} == set()
