"""EC2 Auto Scaling."""

from __future__ import annotations

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import known, rules
from rehearsal.provider import Rejected
from rehearsal.values import Props


def _sizes(inputs: Props) -> None:
    """The desired capacity is not looked at: what stands may have fewer than a new minimum, to which AWS then raises it."""
    low, high = known(inputs, "minSize"), known(inputs, "maxSize")
    if low is not None and high is not None and low > high:
        raise Rejected(f"minSize: {low} is more than maxSize, {high}")


def _places(inputs: Props) -> None:
    if not inputs.get("vpcZoneIdentifiers") and not inputs.get("availabilityZones"):
        raise Rejected("vpcZoneIdentifiers: a group needs subnets (or availabilityZones)")


def _target(inputs: Props) -> None:
    if known(inputs, "policyType") == "TargetTrackingScaling" and "targetTrackingConfiguration" not in inputs:
        raise Rejected("policyType: TargetTrackingScaling needs a targetTrackingConfiguration")
    tracking = known(inputs, "targetTrackingConfiguration") or {}
    metric = tracking.get("predefinedMetricSpecification") or {}
    if metric.get("predefinedMetricType") == "ALBRequestCountPerTarget" and not metric.get("resourceLabel"):
        raise Rejected("predefinedMetricSpecification: ALBRequestCountPerTarget needs a resourceLabel")


_NAMED = {"AutoScalingGroupName": "id"}
_TEMPLATE = (
    "inputs.launchTemplate && {LaunchTemplateId: inputs.launchTemplate.id,"
    " LaunchTemplateName: inputs.launchTemplate.name, Version: inputs.launchTemplate.version}"
)
# As the provider does it: what scaling has chosen since stays, and AWS moves it into a new minimum and maximum by itself.
_NEW_CAPACITY = "inputs.desiredCapacity != was.desiredCapacity && inputs.desiredCapacity || `null`"
_SUBNETS = "inputs.vpcZoneIdentifiers && join(',', inputs.vpcZoneIdentifiers)"
_TAGS = "tags[].merge(@, {ResourceId: $inputs.name, ResourceType: 'auto-scaling-group'})"

SERVICE = AwsService(
    client="autoscaling",
    retag=call("create_or_update_tags", Tags=_TAGS),
    untag=call("delete_tags", Tags="removed[].{Key: @, ResourceId: $inputs.name, ResourceType: 'auto-scaling-group'}"),
    types={
        "aws:autoscaling/group:Group": AwsType(
            create=create(
                "create_auto_scaling_group", LaunchTemplate=_TEMPLATE, VPCZoneIdentifier=_SUBNETS, Tags=_TAGS
            ),
            id="inputs.name",
            taken=(
                _group := call(
                    "describe_auto_scaling_groups", AutoScalingGroupNames="[inputs.name]", result="AutoScalingGroups[0]"
                )
            ),
            read=_group,
            settle=(
                call(
                    "enable_metrics_collection",
                    Metrics="inputs.enabledMetrics",
                    Granularity="inputs.metricsGranularity || '1Minute'",
                    when="inputs.enabledMetrics",
                    **_NAMED,
                ),
                call(
                    "resume_processes",
                    ScalingProcesses="was.suspendedProcesses",
                    when="was.suspendedProcesses",
                    **_NAMED,
                ),
                call(
                    "suspend_processes",
                    ScalingProcesses="inputs.suspendedProcesses",
                    when="inputs.suspendedProcesses",
                    **_NAMED,
                ),
            ),
            update=(
                create(
                    "update_auto_scaling_group",
                    LaunchTemplate=_TEMPLATE,
                    VPCZoneIdentifier=_SUBNETS,
                    DesiredCapacity=_NEW_CAPACITY,
                    **_NAMED,
                ),
                call(
                    "detach_load_balancer_target_groups",
                    TargetGroupARNs="was.targetGroupArns",
                    when="was.targetGroupArns",
                    **_NAMED,
                ),
                call(
                    "attach_load_balancer_target_groups",
                    TargetGroupARNs="inputs.targetGroupArns",
                    when="inputs.targetGroupArns",
                    **_NAMED,
                ),
            ),
            fixed=frozenset({"name"}),
            delete=call("delete_auto_scaling_group", ForceDelete="`true`", **_NAMED),
            names={
                "name": "AutoScalingGroupName",
                "protectFromScaleIn": "NewInstancesProtectedFromScaleIn",
                "initialLifecycleHooks": "LifecycleHookSpecificationList",
            },
            unsent=frozenset(
                {
                    "forceDelete",
                    "forceDeleteWarmPool",
                    "ignoreFailedScalingActivities",
                    "instanceRefresh",
                    "minElbCapacity",
                    "waitForCapacityTimeout",
                    "waitForElbCapacity",
                }
            ),
            observe={
                "enabledMetrics": "seen.EnabledMetrics[].Metric",
                "launchTemplate": (
                    "{id: seen.LaunchTemplate.LaunchTemplateId, name: seen.LaunchTemplate.LaunchTemplateName,"
                    " version: seen.LaunchTemplate.Version}"
                ),
                "metricsGranularity": "seen.EnabledMetrics[0].Granularity",
                "suspendedProcesses": "seen.SuspendedProcesses[].ProcessName",
                "vpcZoneIdentifiers": "split(seen.VPCZoneIdentifier, ',')",
            },
            outputs={"arn": "seen.AutoScalingGroupARN"},
            check=rules(_sizes, _places),
        ),
        "aws:autoscaling/policy:Policy": AwsType(
            create=create("put_scaling_policy"),
            id="inputs.name",
            taken=(
                _policy := call(
                    "describe_policies",
                    AutoScalingGroupName="inputs.autoscalingGroupName",
                    PolicyNames="[inputs.name]",
                    result="ScalingPolicies[0]",
                )
            ),
            read=_policy,
            update=(create("put_scaling_policy"),),
            fixed=frozenset({"name", "autoscalingGroupName"}),
            delete=call("delete_policy", PolicyName="id", AutoScalingGroupName="inputs.autoscalingGroupName"),
            names={"name": "PolicyName"},
            outputs={"arn": "seen.PolicyARN"},
            check=_target,
        ),
    },
)
