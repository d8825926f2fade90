"""What the preview says only a replacement changes is what the providers' own source says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set

import pytest

from rehearsal.aws import SERVICES
from rehearsal.preview.replacement import FIXED, FIXED_OBJECTS, Fixed
from rehearsal.recording import Recording
from tests.witness.provider_source import Replaced, replaced, replaced_objects

pytestmark = pytest.mark.verify

AWS = {token: fixed for token, fixed in FIXED.items() if token.startswith("aws:")}
RENAMED = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": {"alarmName": "name"},
    "aws:sns/topicSubscription:TopicSubscription": {"topicArn": "topic"},
}
"""Inputs that pulumi-aws calls otherwise than Terraform, beyond case and plural."""

OTHERWISE: Mapping[tuple[str, str], str] = {
    ("aws:ec2/instance:Instance", "privateDnsNameOption"): "its coming and going replaces; what is in it changes in place",
    ("aws:ec2/instance:Instance", "launchTemplate.version"): "replaces unless the machine runs that version: said always",
    ("aws:ec2/instance:Instance", "ipv6Addresse"): "replaces unless their number changes too: said always",
    ("aws:ec2/instance:Instance", "enablePrimaryIpv6"): "replaces when it is taken away; no stack has IPv6",
    ("aws:ec2/instance:Instance", "instanceType"): "replaces where the processor is another: `_architecture`",
    ("aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination",
     "deliveryDestinationConfiguration.destinationResourceArn"): "replaces when the ARN is another service's; ours are S3's",
    ("aws:ec2/natGateway:NatGateway", "regionalNatGatewayAutoMode"): "of regional gateways, which no stack has",
    ("aws:ec2/natGateway:NatGateway", "secondaryPrivateIpAddressCount"): "of private gateways, which no stack has",
    ("aws:ec2/subnet:Subnet", "ipv6CidrBlock"): "no stack has IPv6",
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "privateDnsEnabled"): "of endpoints that are no interface, which have no private DNS",
    ("aws:elasticache/replicationGroup:ReplicationGroup", "nodeGroupConfiguration"):
        "replaces unless it was and is empty: said always",
    ("aws:elasticache/replicationGroup:ReplicationGroup", "transitEncryptionEnabled"):
        "of Redis before 7.0.5, which no setting allows",
    ("aws:lb/loadBalancer:LoadBalancer", "secondaryIpsAutoAssignedPerSubnet"): "of network load balancers alone",
    ("aws:lb/loadBalancer:LoadBalancer", "securityGroup"): "of network load balancers alone",
    ("aws:lb/loadBalancer:LoadBalancer", "subnet"): "of network load balancers alone",
    ("aws:lb/loadBalancer:LoadBalancer", "subnetMapping"): "of network load balancers alone",
    **{
        (f"aws:s3/{type_}", "expectedBucketOwner"): "replaces unless it becomes the account's own: said always"
        for type_ in (
            "bucketLogging:BucketLogging",
            "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "bucketVersioning:BucketVersioning",
        )
    },
}  # fmt: skip
"""Where the row differs from the source, and why it may."""

ALWAYS = "said always"
"""So ends the reason of what the row has although the source has a condition; anything else of these the row has not."""


@pytest.mark.parametrize("token", sorted(AWS))
def test_a_row_is_what_the_source_says(token: str) -> None:
    may = {path for one, path in OTHERWISE if one == token}
    assert set(differences(token, AWS[token], replaced(AWS[token].source))) == may
    assert {path for path in may if said(AWS[token]) & {path, path.rpartition(".")[0]}} == {
        path for path in may if OTHERWISE[token, path].endswith(ALWAYS)
    }


def test_what_differs_is_of_a_row() -> None:
    assert {token for token, _ in OTHERWISE} <= AWS.keys()


def test_every_type_of_the_embedded_cloud_has_a_row() -> None:
    assert {token for service in SERVICES for token in service.types} - FIXED.keys() == set()


@pytest.mark.parametrize(
    ("token", "changed"),
    [
        ("aws:route53/record:Record", Fixed(paths=frozenset({"name", "zoneId"}), source="")),
        ("aws:rds/instance:Instance", Fixed(paths=AWS["aws:rds/instance:Instance"].paths | {"identifier"}, source="")),
        ("aws:ssm/parameter:Parameter", Fixed(paths=AWS["aws:ssm/parameter:Parameter"].paths, source="")),
        ("aws:ec2/instance:Instance", Fixed(paths=AWS["aws:ec2/instance:Instance"].paths | {"cpuOptions"}, source="")),
    ],
)
def test_a_row_that_says_too_little_or_too_much_is_noticed(token: str, changed: Fixed) -> None:
    found = set(differences(token, changed, replaced(AWS[token].source)))
    assert found - {path for one, path in OTHERWISE if one == token}


@pytest.mark.parametrize(("group", "kind"), FIXED_OBJECTS)
def test_an_object_is_replaced_by_what_the_source_says(group: str, kind: str) -> None:
    ours = set(FIXED_OBJECTS[group, kind].split())
    if kind == "PersistentVolume":  # those kinds of volume that a cluster may still have
        assert ours < replaced_objects()[kind]
    else:
        assert ours == replaced_objects()[kind]


def test_every_kind_of_the_stacks_that_the_source_names_has_a_row(dev: Recording, prod: Recording) -> None:
    rendered = {
        one.type.partition(":")[2] for stack in (dev, prod) for one in stack if one.type.startswith("kubernetes:")
    }
    named = {(one.split("/")[0], one.rpartition(":")[2]) for one in rendered}
    # Of a budget it was so only in policy/v1beta1.
    assert {one for one in named if one[1] in replaced_objects()} - {
        ("policy", "PodDisruptionBudget")
    } <= FIXED_OBJECTS.keys()


def differences(token: str, ours: Fixed, theirs: Replaced) -> Iterator[str]:
    """Paths that only one of the two has, in a common spelling: what is a block stands for each of its fields that is fixed."""
    spelled = {_spelled(token, path): path for path in theirs.fields | theirs.sometimes}
    unknown = {path for path in said(ours) if path not in spelled}
    fields = {leaf for path in said(ours) - unknown for leaf in _leaves(theirs, spelled[path])}
    fixed = {leaf for path in theirs.always for leaf in _leaves(theirs, path) & theirs.always or {path}}
    yield from unknown
    yield from (_spelled(token, path) for path in fields ^ fixed)
    yield from {_spelled(token, path) for path in theirs.sometimes - fixed} ^ {
        _singular(path) for path in ours.when or ()
    }


def said(ours: Fixed) -> set[str]:
    """The row's paths, in the common spelling."""
    return {_singular(path) for path in ours.paths}


def _leaves(theirs: Replaced, path: str) -> Set[str]:
    leaves = theirs.leaves(path)
    return leaves if leaves & theirs.always else {path}


def _spelled(token: str, path: str) -> str:
    camel = re.sub(r"_(\w)", lambda found: found[1].upper(), path)
    return RENAMED.get(token, {}).get(camel, _singular(camel))


def _singular(path: str) -> str:
    return ".".join(part.removesuffix("s") for part in path.split("."))
