"""CloudWatch alarms."""

from __future__ import annotations

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import needs, one_of, rules
from rehearsal.provider import Rejected
from rehearsal.values import Props

_ALARM_ARN = "join('', ['arn:aws:cloudwatch:', region, ':', account, ':alarm:', inputs.name])"
_METRICS = (
    "inputs.metricQueries[].{Id: id, Expression: expression, Label: label, ReturnData: returnData, Period: period,"
    " AccountId: accountId, MetricStat: metric && {Period: metric.period, Stat: metric.stat, Unit: metric.unit,"
    " Metric: {Namespace: metric.namespace, MetricName: metric.metricName, Dimensions: metric.dimensions}}}"
)


def _one_metric(inputs: Props) -> None:
    if ("metricName" in inputs) == ("metricQueries" in inputs):
        raise Rejected("an alarm watches either a metricName or metricQueries")
    if "metricName" in inputs and ("statistic" in inputs) == ("extendedStatistic" in inputs):
        raise Rejected("an alarm on a metric has either a statistic or an extendedStatistic")


SERVICE = AwsService(
    client="cloudwatch",
    retag=call("tag_resource", ResourceARN=_ALARM_ARN, Tags="tags"),
    untag=call("untag_resource", ResourceARN=_ALARM_ARN, TagKeys="removed"),
    tags=call("list_tags_for_resource", ResourceARN=_ALARM_ARN, result="Tags"),
    types={
        "aws:cloudwatch/metricAlarm:MetricAlarm": AwsType(
            create=create("put_metric_alarm", Metrics=_METRICS),
            id="inputs.name",
            taken=(_alarm := call("describe_alarms", AlarmNames="[inputs.name]", result="MetricAlarms[0]")),
            read=_alarm,
            update=(create("put_metric_alarm", Metrics=_METRICS),),
            fixed=frozenset({"name"}),
            delete=call("delete_alarms", AlarmNames="[id]"),
            names={
                "name": "AlarmName",
                "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
            },
            outputs={"arn": _ALARM_ARN},
            check=rules(
                _one_metric,
                one_of("treatMissingData", "missing", "ignore", "breaching", "notBreaching"),
                needs("metricName", "namespace"),
                needs("metricName", "period"),
            ),
        ),
    },
)
