"""ElastiCache."""

from __future__ import annotations

import re

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import known, matches, needs, one_of, rules, within
from rehearsal.provider import Rejected
from rehearsal.values import Props


def _auth_token(inputs: Props) -> None:
    """The message never shows it."""
    token = known(inputs, "authToken")
    if token is not None and (not 16 <= len(token) <= 128 or re.search(r"[^\x21-\x7e]|[^A-Za-z0-9!&#$^<>-]", token)):
        raise Rejected("authToken: 16 to 128 letters, digits and !&#$^<>-")


def _nodes(inputs: Props) -> None:
    nodes = known(inputs, "numCacheClusters")
    if nodes is not None and nodes < 2 and known(inputs, "automaticFailoverEnabled"):
        raise Rejected(f"automaticFailoverEnabled: needs at least two nodes, numCacheClusters is {nodes}")
    zones = known(inputs, "preferredCacheClusterAzs")
    if nodes is not None and zones is not None and len(zones) != nodes:
        raise Rejected(f"preferredCacheClusterAzs: names {len(zones)} zones for {nodes} nodes")
    if known(inputs, "authToken") and "transitEncryptionEnabled" not in inputs:
        raise Rejected("authToken: needs transitEncryptionEnabled = true")


_LOGS = (
    "inputs.logDeliveryConfigurations[].{LogType: logType, LogFormat: logFormat, DestinationType: destinationType,"
    " DestinationDetails: {CloudWatchLogsDetails: destinationType == 'cloudwatch-logs' && {LogGroup: destination}"
    " || null,"
    " KinesisFirehoseDetails: destinationType == 'kinesis-firehose' && {DeliveryStream: destination} || null}}"
)
_ARN = "join('', ['arn:aws:elasticache:', region, ':', account, ':{kind}:', id])"

SERVICE = AwsService(
    client="elasticache",
    retag=call("add_tags_to_resource", ResourceName="answer.arn", Tags="tags"),
    untag=call("remove_tags_from_resource", ResourceName="answer.arn", TagKeys="removed"),
    tags=call("list_tags_for_resource", ResourceName="answer.arn", result="TagList"),
    types={
        "aws:elasticache/subnetGroup:SubnetGroup": AwsType(
            create=create(
                "create_cache_subnet_group", CacheSubnetGroupDescription="inputs.description || 'Managed by Pulumi'"
            ),
            id="inputs.name",
            read=call("describe_cache_subnet_groups", CacheSubnetGroupName="id", result="CacheSubnetGroups[0]"),
            delete=call("delete_cache_subnet_group", CacheSubnetGroupName="id"),
            names={"name": "CacheSubnetGroupName", "description": "CacheSubnetGroupDescription"},
            observe={"subnetIds": "seen.Subnets[].SubnetIdentifier"},
            outputs={"arn": "seen.ARN", "vpcId": "seen.VpcId"},
            check=matches("name", r"(?!default$)[a-z0-9-]{1,255}", "lower-case letters, digits and hyphens"),
        ),
        "aws:elasticache/parameterGroup:ParameterGroup": AwsType(
            create=call(
                "create_cache_parameter_group",
                CacheParameterGroupName="inputs.name",
                CacheParameterGroupFamily="inputs.family",
                Description="inputs.description || 'Managed by Pulumi'",
                Tags="tags",
            ),
            id="inputs.name",
            kept="moto has no ElastiCache parameter groups",
            fixed=frozenset({"name", "family", "description"}),
            unsent=frozenset({"parameters"}),
            outputs={"arn": _ARN.format(kind="parametergroup")},
            check=one_of("family", "redis6.x", "redis7", "valkey7", "valkey8", "memcached1.6"),
        ),
        "aws:elasticache/replicationGroup:ReplicationGroup": AwsType(
            create=create("create_replication_group", LogDeliveryConfigurations=_LOGS),
            id="inputs.replicationGroupId",
            taken=(
                _group := call(
                    "describe_replication_groups",
                    ReplicationGroupId="inputs.replicationGroupId",
                    result="ReplicationGroups[0]",
                )
            ),
            read=_group,
            update=(create("modify_replication_group", ReplicationGroupId="id", LogDeliveryConfigurations=_LOGS),),
            fixed=frozenset({"replicationGroupId"}),
            delete=call(
                "delete_replication_group",
                ReplicationGroupId="id",
                FinalSnapshotIdentifier="inputs.finalSnapshotIdentifier",
            ),
            names={
                "description": "ReplicationGroupDescription",
                "nodeType": "CacheNodeType",
                "parameterGroupName": "CacheParameterGroupName",
                "subnetGroupName": "CacheSubnetGroupName",
                "maintenanceWindow": "PreferredMaintenanceWindow",
            },
            observe={
                "automaticFailoverEnabled": "seen.AutomaticFailover == 'enabled'",
                "description": "seen.Description",
                "logDeliveryConfigurations": (
                    "seen.LogDeliveryConfigurations[].{logType: LogType, logFormat: LogFormat, destinationType:"
                    " DestinationType, destination: DestinationDetails.CloudWatchLogsDetails.LogGroup"
                    " || DestinationDetails.KinesisFirehoseDetails.DeliveryStream}"
                ),
                "multiAzEnabled": "seen.MultiAZ == 'enabled'",
                "port": "seen.NodeGroups[0].PrimaryEndpoint.Port",
            },
            outputs={
                "arn": "seen.ARN",
                "configurationEndpointAddress": "seen.ConfigurationEndpoint.Address",
                "engineVersionActual": "inputs.engineVersion",
                "memberClusters": "seen.MemberClusters",
                "primaryEndpointAddress": "seen.NodeGroups[0].PrimaryEndpoint.Address",
                "readerEndpointAddress": "seen.NodeGroups[0].ReaderEndpoint.Address",
            },
            check=rules(
                matches(
                    "replicationGroupId",
                    r"[a-z]([a-z0-9]|-(?!-)(?!$)){0,39}",
                    "a letter, then at most 39 lower-case letters, digits and single hyphens",
                ),
                one_of("engine", "redis", "valkey"),
                within("snapshotRetentionLimit", 0, 35),
                needs("authToken", "transitEncryptionEnabled", True),
                needs("transitEncryptionMode", "transitEncryptionEnabled", True),
                needs("kmsKeyId", "atRestEncryptionEnabled", True),
                needs("multiAzEnabled", "automaticFailoverEnabled", True),
                _auth_token,
                _nodes,
            ),
        ),
    },
)
