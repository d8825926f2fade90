"""Operations that moto lacks, or has and does wrong, and the declared types cannot do without: added to moto's own handlers.

They work for every client of the embedded cloud. A test says so when moto learns one itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from moto import settings
from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup
from moto.codedeploy import responses as codedeploy
from moto.core.responses import ActionResult
from moto.ec2.responses.nat_gateways import NatGateways
from moto.elasticache.responses import ElastiCacheResponse
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.rds.models import DBInstance
from moto.rds.responses import RDSResponse
from moto.s3.models import FakeBucket, FakeDeleteMarker

_Handle = Callable[[Any], ActionResult]


def _delete_application(handler: Any) -> ActionResult:
    name = handler._get_param("applicationName")
    handler.codedeploy_backend.applications.pop(name, None)
    handler.codedeploy_backend.deployment_groups.pop(name, None)
    return ActionResult({})


def _delete_deployment_group(handler: Any) -> ActionResult:
    groups = handler.codedeploy_backend.deployment_groups.get(handler._get_param("applicationName"), {})
    groups.pop(handler._get_param("deploymentGroupName"), None)
    return ActionResult({"hooksNotCleanedUp": []})


def _update_deployment_group(handler: Any) -> ActionResult:
    group = handler.codedeploy_backend.get_deployment_group(
        handler._get_param("applicationName"), handler._get_param("currentDeploymentGroupName")
    )
    for name in handler._get_params():
        attribute = re.sub(r"(?<!^)([A-Z])", lambda match: f"_{match[1].lower()}", name)
        if attribute != "application_name" and hasattr(group, attribute):
            setattr(group, attribute, handler._get_param(name))
    return ActionResult({"hooksNotCleanedUp": []})


def _delete_cache_subnet_group(handler: Any) -> ActionResult:
    backend, name = handler.elasticache_backend, handler._get_param("CacheSubnetGroupName")
    backend.describe_cache_subnet_groups(name)
    del backend.cache_subnet_groups[name]
    return ActionResult({})


COMPLETED: dict[tuple[str, str], tuple[Any, _Handle]] = {
    ("codedeploy", "delete_application"): (codedeploy.CodeDeployResponse, _delete_application),
    ("codedeploy", "delete_deployment_group"): (codedeploy.CodeDeployResponse, _delete_deployment_group),
    ("codedeploy", "update_deployment_group"): (codedeploy.CodeDeployResponse, _update_deployment_group),
    ("elasticache", "delete_cache_subnet_group"): (ElastiCacheResponse, _delete_cache_subnet_group),
}
LACKING = frozenset(key for key, (handler, _) in COMPLETED.items() if not hasattr(handler, key[1]))
"""Those that this moto really lacks."""

_WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}

_delete_replication_group = ElastiCacheResponse.delete_replication_group
_modify_db_subnet_group = RDSResponse.modify_db_subnet_group
_delete_nat_gateway = NatGateways.delete_nat_gateway
_deployment_group_info = codedeploy._deployment_group_info
_create_auto_scaling_group = AutoScalingBackend.create_auto_scaling_group
_update_auto_scaling_group = FakeAutoScalingGroup.update
_update_db_instance = DBInstance.update


def _delete_replication_group_for_good(handler: Any) -> ActionResult:
    """moto leaves it there, "deleting" for ever, and refuses the next one of that name."""
    answer: ActionResult = _delete_replication_group(handler)
    handler.elasticache_backend.replication_groups.pop(handler._get_param("ReplicationGroupId"), None)
    return answer


def _delete_nat_gateway_and_free_its_address(handler: Any) -> ActionResult:
    """moto leaves the address taken, and refuses it to the next gateway."""
    answer: ActionResult = _delete_nat_gateway(handler)
    gateway = handler.ec2_backend.nat_gateways[handler._get_param("NatGatewayId")]
    taken = {entry.get("allocationId") for entry in gateway.address_set}
    for address in handler.ec2_backend.addresses:
        if address.allocation_id in taken:
            address.eni = address.instance = address.association_id = None
    return answer


def _modify_db_subnet_group_and_keep_it(handler: Any) -> ActionResult:
    """moto takes the group out of its list and forgets to put it back."""
    name = handler.params.get("DBSubnetGroupName")
    group = handler.backend.subnet_groups.get(name)
    answer: ActionResult = _modify_db_subnet_group(handler)
    handler.backend.subnet_groups[name] = group
    return answer


def _whole_deployment_group_info(group: Any) -> dict[str, Any]:
    """moto answers Auto Scaling groups in the wrong form and the alarms not at all."""
    return {
        **_deployment_group_info(group),
        "autoScalingGroups": [{"name": name, "hook": ""} for name in group.auto_scaling_groups],
        "alarmConfiguration": group.alarm_configuration or {},
    }


def _create_auto_scaling_group_in_bounds(backend: AutoScalingBackend, **asked: Any) -> FakeAutoScalingGroup:
    """moto takes a desired capacity outside of the minimum and the maximum."""
    _refuse_capacity_out_of_bounds(asked["desired_capacity"], asked["min_size"], asked["max_size"])
    return _create_auto_scaling_group(backend, **asked)


def _update_auto_scaling_group_in_bounds(group: FakeAutoScalingGroup, **asked: Any) -> None:
    low = group.min_size if asked["min_size"] is None else asked["min_size"]
    high = group.max_size if asked["max_size"] is None else asked["max_size"]
    _refuse_capacity_out_of_bounds(asked["desired_capacity"], low, high)
    _update_auto_scaling_group(group, **asked)


def _refuse_capacity_out_of_bounds(desired: Any, low: Any, high: Any) -> None:
    if desired is not None and not int(low) <= int(desired) <= int(high):
        raise ValidationError(
            f"Desired capacity:{desired} must be between the specified min size:{low} and max size:{high}"
        )


def _update_db_instance_and_keep_its_secret(instance: DBInstance, **asked: Any) -> None:
    """moto makes the managed password's secret anew at each change; RDS makes it once."""
    if asked.get("manage_master_user_password") and instance.manage_master_user_password:
        del asked["manage_master_user_password"]
    _update_db_instance(instance, **asked)


def _permission_over_tls(bucket: FakeBucket, action: str, resource: str) -> Any:
    """moto leaves conditions aside, and takes "deny without TLS" for "deny"; a request to the embedded cloud counts as TLS."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    policy["Statement"] = [one for one in policy["Statement"] if one.get("Condition") != _WITHOUT_TLS]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)


def _nothing_to_dispose_of(_: FakeDeleteMarker) -> None:
    """moto closes the content of every version when the last goes; a delete marker has none."""


def complete_moto() -> None:
    """Adds and mends the operations; calling it again changes nothing."""
    # Read from the environment when moto is imported, which may have been too early.
    settings.ACM_VALIDATION_WAIT = 0
    for service, operation in LACKING:
        handler, handle = COMPLETED[service, operation]
        setattr(handler, operation, handle)
    for place, name, mended in (
        (AutoScalingBackend, "create_auto_scaling_group", _create_auto_scaling_group_in_bounds),
        (FakeAutoScalingGroup, "update", _update_auto_scaling_group_in_bounds),
        (DBInstance, "update", _update_db_instance_and_keep_its_secret),
        (ElastiCacheResponse, "delete_replication_group", _delete_replication_group_for_good),
        (NatGateways, "delete_nat_gateway", _delete_nat_gateway_and_free_its_address),
        (RDSResponse, "modify_db_subnet_group", _modify_db_subnet_group_and_keep_it),
        (FakeBucket, "get_permission", _permission_over_tls),
        (FakeDeleteMarker, "dispose", _nothing_to_dispose_of),
        (codedeploy, "_deployment_group_info", _whole_deployment_group_info),
    ):
        setattr(place, name, mended)
