"""Who and where one is: functions, no resources."""

from __future__ import annotations

from rehearsal.aws.declare import AwsService, Lookup, call

SERVICE = AwsService(
    client="sts",
    types={},
    functions={
        "aws:index/getCallerIdentity:getCallerIdentity": Lookup(
            call=call("get_caller_identity"),
            result={"id": "account", "accountId": "account", "arn": "seen.Arn", "userId": "seen.UserId"},
        ),
        "aws:index/getRegion:getRegion": Lookup(
            result={
                "id": "region",
                "name": "region",
                "region": "region",
                "description": "region",
                "endpoint": "join('', ['ec2.', region, '.amazonaws.com'])",
            },
        ),
        "aws:index/getPartition:getPartition": Lookup(
            result={
                "id": "'aws'",
                "partition": "'aws'",
                "dnsSuffix": "'amazonaws.com'",
                "reverseDnsPrefix": "'com.amazonaws'",
            },
        ),
    },
)
