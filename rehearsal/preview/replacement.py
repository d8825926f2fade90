"""What only a replacement can change: for every type of the stacks, the inputs whose change makes the provider delete and create.

AWS: the fields that terraform-provider-aws marks `ForceNew` (`RequiresReplace` in its newer half), on which pulumi-aws is built;
`source` is the file below `internal/service/` that says so. tests/witness/test_replacement.py compares each row with that file.

Kubernetes: the table in pulumi-kubernetes' `provider/pkg/provider/diff.go`, compared likewise; an immutable field of another kind
makes the API server refuse the update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.settings.instance_types import architecture

EVERY_INPUT = "*"


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """The inputs of a type that only a replacement changes: dotted paths without list indexes, each with all below it.

    Those in `when` are fixed only while another input has the value given: {path: (input, value)}.
    """

    paths: frozenset[str] = frozenset()
    when: Mapping[str, tuple[str, Any]] | None = None
    source: str


def _fixed(source: str, paths: str = "", when: Mapping[str, tuple[str, Any]] | None = None) -> Fixed:
    return Fixed(paths=frozenset(paths.split()), when=when, source=source)


_NAMED = "name namePrefix"
_DISK = "deleteOnTermination deviceName encrypted iops kmsKeyId snapshotId throughput volumeSize volumeType"
_CARD = "deleteOnTermination deviceIndex interfaceType networkCardIndex privateIpAddressCount secondarySubnetId"
_REPLACED_USER_DATA = ("userDataReplaceOnChange", True)

FIXED: Mapping[str, Fixed] = {
    "aws:acm/certificate:Certificate": _fixed(
        "acm/certificate.go",
        "certificateAuthorityArn domainName keyAlgorithm subjectAlternativeNames validationMethod validationOptions",
    ),
    "aws:acm/certificateValidation:CertificateValidation": _fixed(
        "acm/certificate_validation.go", "certificateArn validationRecordFqdns"
    ),
    "aws:autoscaling/group:Group": _fixed("autoscaling/group.go", f"{_NAMED} initialLifecycleHooks"),
    "aws:autoscaling/policy:Policy": _fixed("autoscaling/policy.go", "autoscalingGroupName name"),
    "aws:cloudfront/cachePolicy:CachePolicy": _fixed("cloudfront/cache_policy.go"),
    "aws:cloudfront/distribution:Distribution": _fixed("cloudfront/distribution.go", "staging"),
    "aws:cloudfront/originAccessControl:OriginAccessControl": _fixed("cloudfront/origin_access_control.go"),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": _fixed("cloudfront/response_headers_policy.go"),
    "aws:cloudwatch/logDelivery:LogDelivery": _fixed("logs/delivery.go", "deliveryDestinationArn deliverySourceName"),
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": _fixed(
        "logs/delivery_destination.go", "name outputFormat"
    ),
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": _fixed("logs/delivery_source.go", "logType name resourceArn"),
    "aws:cloudwatch/logGroup:LogGroup": _fixed("logs/group.go", f"{_NAMED} logGroupClass"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _fixed("cloudwatch/metric_alarm.go", "name"),
    "aws:codedeploy/application:Application": _fixed("deploy/app.go", "computePlatform"),
    "aws:codedeploy/deploymentGroup:DeploymentGroup": _fixed("deploy/deployment_group.go"),
    "aws:ebs/volume:Volume": _fixed(
        "ec2/ebs_volume.go",
        "availabilityZone encrypted kmsKeyId multiAttachEnabled outpostArn snapshotId",
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _fixed("ec2/vpc_default_security_group.go", "vpcId"),
    "aws:ec2/eip:Eip": _fixed("ec2/ec2_eip.go", "address domain ipamPoolId networkBorderGroup publicIpv4Pool"),
    "aws:ec2/eipAssociation:EipAssociation": _fixed(
        "ec2/ec2_eip_association.go",
        "allocationId allowReassociation instanceId networkInterfaceId privateIpAddress publicIp",
    ),
    "aws:ec2/flowLog:FlowLog": _fixed(
        "ec2/vpc_flow_log.go",
        "deliverCrossAccountRole destinationOptions eniId iamRoleArn logDestination logDestinationType logFormat "
        "maxAggregationInterval regionalNatGatewayId subnetId trafficType transitGatewayAttachmentId transitGatewayId vpcId",
    ),
    "aws:ec2/instance:Instance": _fixed(
        "ec2/ec2_instance.go",
        "ami associatePublicIpAddress availabilityZone cpuOptions.amdSevSnp ebsOptimized enclaveOptions "
        "ephemeralBlockDevices hibernation hostId instanceMarketOptions ipv6Addresses keyName launchTemplate "
        "networkInterfaces placementGroup placementGroupId placementPartitionNumber primaryNetworkInterface.networkInterfaceId "
        "privateIp rootBlockDevice.encrypted "
        "rootBlockDevice.kmsKeyId securityGroups subnetId tenancy "
        + " ".join(f"ebsBlockDevices.{part}" for part in _DISK.split())
        + " "
        + " ".join(f"secondaryNetworkInterfaces.{part}" for part in _CARD.split()),
        when={"userData": _REPLACED_USER_DATA, "userDataBase64": _REPLACED_USER_DATA},
    ),
    "aws:ec2/internetGateway:InternetGateway": _fixed("ec2/vpc_internet_gateway.go"),
    "aws:ec2/launchTemplate:LaunchTemplate": _fixed("ec2/ec2_launch_template.go", _NAMED),
    "aws:ec2/natGateway:NatGateway": _fixed(
        "ec2/vpc_nat_gateway.go", "allocationId availabilityMode connectivityType privateIp subnetId vpcId"
    ),
    "aws:ec2/route:Route": _fixed(
        "ec2/vpc_route.go", "destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId routeTableId"
    ),
    "aws:ec2/routeTable:RouteTable": _fixed("ec2/vpc_route_table.go", "vpcId"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _fixed(
        "ec2/vpc_route_table_association.go", "gatewayId subnetId"
    ),
    "aws:ec2/securityGroup:SecurityGroup": _fixed("ec2/vpc_security_group.go", f"{_NAMED} description vpcId"),
    "aws:ec2/subnet:Subnet": _fixed(
        "ec2/vpc_subnet.go",
        "availabilityZone availabilityZoneId cidrBlock ipv4IpamPoolId ipv4NetmaskLength ipv6IpamPoolId ipv6Native "
        "ipv6NetmaskLength outpostArn vpcId",
    ),
    "aws:ec2/volumeAttachment:VolumeAttachment": _fixed(
        "ec2/ebs_volume_attachment.go", "deviceName instanceId volumeId"
    ),
    "aws:ec2/vpc:Vpc": _fixed(
        "ec2/vpc_.go",
        "cidrBlock ipv4IpamPoolId ipv4NetmaskLength",
        when={"instanceTenancy": ("instanceTenancy", "dedicated")},
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _fixed(
        "ec2/vpc_endpoint.go",
        "dnsOptions.privateDnsPreference dnsOptions.privateDnsSpecifiedDomains "
        "resourceConfigurationArn serviceName serviceNetworkArn serviceRegion vpcEndpointType vpcId",
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _fixed("ecr/lifecycle_policy.go", "policy repository"),
    "aws:ecr/repository:Repository": _fixed("ecr/repository.go", "encryptionConfigurations name"),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": _fixed("ecr/repository_policy.go", "repository"),
    "aws:elasticache/parameterGroup:ParameterGroup": _fixed(
        "elasticache/parameter_group.go", "description family name"
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": _fixed(
        "elasticache/replication_group.go",
        "atRestEncryptionEnabled dataTieringEnabled globalReplicationGroupId kmsKeyId networkType nodeGroupConfigurations port "
        "replicationGroupId securityGroupNames snapshotArns snapshotName subnetGroupName",
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": _fixed("elasticache/subnet_group.go", "name"),
    "aws:iam/instanceProfile:InstanceProfile": _fixed("iam/instance_profile.go", f"{_NAMED} path"),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _fixed("iam/openid_connect_provider.go", "url"),
    "aws:iam/policy:Policy": _fixed("iam/policy.go", f"{_NAMED} description path"),
    "aws:iam/role:Role": _fixed("iam/role.go", f"{_NAMED} path"),
    "aws:iam/rolePolicy:RolePolicy": _fixed("iam/role_policy.go", f"{_NAMED} role"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _fixed("iam/role_policy_attachment.go", "policyArn role"),
    "aws:kms/alias:Alias": _fixed("kms/alias.go", _NAMED),
    "aws:kms/key:Key": _fixed("kms/key.go", "customKeyStoreId customerMasterKeySpec keyUsage multiRegion xksKeyId"),
    "aws:lb/listener:Listener": _fixed("elbv2/listener.go", "loadBalancerArn"),
    "aws:lb/listenerCertificate:ListenerCertificate": _fixed(
        "elbv2/listener_certificate.go", "certificateArn listenerArn"
    ),
    "aws:lb/listenerRule:ListenerRule": _fixed("elbv2/listener_rule.go", "listenerArn"),
    "aws:lb/loadBalancer:LoadBalancer": _fixed(
        "elbv2/load_balancer.go", f"{_NAMED} customerOwnedIpv4Pool internal loadBalancerType"
    ),
    "aws:lb/targetGroup:TargetGroup": _fixed(
        "elbv2/target_group.go",
        f"{_NAMED} ipAddressType port protocol protocolVersion targetControlPort targetType vpcId",
    ),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": _fixed(
        "elbv2/target_group_attachment.go", "availabilityZone port quicServerId targetGroupArn targetId"
    ),
    "aws:lb/trustStore:TrustStore": _fixed("elbv2/trust_store.go", _NAMED),
    "aws:rds/instance:Instance": _fixed(
        "rds/instance.go",
        "availabilityZone backupTarget characterSetName customIamInstanceProfile dbName engine kmsKeyId ncharCharacterSetName "
        "restoreToPointInTime s3Import snapshotIdentifier storageEncrypted timezone username",
    ),
    "aws:rds/parameterGroup:ParameterGroup": _fixed("rds/parameter_group.go", f"{_NAMED} description family"),
    "aws:rds/subnetGroup:SubnetGroup": _fixed("rds/subnet_group.go", _NAMED),
    "aws:route53/healthCheck:HealthCheck": _fixed(
        "route53/health_check.go", "measureLatency referenceName requestInterval routingControlArn type"
    ),
    "aws:route53/record:Record": _fixed("route53/record.go", "name type zoneId"),
    "aws:route53/zone:Zone": _fixed("route53/zone.go", "delegationSetId name"),
    "aws:s3/bucket:Bucket": _fixed(
        "s3/bucket.go",
        "bucket bucketNamespace bucketPrefix objectLockConfiguration.objectLockEnabled objectLockEnabled",
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _fixed(
        "s3/bucket_lifecycle_configuration.go", "bucket expectedBucketOwner"
    ),
    "aws:s3/bucketLogging:BucketLogging": _fixed("s3/bucket_logging.go", "bucket expectedBucketOwner"),
    "aws:s3/bucketObjectv2:BucketObjectv2": _fixed("s3/object.go", "bucket key"),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _fixed("s3/bucket_ownership_controls.go", "bucket"),
    "aws:s3/bucketPolicy:BucketPolicy": _fixed("s3/bucket_policy.go", "bucket"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _fixed("s3/bucket_public_access_block.go", "bucket"),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _fixed(
        "s3/bucket_server_side_encryption_configuration.go", "bucket expectedBucketOwner"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _fixed("s3/bucket_versioning.go", "bucket expectedBucketOwner"),
    "aws:sns/topic:Topic": _fixed("sns/topic.go", f"{_NAMED} fifoTopic"),
    "aws:sns/topicPolicy:TopicPolicy": _fixed("sns/topic_policy.go", "arn"),
    "aws:sns/topicSubscription:TopicSubscription": _fixed("sns/topic_subscription.go", "endpoint protocol topic"),
    "aws:ssm/association:Association": _fixed("ssm/association.go", "name"),
    "aws:ssm/document:Document": _fixed("ssm/document.go", "name"),
    "aws:ssm/parameter:Parameter": _fixed("ssm/parameter.go", "dataType name", when={"tier": ("tier", "Standard")}),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _fixed(
        "ec2/vpc_security_group_ingress_rule.go", "securityGroupId"
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _fixed(
        "ec2/vpc_security_group_ingress_rule.go", "securityGroupId"
    ),
    "aws:wafv2/webAcl:WebAcl": _fixed("wafv2/web_acl.go", f"{_NAMED} scope"),
    "aws:wafv2/webAclAssociation:WebAclAssociation": _fixed("wafv2/web_acl_association.go", "resourceArn webAclArn"),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": _fixed(
        "wafv2/web_acl_logging_configuration.go", "logDestinationConfigs resourceArn"
    ),
    "random:index/randomBytes:RandomBytes": _fixed("terraform-provider-random", EVERY_INPUT),
    "random:index/randomId:RandomId": _fixed("terraform-provider-random", EVERY_INPUT),
    "random:index/randomPassword:RandomPassword": _fixed("terraform-provider-random", EVERY_INPUT),
    "tls:index/privateKey:PrivateKey": _fixed("terraform-provider-tls", EVERY_INPUT),
}

_RULES = (
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)
_RULE_SOURCES = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
_OBJECT = "apiVersion kind metadata.name metadata.namespace"
_KUBERNETES = "pulumi-kubernetes provider/pkg/provider/diff.go"

FIXED_OBJECTS: Mapping[tuple[str, str], str] = {
    ("apps", "DaemonSet"): "spec.selector",
    ("apps", "Deployment"): "spec.selector",
    ("apps", "StatefulSet"): (
        "spec.podManagementPolicy spec.revisionHistoryLimit spec.selector spec.serviceName spec.volumeClaimTemplates"
    ),
    ("batch", "Job"): "spec.completions spec.parallelism spec.selector spec.template",
    ("core", "ConfigMap"): "binaryData data",
    ("core", "PersistentVolume"): "spec.csi spec.hostPath spec.local spec.nfs",
    ("core", "PersistentVolumeClaim"): "spec.accessModes spec.selector spec.storageClassName spec.volumeName",
    ("core", "ResourceQuota"): "spec.scopes",
    ("core", "Secret"): "data stringData type",
    ("core", "Service"): "spec.clusterIP",
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): "roleRef",
    ("rbac.authorization.k8s.io", "RoleBinding"): "roleRef",
    ("storage.k8s.io", "StorageClass"): "parameters provisioner",
}
"""By API group and kind, what is fixed besides the object's kind and name."""


def is_known(type_: str) -> bool:
    """Whether it is known which inputs of the type force a replacement."""
    return type_ in FIXED or type_.startswith(("kubernetes:", "pulumi:providers:", "platform:"))


def forces_replacement(type_: str, path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a change of the input at the dotted path (without list indexes) replaces the resource."""
    if type_ in _RULES and path in _RULE_SOURCES and _source_of(old) != _source_of(new):
        return True
    if (type_, path) == ("aws:ec2/instance:Instance", "instanceType") and _architecture(old) != _architecture(new):
        return True
    fixed = _fixed_for(type_)
    if fixed is None:
        return False
    if EVERY_INPUT in fixed.paths or any(part in fixed.paths for part in _and_above(path)):
        return True
    return any(
        part in (fixed.when or {}) and new.get((fixed.when or {})[part][0]) == (fixed.when or {})[part][1]
        for part in _and_above(path)
    )


def _fixed_for(type_: str) -> Fixed | None:
    package, _, rest = type_.partition(":")
    if package != "kubernetes":
        found = FIXED.get(type_)
        if package == "aws" and found:
            return Fixed(paths=found.paths | {"region"}, when=found.when, source=found.source)
        return found
    group_version, _, kind = rest.partition(":")
    group = group_version.partition("/")[0]
    return _fixed(_KUBERNETES, f"{_OBJECT} {FIXED_OBJECTS.get((group, kind), '')}")


def _architecture(inputs: Mapping[str, Any]) -> str | None:
    """A machine becomes another type of its processor in place, and of another processor never."""
    type_ = inputs.get("instanceType")
    return architecture(type_) if isinstance(type_, str) else None


def _source_of(inputs: Mapping[str, Any]) -> str | None:
    return next((one for one in _RULE_SOURCES if inputs.get(one) is not None), None)


def _and_above(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[:length]) for length in range(len(parts), 0, -1))
