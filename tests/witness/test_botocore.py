"""What the project says of AWS, beside what AWS's own service models say, as botocore carries them."""

from __future__ import annotations

from typing import Any

import pytest

from infra.components.aws.security_groups import DESCRIPTION, described
from rehearsal.aws.limits import limits
from rehearsal.memory import LIMITING_PROSE
from tests.witness.botocore import member

GROUP = ("ec2", "CreateSecurityGroup", "Description")
RULES = [
    ("ec2", f"AuthorizeSecurityGroup{direction}", f"IpPermissions.{source}.Description")
    for direction in ("Ingress", "Egress")
    for source in ("UserIdGroupPairs", "IpRanges", "PrefixListIds")
]


@pytest.mark.parametrize("place", [GROUP, *RULES], ids=lambda place: ".".join(place[1:]))
def test_what_describes_a_security_group_or_a_rule_is_what_ec2_takes(place: Any) -> None:
    taken = limits(member(*place))
    assert taken.pattern
    characters = [chr(code) for code in range(32, 384)]
    allowed = {one for one in characters if DESCRIPTION.fullmatch(one)}
    assert allowed <= {one for one in characters if taken.pattern.fullmatch(one)}
    assert taken.high == 255
    assert not DESCRIPTION.fullmatch("x" * 256)


def test_rules_take_no_more_than_the_component() -> None:
    taken = limits(member(*RULES[0])).pattern
    assert taken
    assert all(bool(DESCRIPTION.fullmatch(one)) == bool(taken.fullmatch(one)) for one in map(chr, range(32, 384)))


@pytest.mark.parametrize("text", ["The gateway's HTTP", "x" * 256, "a\nb", "é", 'say "no"', "a < b", "50%"])
def test_a_description_that_ec2_refuses_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="EC2 takes no such description"):
        described(text)


def test_the_prose_that_limits_a_value_is_kept() -> None:
    assert [words for words in LIMITING_PROSE if words in member(*GROUP).documentation] == list(LIMITING_PROSE)
