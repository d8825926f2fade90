"""What the policies and the program take for granted of IAM's actions is what AWS says."""

from __future__ import annotations

import re

import pytest

from policy.rules.aws_access import WITHOUT_RESOURCE_LEVEL
from tests.witness.iam_actions import action, matching

ONLY_TELLS_HOW_IT_IS_SET_UP = {"ec2:GetSecurityGroupsForVpc", "wafv2:GetWebACL", "wafv2:GetWebACLForResource"}
ITSELF = {"ssm:UpdateInstanceInformation"}
"""What the agent says of its own machine."""


def test_actions_that_may_have_every_resource_have_no_resource_level() -> None:
    wildcards = (r"\w+:(Describe|List)\w*", r"(ssmmessages|ec2messages):\w+")
    named = {
        one.name
        for pattern in WITHOUT_RESOURCE_LEVEL
        if pattern not in wildcards
        for one in matching(f"{pattern.split(':')[0]}:*")
        if re.fullmatch(pattern, one.name)
    }
    assert len(named) > 14
    assert {one for one in named if action(one).kinds} == ONLY_TELLS_HOW_IT_IS_SET_UP | ITSELF


def test_messages_of_the_agent_have_no_resource_level() -> None:
    assert {
        one.name for service in ("ssmmessages", "ec2messages") for one in matching(f"{service}:*") if one.kinds
    } == set()


@pytest.mark.parametrize("name", ["ec2:Nothing", "nothing:Get*", "s3:GetObjects"])
def test_an_action_that_aws_does_not_have_is_an_error(name: str) -> None:
    with pytest.raises(LookupError):
        matching(name)
