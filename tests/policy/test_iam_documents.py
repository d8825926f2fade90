"""IAM documents come out in one shape, whatever their spelling."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pulumi_policy.proxy import unknown_checking_proxy

from policy.iam_documents import Statement, account_of, statements


def one(**raw: Any) -> Statement:
    (found,) = statements(json.dumps({"Statement": {"Effect": "Allow", **raw}}))
    return found


def test_text_lists_and_a_single_statement_mean_the_same() -> None:
    raw = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    spelt = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]}
    assert statements(json.dumps({"Statement": raw})) == statements(json.dumps({"Statement": [spelt]}))
    assert statements(unknown_checking_proxy({"Statement": [spelt]})) == statements(json.dumps({"Statement": raw}))


def test_no_document_has_no_statements() -> None:
    assert statements(None) == statements("") == ()


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["111122223333", "*"]}])
def test_everybody_is_known_in_all_spellings(principal: Any) -> None:
    assert one(Principal=principal).is_for_anybody
    assert not one(Principal={"AWS": "111122223333"}).is_for_anybody


def test_wildcards_and_case_are_seen_through() -> None:
    assert one(Action="iam:Put*").grants("iam:PutRolePolicy")
    assert one(Action="IAM:putrolepolicy").grants("iam:PutRolePolicy")
    assert not one(Action="iam:Get*").grants("iam:PutRolePolicy")
    assert not one(Effect="Deny", Action="*").grants("iam:PutRolePolicy")


@pytest.mark.parametrize(
    ("operator", "demands"),
    [
        ("StringEquals", True),
        ("StringLike", True),
        ("ArnLike", True),
        ("Bool", True),
        ("ForAnyValue:StringEquals", True),
        ("StringEqualsIfExists", False),
        ("StringNotEquals", False),
        ("ForAllValues:StringEquals", False),
        ("Null", False),
    ],
)
def test_a_condition_counts_if_it_demands_a_value(operator: str, demands: bool) -> None:
    """`…IfExists` and `ForAllValues` hold for a request that has no such key."""
    statement = one(Condition={operator: {"AWS:SourceAccount": "1"}})
    assert statement.condition("aws:SourceAccount") == (("1",) if demands else ())
    assert statement.is_bound_by("aws:SourceAccount") is demands


def test_a_condition_on_any_value_binds_nothing() -> None:
    assert not one(Condition={"StringLike": {"aws:ResourceTag/System": "*"}}).is_bound_by("aws:ResourceTag/")
    assert one(Condition={"StringLike": {"aws:ResourceTag/System": "eco2"}}).is_bound_by("aws:ResourceTag/")


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("arn:aws:iam::111122223333:role/path/name", "111122223333"),
        ("arn:aws-cn:ec2:cn-north-1:111122223333:vpc-endpoint/vpce-1", "111122223333"),
        ("arn:aws:s3:::bucket/key", ""),
        ("111122223333", ""),
        ("None", ""),
        ("*", ""),
    ],
)
def test_an_arn_says_whose_account_it_is_in(text: str, account: str) -> None:
    assert account_of(text) == account
