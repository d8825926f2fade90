"""Refuses ids and ARNs of AWS objects that the account does not hold, which moto often takes without a look."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from rehearsal.values import Props


class _Kind(NamedTuple):
    """How to ask for one object: the call, its parameter, and whether that takes a list."""

    service: str
    operation: str
    parameter: str
    many: bool = True
    by_name: bool = False


_ID = re.compile(r"^([a-z]+)-[0-9a-f]{8,}$")
_ARN = re.compile(
    r"^arn:aws:(?P<kind>[\w-]+:(?P<region>[\w-]*):(?P<account>\d*):(?P<path>[\w-]+[/:])?)(?P<name>[^*]+)(?::\*)?$"
)
_IDS = {
    "vpc": _Kind("ec2", "describe_vpcs", "VpcIds"),
    "subnet": _Kind("ec2", "describe_subnets", "SubnetIds"),
    "sg": _Kind("ec2", "describe_security_groups", "GroupIds"),
    "rtb": _Kind("ec2", "describe_route_tables", "RouteTableIds"),
    "igw": _Kind("ec2", "describe_internet_gateways", "InternetGatewayIds"),
    "nat": _Kind("ec2", "describe_nat_gateways", "NatGatewayIds"),
    "eipalloc": _Kind("ec2", "describe_addresses", "AllocationIds"),
    "lt": _Kind("ec2", "describe_launch_templates", "LaunchTemplateIds"),
    "acl": _Kind("ec2", "describe_network_acls", "NetworkAclIds"),
    "i": _Kind("ec2", "describe_instances", "InstanceIds"),
    "vol": _Kind("ec2", "describe_volumes", "VolumeIds"),
}
_ARNS = {
    "iam:role/": _Kind("iam", "get_role", "RoleName", many=False, by_name=True),
    "iam:policy/": _Kind("iam", "get_policy", "PolicyArn", many=False),
    "iam:instance-profile/": _Kind("iam", "get_instance_profile", "InstanceProfileName", many=False, by_name=True),
    "acm:certificate/": _Kind("acm", "describe_certificate", "CertificateArn", many=False),
    "elasticloadbalancing:targetgroup/": _Kind("elbv2", "describe_target_groups", "TargetGroupArns"),
    "elasticloadbalancing:loadbalancer/": _Kind("elbv2", "describe_load_balancers", "LoadBalancerArns"),
    "elasticloadbalancing:listener/": _Kind("elbv2", "describe_listeners", "ListenerArns"),
    "cloudfront:distribution/": _Kind("cloudfront", "get_distribution", "Id", many=False, by_name=True),
    "kms:key/": _Kind("kms", "describe_key", "KeyId", many=False),
    "sns:": _Kind("sns", "get_topic_attributes", "TopicArn", many=False),
    "logs:log-group:": _Kind("logs", "describe_log_groups", "logGroupNamePrefix", many=False, by_name=True),
}


def unknown_reference(
    inputs: Props, known: Collection[str], account: str, client: Callable[[str, str | None], Any]
) -> str | None:
    """`input 'vpcId': vpc-…` for the first id or ARN among the inputs that is not there, `None` when all are.

    `known` need no look; `client` gives a service's client in a region (`None`: where the resource lives).
    """
    for key, value in inputs.items():
        for text in _strings(value):
            if text not in known and _is_missing(text, account, client):
                return f"input '{key}': {text}"
    return None


def _is_missing(text: str, account: str, client: Callable[[str, str | None], Any]) -> bool:
    if match := _ID.match(text):
        kind = _IDS.get(match[1])
        return kind is not None and not _exists(client(kind.service, None), kind, text)
    if (match := _ARN.match(text)) and match["account"] == account:
        kind = _ARNS.get(f"{text.split(':')[2]}:{match['path'] or ''}")
        name = re.split(r"[/:]", match["name"])[-1] if kind and kind.service == "iam" else match["name"]
        region = match["region"] or None
        return kind is not None and not _exists(client(kind.service, region), kind, name if kind.by_name else text)
    return False


def _exists(client: Any, kind: _Kind, value: str) -> bool:
    try:
        answer = getattr(client, kind.operation)(**{kind.parameter: [value] if kind.many else value})
    except ClientError:
        return False
    return any(found for key, found in answer.items() if key != "ResponseMetadata")


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from _strings(item)
        case list():
            for item in value:
                yield from _strings(item)
