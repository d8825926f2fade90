"""Every embedded AWS type, from its row: what is created is read back, drift is seen, updates hold, deletes leave nothing."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import boto3
import pytest

from rehearsal.aws import SERVICES
from rehearsal.aws.provider import AwsProvider
from rehearsal.provider import State
from tests.rehearsal.aws_rows import BUCKET, ROWS, Nowhere
from tests.rehearsal.conftest import REGION, Prerequisites

DECLARED = {token: kind for service in SERVICES for token, kind in service.types.items()}


def test_every_declared_type_has_a_row() -> None:
    assert ROWS.keys() == DECLARED.keys()


def test_every_changeable_type_has_an_update() -> None:
    updatable = {token for token, kind in DECLARED.items() if kind.update or kind.settle or kind.kept}
    without = updatable - {token for token, row in ROWS.items() if row.update}
    assert without <= {
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",  # its settle calls close it, and take no input
        "aws:ec2/internetGateway:InternetGateway",  # moving it to another VPC is repaired drift, below
        "aws:ec2/route:Route",
        "aws:kms/alias:Alias",
    }


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@pytest.mark.parametrize("token", ROWS)
def test_token_and_inputs_are_those_of_pulumi_aws(token: str) -> None:
    package = importlib.util.find_spec("pulumi_aws")
    assert package is not None
    assert package.submodule_search_locations
    module, name = token.split(":")[1].split("/")
    source = Path(package.submodule_search_locations[0], module, f"{snake(name)}.py").read_text()
    assert f"'{token}'" in source
    inputs = ROWS[token].inputs(Nowhere())
    assert [key for key in inputs if f"def {snake(key)}(self)" not in source] == []


def read(aws: AwsProvider, token: str, state: State) -> State:
    found = aws.read("urn", token, state)
    assert found is not None, f"{token}: gone"
    return found


def assert_as_declared(aws: AwsProvider, token: str, state: State, inputs: dict[str, object]) -> None:
    found = read(aws, token, state)
    assert found.inputs == inputs
    assert found.outputs == state.outputs


# Deleted, they fall back to what a bucket or a topic has without them.
FALLS_BACK = {
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:sns/topicPolicy:TopicPolicy",
}


@pytest.fixture(scope="module")
def stranger(account: None) -> AwsProvider:
    """Somebody else at work in the same account."""
    return AwsProvider(SERVICES, region=REGION)


@pytest.mark.parametrize("token", ROWS)
def test_type(aws: AwsProvider, stranger: AwsProvider, world: Prerequisites, token: str) -> None:
    row, kind = ROWS[token], DECLARED[token]
    state = world.create(token)
    world.made[token, ""] = state
    assert_as_declared(aws, token, state, state.inputs)
    for drift in row.drift:
        getattr(aws.client(drift.client, drift.region), drift.operation)(**drift.params(state, world))
        drifted = read(aws, token, state)
        assert drifted.inputs[drift.key] != state.inputs[drift.key], drift.operation
        assert aws.diff(token, drifted, state.inputs).changed
        if not aws.diff(token, drifted, state.inputs).replaces:
            state = aws.update("urn", token, drifted, state.inputs)
            assert_as_declared(aws, token, state, state.inputs)
    if row.update:
        inputs = {**state.inputs, **row.update(world)}
        aws.check("urn", token, inputs)
        difference = aws.diff(token, state, inputs)
        assert difference.changed == {key for key in inputs if inputs[key] != state.inputs.get(key)}
        assert not difference.replaces
        state = aws.update("urn", token, state, inputs)
        assert_as_declared(aws, token, state, inputs)
    aws.delete("urn", token, state)
    if not (kind.delete or kind.kept):
        return
    assert token in FALLS_BACK or aws.read("urn", token, state) is None
    world.made[token, ""] = again = world.create(token)
    assert_as_declared(aws, token, again, again.inputs)
    if kind.kept:
        return
    stranger.delete("urn", token, again)
    assert token in FALLS_BACK or aws.read("urn", token, again) is None
    aws.delete("urn", token, again)


def test_a_bucket_that_may_be_emptied_goes_with_its_versions_and_delete_markers(
    aws: AwsProvider, world: Prerequisites
) -> None:
    bucket, s3 = world.create(BUCKET), boto3.client("s3", REGION)
    s3.put_bucket_versioning(Bucket=bucket.id, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket=bucket.id, Key="key", Body=body)
    s3.delete_object(Bucket=bucket.id, Key="key")
    # As when a whole stack goes: the bucket's versioning is a resource of its own, and goes before it.
    s3.put_bucket_versioning(Bucket=bucket.id, VersioningConfiguration={"Status": "Suspended"})
    aws.delete("urn", BUCKET, bucket)
    assert aws.read("urn", BUCKET, bucket) is None
