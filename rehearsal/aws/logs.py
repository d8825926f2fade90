"""CloudWatch Logs: groups, and the delivery of other services' logs."""

from __future__ import annotations

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import matches, one_of, rules

_RETENTION = (
    0,
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
_GROUP_ARN = "join('', ['arn:aws:logs:', region, ':', account, ':log-group:', id])"

SERVICE = AwsService(
    client="logs",
    retag=call("tag_resource", resourceArn="answer.arn", tags="inputs.tags"),
    untag=call("untag_resource", resourceArn="answer.arn", tagKeys="removed"),
    types={
        "aws:cloudwatch/logGroup:LogGroup": AwsType(
            create=create("create_log_group"),
            id="inputs.name",
            read=call("describe_log_groups", logGroupNamePrefix="id", result="logGroups[?logGroupName==$id] | [0]"),
            settle=(
                call(
                    "put_retention_policy",
                    logGroupName="id",
                    retentionInDays="inputs.retentionInDays",
                    when="inputs.retentionInDays",
                ),
                call(
                    "delete_retention_policy",
                    logGroupName="id",
                    when="was.retentionInDays && !(inputs.retentionInDays)",
                ),
            ),
            delete=call("delete_log_group", logGroupName="id", when="!(inputs.skipDestroy)"),
            tags=call("list_tags_for_resource", resourceArn=_GROUP_ARN, result="tags"),
            names={"name": "logGroupName"},
            unsent=frozenset({"skipDestroy"}),
            observe={"retentionInDays": "seen.retentionInDays || `0`"},
            outputs={"arn": _GROUP_ARN},
            check=rules(
                matches("name", r"[\w./#-]{1,512}", "1 to 512 letters, digits and -_/.#"),
                one_of("retentionInDays", *_RETENTION),
            ),
        ),
        "aws:cloudwatch/logDeliverySource:LogDeliverySource": AwsType(
            create=create("put_delivery_source"),
            id="inputs.name",
            taken=(_source := call("get_delivery_source", name="inputs.name", result="deliverySource")),
            read=_source,
            delete=call("delete_delivery_source", name="id"),
            observe={"resourceArn": "seen.resourceArns[0]"},
            outputs={"arn": "seen.arn", "service": "seen.service"},
        ),
        "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": AwsType(
            create=create("put_delivery_destination"),
            id="inputs.name",
            taken=(_destination := call("get_delivery_destination", name="inputs.name", result="deliveryDestination")),
            read=_destination,
            delete=call("delete_delivery_destination", name="id"),
            outputs={"arn": "seen.arn", "deliveryDestinationType": "seen.deliveryDestinationType"},
        ),
        "aws:cloudwatch/logDelivery:LogDelivery": AwsType(
            create=create("create_delivery"),
            id="answer.delivery.id",
            read=call("get_delivery", id="id", result="delivery"),
            delete=call("delete_delivery", id="id"),
            names={"s3DeliveryConfigurations": "s3DeliveryConfiguration"},
            outputs={"arn": "seen.arn"},
        ),
    },
)
