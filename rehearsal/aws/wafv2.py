"""WAF."""

from __future__ import annotations

import re

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import known
from rehearsal.provider import Rejected
from rehearsal.values import Props


def _one_action(inputs: Props) -> None:
    action = known(inputs, "defaultAction")
    if action is not None and len([key for key, value in action.items() if value is not None]) != 1:
        raise Rejected("defaultAction: either allow or block")
    priorities = [rule.get("priority") for rule in known(inputs, "rules") or []]
    if len(set(priorities)) != len(priorities):
        raise Rejected("rules: each has a priority of its own")


def _log_destination(inputs: Props) -> None:
    """Log groups, streams and buckets alike."""
    for arn in known(inputs, "logDestinationConfigs") or []:
        name = re.fullmatch(r"arn:aws:(?:logs|firehose|s3):.*?([^:/]+)(?::\*)?", str(arn))
        if name and not name[1].startswith("aws-waf-logs-"):
            raise Rejected(f"logDestinationConfigs: {arn}: the destination's name begins with aws-waf-logs-")


SERVICE = AwsService(
    client="wafv2",
    retag=call("tag_resource", ResourceARN="answer.arn", Tags="tags"),
    untag=call("untag_resource", ResourceARN="answer.arn", TagKeys="removed"),
    tags=call("list_tags_for_resource", ResourceARN="answer.arn", result="TagInfoForResource.TagList"),
    types={
        "aws:wafv2/webAcl:WebAcl": AwsType(
            create=create("create_web_acl", result="Summary"),
            id="answer.Id",
            read=call(
                "get_web_acl",
                Name="inputs.name",
                Scope="inputs.scope",
                Id="id",
                result="merge(WebACL, {LockToken: LockToken})",
            ),
            update=(create("update_web_acl", Id="id", LockToken="seen.LockToken"),),
            fixed=frozenset({"name", "scope"}),
            delete=call(
                "delete_web_acl", Name="inputs.name", Scope="inputs.scope", Id="id", LockToken="seen.LockToken"
            ),
            outputs={"arn": "seen.ARN", "capacity": "seen.Capacity"},
            check=_one_action,
        ),
        "aws:wafv2/webAclAssociation:WebAclAssociation": AwsType(
            create=create("associate_web_acl"),
            id="join(',', [inputs.webAclArn, inputs.resourceArn])",
            read=call("get_web_acl_for_resource", ResourceArn="inputs.resourceArn", result="WebACL"),
            delete=call("disassociate_web_acl", ResourceArn="inputs.resourceArn"),
            observe={"webAclArn": "seen.ARN"},
        ),
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": AwsType(
            create=(
                _log := call(
                    "put_logging_configuration",
                    LoggingConfiguration=(
                        "{ResourceArn: inputs.resourceArn, LogDestinationConfigs: inputs.logDestinationConfigs,"
                        " RedactedFields: inputs.redactedFields, LoggingFilter: inputs.loggingFilter}"
                    ),
                    result="LoggingConfiguration",
                )
            ),
            id="inputs.resourceArn",
            read=call("get_logging_configuration", ResourceArn="id", result="LoggingConfiguration"),
            update=(_log,),
            fixed=frozenset({"resourceArn"}),
            delete=call("delete_logging_configuration", ResourceArn="id"),
            check=_log_destination,
        ),
    },
)
