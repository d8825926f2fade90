"""RDS."""

from __future__ import annotations

import re

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import known, matches, needs, one_of, rules, within
from rehearsal.provider import Rejected
from rehearsal.values import Props

_RESERVED = frozenset({"admin", "rdsadmin", "rds_superuser", "postgres_admin", "user", "public"})
_INSIGHTS = (7, *range(31, 732, 31), 731)


def _password(inputs: Props) -> None:
    """The message never shows it."""
    password = known(inputs, "password")
    if password is None:
        return
    if not 8 <= len(password) <= 128 or re.search(r'[^\x21-\x7e]|[/@"]', password):
        raise Rejected('password: 8 to 128 printable ASCII characters, without / @ " and spaces')


def _master(inputs: Props) -> None:
    if inputs.get("password") and inputs.get("manageMasterUserPassword"):
        raise Rejected("manageMasterUserPassword: RDS makes the password, and takes none then")


def _placement(inputs: Props) -> None:
    if known(inputs, "multiAz") and inputs.get("availabilityZone"):
        raise Rejected("availabilityZone: cannot be chosen for a Multi-AZ instance")


def _storage(inputs: Props) -> None:
    size, most = known(inputs, "allocatedStorage"), known(inputs, "maxAllocatedStorage")
    if size is not None and known(inputs, "storageType") in ("gp2", "gp3") and size < 20:
        raise Rejected(f"allocatedStorage: {size} is less than 20 GiB, the least that {inputs['storageType']} has")
    if size is not None and most and most <= size:
        raise Rejected(f"maxAllocatedStorage: {most} must be more than allocatedStorage, {size}")


def _snapshot(inputs: Props) -> None:
    if not inputs.get("skipFinalSnapshot") and not inputs.get("finalSnapshotIdentifier"):
        raise Rejected("finalSnapshotIdentifier: must be given unless skipFinalSnapshot is true")


def _user(inputs: Props) -> None:
    name = known(inputs, "username")
    if name and known(inputs, "engine") == "postgres" and name.lower() in _RESERVED:
        raise Rejected(f"username: {name!r} is a reserved word of the engine")


_ZONES = call(
    "describe_subnets",
    service="ec2",
    SubnetIds="inputs.subnetIds",
    result="length(unique(Subnets[].AvailabilityZone)) < `2`",
)

SERVICE = AwsService(
    client="rds",
    retag=call("add_tags_to_resource", ResourceName="answer.arn", Tags="tags"),
    untag=call("remove_tags_from_resource", ResourceName="answer.arn", TagKeys="removed"),
    tags=call("list_tags_for_resource", ResourceName="answer.arn", result="TagList"),
    types={
        "aws:rds/subnetGroup:SubnetGroup": AwsType(
            create=create(
                "create_db_subnet_group", DBSubnetGroupDescription="inputs.description || 'Managed by Pulumi'"
            ),
            id="inputs.name",
            taken=call("describe_db_subnet_groups", DBSubnetGroupName="inputs.name", result="DBSubnetGroups[0]"),
            refuse={"the subnets must be in at least two availability zones": _ZONES},
            read=call("describe_db_subnet_groups", DBSubnetGroupName="id", result="DBSubnetGroups[0]"),
            update=(
                create(
                    "modify_db_subnet_group",
                    DBSubnetGroupName="id",
                    DBSubnetGroupDescription="inputs.description || 'Managed by Pulumi'",
                ),
            ),
            fixed=frozenset({"name"}),
            delete=call("delete_db_subnet_group", DBSubnetGroupName="id"),
            names={"name": "DBSubnetGroupName", "description": "DBSubnetGroupDescription"},
            observe={"subnetIds": "seen.Subnets[].SubnetIdentifier"},
            outputs={"arn": "seen.DBSubnetGroupArn", "vpcId": "seen.VpcId"},
            check=matches(
                "name", r"(?!default$)[a-z0-9._ -]{1,255}", "lower-case letters, digits and ._-, not 'default'"
            ),
        ),
        "aws:rds/parameterGroup:ParameterGroup": AwsType(
            create=call(
                "create_db_parameter_group",
                DBParameterGroupName="inputs.name",
                DBParameterGroupFamily="inputs.family",
                Description="inputs.description || 'Managed by Pulumi'",
                Tags="tags",
            ),
            id="inputs.name",
            taken=(
                _group := call(
                    "describe_db_parameter_groups", DBParameterGroupName="inputs.name", result="DBParameterGroups[0]"
                )
            ),
            read=_group,
            also={"parameters": call("describe_db_parameters", DBParameterGroupName="id", result="Parameters")},
            settle=(
                call(
                    "modify_db_parameter_group",
                    DBParameterGroupName="id",
                    Parameters=(
                        "inputs.parameters[].{ParameterName: name, ParameterValue: value,"
                        " ApplyMethod: applyMethod || 'immediate'}"
                    ),
                    when="inputs.parameters",
                ),
            ),
            delete=call("delete_db_parameter_group", DBParameterGroupName="id"),
            names={"name": "DBParameterGroupName", "family": "DBParameterGroupFamily"},
            unsent=frozenset({"skipDestroy"}),
            observe={
                "name": "seen.DBParameterGroupName",
                "family": "seen.DBParameterGroupFamily",
                # `names` holds at any depth, and a parameter's name is not the group's.
                "parameters": (
                    "seen.parameters[?contains($inputs.parameters[].name, ParameterName)]"
                    ".{DBParameterGroupName: ParameterName, value: ParameterValue, applyMethod: ApplyMethod}"
                ),
            },
            outputs={"arn": "seen.DBParameterGroupArn"},
            check=matches(
                "name", r"[a-z]([a-z0-9]|-(?!-)(?!$)){0,254}", "a letter, then lower-case letters, digits and hyphens"
            ),
        ),
        "aws:rds/instance:Instance": AwsType(
            create=create("create_db_instance", result="DBInstance"),
            id="inputs.identifier",
            taken=call("describe_db_instances", DBInstanceIdentifier="inputs.identifier", result="DBInstances[0]"),
            read=call("describe_db_instances", DBInstanceIdentifier="id", result="DBInstances[0]"),
            update=(
                create(
                    "modify_db_instance",
                    DBInstanceIdentifier="id",
                    DBPortNumber="inputs.port",
                    CloudwatchLogsExportConfiguration=(
                        "inputs.enabledCloudwatchLogsExports && {EnableLogTypes: inputs.enabledCloudwatchLogsExports"
                        "[?!contains($seen.EnabledCloudwatchLogsExports || `[]`, @)], DisableLogTypes:"
                        " seen.EnabledCloudwatchLogsExports[?!contains($inputs.enabledCloudwatchLogsExports, @)]}"
                    ),
                ),
            ),
            fixed=frozenset({"identifier", "engine", "snapshotIdentifier"}),
            # Of a snapshot there are no rows here to bring back.
            unsent=frozenset({"snapshotIdentifier"}),
            delete=call(
                "delete_db_instance",
                DBInstanceIdentifier="id",
                SkipFinalSnapshot="inputs.skipFinalSnapshot || `false`",
                FinalDBSnapshotIdentifier="!(inputs.skipFinalSnapshot) && inputs.finalSnapshotIdentifier || null",
                DeleteAutomatedBackups="inputs.deleteAutomatedBackups",
            ),
            names={
                "identifier": "DBInstanceIdentifier",
                "instanceClass": "DBInstanceClass",
                "username": "MasterUsername",
                "password": "MasterUserPassword",
                "parameterGroupName": "DBParameterGroupName",
                "backupWindow": "PreferredBackupWindow",
                "maintenanceWindow": "PreferredMaintenanceWindow",
                "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
                "performanceInsightsEnabled": "EnablePerformanceInsights",
                "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
                "caCertIdentifier": "CACertificateIdentifier",
            },
            observe={
                "dbSubnetGroupName": "seen.DBSubnetGroup.DBSubnetGroupName",
                "enabledCloudwatchLogsExports": "seen.EnabledCloudwatchLogsExports || `[]`",
                "manageMasterUserPassword": "seen.MasterUserSecret && `true` || null",
                "masterUserSecretKmsKeyId": "seen.MasterUserSecret.KmsKeyId",
                "engineVersion": (
                    "starts_with(seen.EngineVersion, inputs.engineVersion) && inputs.engineVersion"
                    " || seen.EngineVersion"
                ),
                "iamDatabaseAuthenticationEnabled": "seen.IAMDatabaseAuthenticationEnabled",
                "parameterGroupName": "seen.DBParameterGroups[0].DBParameterGroupName",
                "performanceInsightsEnabled": "seen.PerformanceInsightsEnabled",
                "port": "seen.Endpoint.Port",
                "vpcSecurityGroupIds": "seen.VpcSecurityGroups[].VpcSecurityGroupId",
            },
            outputs={
                "address": "seen.Endpoint.Address",
                "arn": "seen.DBInstanceArn",
                "availabilityZone": "seen.AvailabilityZone",
                "endpoint": "join(':', [seen.Endpoint.Address, to_string(seen.Endpoint.Port)])",
                "engineVersionActual": "seen.EngineVersion",
                "hostedZoneId": "seen.Endpoint.HostedZoneId",
                "masterUserSecrets": (
                    "seen.MasterUserSecret && [{secretArn: seen.MasterUserSecret.SecretArn, kmsKeyId:"
                    " seen.MasterUserSecret.KmsKeyId, secretStatus: seen.MasterUserSecret.SecretStatus}] || `[]`"
                ),
                "port": "seen.Endpoint.Port",
                "resourceId": "seen.DbiResourceId",
                "status": "seen.DBInstanceStatus",
            },
            check=rules(
                matches(
                    "identifier",
                    r"[a-z]([a-z0-9]|-(?!-)(?!$)){0,62}",
                    "a letter, then at most 62 lower-case letters, digits and single hyphens",
                ),
                matches("dbName", r"[A-Za-z][A-Za-z0-9_]{0,62}", "a letter, then letters, digits and _"),
                matches("backupWindow", r"\d\d:\d\d-\d\d:\d\d", "hh:mm-hh:mm"),
                matches("maintenanceWindow", r"[a-z]{3}:\d\d:\d\d-[a-z]{3}:\d\d:\d\d", "ddd:hh:mm-ddd:hh:mm"),
                within("backupRetentionPeriod", 0, 35),
                one_of("monitoringInterval", 0, 1, 5, 10, 15, 30, 60),
                one_of("performanceInsightsRetentionPeriod", *_INSIGHTS),
                needs("kmsKeyId", "storageEncrypted", True),
                needs("masterUserSecretKmsKeyId", "manageMasterUserPassword", True),
                _master,
                needs("performanceInsightsKmsKeyId", "performanceInsightsEnabled", True),
                needs("performanceInsightsRetentionPeriod", "performanceInsightsEnabled", True),
                needs("monitoringInterval", "monitoringRoleArn"),
                _password,
                _placement,
                _snapshot,
                _storage,
                _user,
            ),
        ),
    },
)
