"""CodeDeploy."""

from __future__ import annotations

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import known, matches, rules
from rehearsal.provider import Rejected
from rehearsal.values import Props

_CONFIGS = frozenset(
    f"CodeDeployDefault.{name}"
    for name in ("OneAtATime", "HalfAtATime", "AllAtOnce", "ECSAllAtOnce", "LambdaAllAtOnce")
)


def _traffic(inputs: Props) -> None:
    style = known(inputs, "deploymentStyle") or {}
    if style.get("deploymentOption") == "WITH_TRAFFIC_CONTROL" and not inputs.get("loadBalancerInfo"):
        raise Rejected("deploymentStyle: WITH_TRAFFIC_CONTROL needs a loadBalancerInfo")
    config = known(inputs, "deploymentConfigName")
    if config is not None and config.startswith("CodeDeployDefault.") and config not in _CONFIGS:
        raise Rejected(f"deploymentConfigName: {config!r} is not one of {', '.join(sorted(_CONFIGS))}")
    rollback = known(inputs, "autoRollbackConfiguration") or {}
    if "DEPLOYMENT_STOP_ON_ALARM" in (rollback.get("events") or []) and not inputs.get("alarmConfiguration"):
        raise Rejected("autoRollbackConfiguration: DEPLOYMENT_STOP_ON_ALARM needs an alarmConfiguration")


_ALARMS = (
    "inputs.alarmConfiguration && {enabled: inputs.alarmConfiguration.enabled, ignorePollAlarmFailure:"
    " inputs.alarmConfiguration.ignorePollAlarmFailure, alarms: inputs.alarmConfiguration.alarms[].{name: @}}"
)

SERVICE = AwsService(
    client="codedeploy",
    retag=call("tag_resource", ResourceArn="answer.arn", Tags="tags"),
    untag=call("untag_resource", ResourceArn="answer.arn", TagKeys="removed"),
    tags=call("list_tags_for_resource", ResourceArn="answer.arn", result="Tags"),
    types={
        "aws:codedeploy/application:Application": AwsType(
            create=create("create_application"),
            id="inputs.name",
            read=call("get_application", applicationName="id", result="application"),
            delete=call("delete_application", applicationName="id"),
            names={"name": "applicationName"},
            outputs={
                "applicationId": "seen.applicationId",
                "arn": "join('', ['arn:aws:codedeploy:', region, ':', account, ':application:', id])",
            },
            check=matches("name", r"[\w+=,.@-]{1,100}", "1 to 100 letters, digits and +=,.@_-"),
        ),
        "aws:codedeploy/deploymentGroup:DeploymentGroup": AwsType(
            create=create("create_deployment_group", alarmConfiguration=_ALARMS),
            id="answer.deploymentGroupId",
            refuse={
                "autoscalingGroups: not all of them exist": call(
                    "describe_auto_scaling_groups",
                    service="autoscaling",
                    AutoScalingGroupNames="inputs.autoscalingGroups",
                    when="inputs.autoscalingGroups",
                    result="length(AutoScalingGroups) < length($inputs.autoscalingGroups)",
                ),
                "loadBalancerInfo: not all target groups exist": call(
                    "describe_target_groups",
                    service="elbv2",
                    Names="inputs.loadBalancerInfo.targetGroupInfos[].name",
                    when="inputs.loadBalancerInfo.targetGroupInfos",
                    result="length(TargetGroups) < length($inputs.loadBalancerInfo.targetGroupInfos)",
                ),
            },
            read=call(
                "get_deployment_group",
                applicationName="inputs.appName",
                deploymentGroupName="inputs.deploymentGroupName",
                result="deploymentGroupInfo",
            ),
            update=(
                create(
                    "update_deployment_group",
                    currentDeploymentGroupName="inputs.deploymentGroupName",
                    alarmConfiguration=_ALARMS,
                ),
            ),
            fixed=frozenset({"appName", "deploymentGroupName"}),
            delete=call(
                "delete_deployment_group",
                applicationName="inputs.appName",
                deploymentGroupName="inputs.deploymentGroupName",
            ),
            names={
                "appName": "applicationName",
                "blueGreenDeploymentConfig": "blueGreenDeploymentConfiguration",
                "elbInfos": "elbInfoList",
                "targetGroupInfos": "targetGroupInfoList",
            },
            observe={
                "alarmConfiguration": (
                    "{enabled: seen.alarmConfiguration.enabled, alarms: seen.alarmConfiguration.alarms[].name,"
                    " ignorePollAlarmFailure: seen.alarmConfiguration.ignorePollAlarmFailure}"
                ),
                "autoscalingGroups": "seen.autoScalingGroups[].name",
            },
            outputs={
                "arn": (
                    "join('', ['arn:aws:codedeploy:', region, ':', account, ':deploymentgroup:', inputs.appName, '/',"
                    " inputs.deploymentGroupName])"
                ),
                "computePlatform": "seen.computePlatform",
                "deploymentGroupId": "id",
            },
            check=rules(_traffic),
        ),
    },
)
