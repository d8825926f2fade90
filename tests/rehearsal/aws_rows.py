"""One row per embedded AWS type: realistic inputs, an update in place, and drift made with boto3."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from rehearsal.aws.tables import table
from rehearsal.provider import State

Props = dict[str, Any]


class World(Protocol):
    """The resources that a row refers to, made when first asked for."""

    def __call__(self, token: str, variant: str = "") -> State: ...


class Nowhere:
    """Stands for every resource a row refers to: what is refused here is refused before anything is looked up."""

    def __init__(self, token: str = "") -> None:
        self.id = "wealist" if token in (APPLICATION, SOURCE) else "arn:aws:acm:us-east-1:1:certificate/1"
        arn = "arn:aws:kms:us-east-1:123456789012:key/1" if token == KEY else "arn:aws:x:us-east-1:1:arn"
        named = ("name", "bucketDomainName", "bucketRegionalDomainName")
        self.inputs = self.outputs = {"arn": arn, **{key: f"arn:aws:x:us-east-1:1:{key}" for key in named}}

    def __call__(self, token: str, variant: str = "") -> Any:
        return Nowhere(token)


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A change made outside: a boto3 call, and the input in which `read` must show it."""

    client: str
    operation: str
    params: Callable[[State, World], Props]
    key: str
    region: str = "ap-northeast-2"


@dataclass(frozen=True, kw_only=True)
class Row:
    """`update`: inputs changed in place. `variants`: further ones of the type that other rows refer to."""

    inputs: Callable[[World], Props]
    update: Callable[[World], Props] | None = None
    drift: tuple[Drift, ...] = ()
    variants: dict[str, Props] | None = None


def policy(action: str, resource: str = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": [action], "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def bucket_policy(bucket: str, action: str = "s3:GetObject") -> str:
    return policy(action, f"arn:aws:s3:::{bucket}/*", Principal={"Service": "cloudfront.amazonaws.com"})


def logging_policy(bucket: str) -> str:
    return policy("s3:PutObject", f"arn:aws:s3:::{bucket}/*", Principal={"Service": "logging.s3.amazonaws.com"})


TAGS = {"Name": "wealist-prod", "Environment": "prod"}
VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
TABLE = "aws:ec2/routeTable:RouteTable"
GATEWAY = "aws:ec2/internetGateway:InternetGateway"
EIP = "aws:ec2/eip:Eip"
NAT = "aws:ec2/natGateway:NatGateway"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
PROFILE = "aws:iam/instanceProfile:InstanceProfile"
KEY = "aws:kms/key:Key"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
TOPIC = "aws:sns/topic:Topic"
BUCKET = "aws:s3/bucket:Bucket"
OAC = "aws:cloudfront/originAccessControl:OriginAccessControl"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
CERTIFICATE = "aws:acm/certificate:Certificate"
ZONE = "aws:route53/zone:Zone"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGETS = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
ASG = "aws:autoscaling/group:Group"
DB_SUBNETS = "aws:rds/subnetGroup:SubnetGroup"
DB_PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
CACHE_SUBNETS = "aws:elasticache/subnetGroup:SubnetGroup"
CACHE_PARAMETERS = "aws:elasticache/parameterGroup:ParameterGroup"
DOCUMENT = "aws:ssm/document:Document"
REPOSITORY = "aws:ecr/repository:Repository"
APPLICATION = "aws:codedeploy/application:Application"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ACL = "aws:wafv2/webAcl:WebAcl"
SOURCE = "aws:cloudwatch/logDeliverySource:LogDeliverySource"
DESTINATION = "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination"

CACHING_OPTIMIZED = table("cloudfront")["cachePolicies"]["CACHING_OPTIMIZED"]


def _tagged(client: str, operation: str, params: Callable[[State, World], Props]) -> Drift:
    return Drift(client=client, operation=operation, params=params, key="tags")


EC2_TAGS = _tagged(
    "ec2", "create_tags", lambda s, w: {"Resources": [s.id], "Tags": [{"Key": "Name", "Value": "somebody"}]}
)


def _subnet(number: int, zone: str) -> Props:
    return {"cidrBlock": f"10.1.{number}.0/24", "availabilityZone": f"ap-northeast-2{zone}"}


def _subnets(w: World) -> list[str]:
    return [w(SUBNET).id, w(SUBNET, "c").id]


def _template(w: World) -> Props:
    return {
        "name": "wealist-prod-backend",
        "description": "user and board",
        "imageId": "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        "instanceType": "t3.small",
        "userData": "IyEvYmluL2Jhc2gKZWNobyBoZWxsbwo=",
        "updateDefaultVersion": True,
        "vpcSecurityGroupIds": [w(GROUP).id],
        "iamInstanceProfile": {"arn": w(PROFILE).outputs["arn"]},
        "monitoring": {"enabled": True},
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 2,
            "instanceMetadataTags": "enabled",
        },
        "blockDeviceMappings": [
            {
                "deviceName": "/dev/xvda",
                "ebs": {
                    "volumeSize": 30,
                    "volumeType": "gp3",
                    "encrypted": "true",
                    "kmsKeyId": w(KEY).outputs["arn"],
                    "deleteOnTermination": "true",
                },
            }
        ],
        "tagSpecifications": [
            {"resourceType": "instance", "tags": TAGS},
            {"resourceType": "volume", "tags": {"Name": "wealist-prod-backend"}},
        ],
        "tags": TAGS,
    }


EC2: dict[str, Row] = {
    VPC: Row(
        inputs=lambda w: {
            "cidrBlock": "10.1.0.0/16",
            "enableDnsHostnames": True,
            "enableDnsSupport": True,
            "instanceTenancy": "default",
            "tags": TAGS,
        },
        update=lambda w: {"enableDnsHostnames": False, "tags": {"Name": "other"}},
        drift=(
            EC2_TAGS,
            Drift(
                client="ec2",
                operation="modify_vpc_attribute",
                params=lambda s, w: {"VpcId": s.id, "EnableDnsHostnames": {"Value": False}},
                key="enableDnsHostnames",
            ),
        ),
    ),
    SUBNET: Row(
        inputs=lambda w: {"vpcId": w(VPC).id, **_subnet(0, "a"), "mapPublicIpOnLaunch": True, "tags": TAGS},
        update=lambda w: {"mapPublicIpOnLaunch": False},
        variants={"c": _subnet(1, "c"), "same zone": _subnet(2, "a")},
        drift=(
            Drift(
                client="ec2",
                operation="modify_subnet_attribute",
                params=lambda s, w: {"SubnetId": s.id, "MapPublicIpOnLaunch": {"Value": False}},
                key="mapPublicIpOnLaunch",
            ),
        ),
    ),
    GATEWAY: Row(
        inputs=lambda w: {"vpcId": w(VPC).id, "tags": TAGS},
        drift=(
            Drift(
                client="ec2",
                operation="detach_internet_gateway",
                params=lambda s, w: {"InternetGatewayId": s.id, "VpcId": w(VPC).id},
                key="vpcId",
            ),
        ),
    ),
    EIP: Row(
        inputs=lambda w: {"domain": "vpc", "tags": TAGS},
        update=lambda w: {"tags": {"a": "b"}},
        drift=(EC2_TAGS,),
    ),
    "aws:ec2/eipAssociation:EipAssociation": Row(
        inputs=lambda w: {"allocationId": w(EIP).id, "instanceId": w(INSTANCE).id}
    ),
    NAT: Row(
        inputs=lambda w: {
            "allocationId": w(EIP).id,
            "subnetId": w(SUBNET).id,
            "connectivityType": "public",
            "tags": TAGS,
        },
        drift=(EC2_TAGS,),
    ),
    TABLE: Row(
        inputs=lambda w: {"vpcId": w(VPC).id, "tags": TAGS},
        variants={"other": {}},
        drift=(EC2_TAGS,),
    ),
    "aws:ec2/route:Route": Row(
        inputs=lambda w: {
            "routeTableId": w(TABLE).id,
            "destinationCidrBlock": "0.0.0.0/0",
            "natGatewayId": w(NAT).id,
        },
        drift=(
            Drift(
                client="ec2",
                operation="replace_route",
                params=lambda s, w: {
                    "RouteTableId": w(TABLE).id,
                    "DestinationCidrBlock": "0.0.0.0/0",
                    "GatewayId": w(GATEWAY).id,
                },
                key="natGatewayId",
            ),
        ),
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Row(
        inputs=lambda w: {"routeTableId": w(TABLE).id, "subnetId": w(SUBNET).id}
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Row(
        inputs=lambda w: {
            "vpcId": w(VPC).id,
            "serviceName": "com.amazonaws.ap-northeast-2.ssm",
            "vpcEndpointType": "Interface",
            "privateDnsEnabled": True,
            "subnetIds": _subnets(w),
            "securityGroupIds": [w(GROUP).id],
            "policy": policy("ssm:*", Principal="*"),
            "tags": TAGS,
        },
        update=lambda w: {"policy": policy("ssm:GetParameter", Principal="*")},
        drift=(EC2_TAGS,),
    ),
    GROUP: Row(
        inputs=lambda w: {
            "vpcId": w(VPC).id,
            "name": "wealist-prod-alb",
            "description": "the front door",
            "revokeRulesOnDelete": True,
            "tags": TAGS,
        },
        variants={"other": {"name": "wealist-prod-ec2"}},
        update=lambda w: {"tags": {"Name": "alb"}},
        drift=(EC2_TAGS,),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Row(
        inputs=lambda w: {"vpcId": w(VPC).id, "ingress": [], "egress": [], "tags": {"Name": "locked"}},
        drift=(
            Drift(
                client="ec2",
                operation="authorize_security_group_ingress",
                params=lambda s, w: {
                    "GroupId": s.id,
                    "IpPermissions": [
                        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
                    ],
                },
                key="ingress",
            ),
        ),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Row(
        inputs=lambda w: {
            "securityGroupId": w(GROUP).id,
            "ipProtocol": "tcp",
            "fromPort": 443,
            "toPort": 443,
            "cidrIpv4": "0.0.0.0/0",
            "description": "HTTPS from anywhere",
            "tags": TAGS,
        },
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Row(
        inputs=lambda w: {
            "securityGroupId": w(GROUP).id,
            "ipProtocol": "tcp",
            "fromPort": 8080,
            "toPort": 8080,
            "referencedSecurityGroupId": w(GROUP, "other").id,
            "description": "to the instances",
        },
    ),
    "aws:ec2/flowLog:FlowLog": Row(
        inputs=lambda w: {
            "vpcId": w(VPC).id,
            "trafficType": "ALL",
            "logDestinationType": "cloud-watch-logs",
            "logDestination": w(LOGS).outputs["arn"],
            "iamRoleArn": w(ROLE).outputs["arn"],
            "maxAggregationInterval": 60,
            "tags": TAGS,
        },
        drift=(EC2_TAGS,),
    ),
    TEMPLATE: Row(
        inputs=_template,
        update=lambda w: {"instanceType": "t3.medium", "monitoring": {"enabled": False}},
        drift=(
            Drift(
                client="ec2",
                operation="create_launch_template_version",
                params=lambda s, w: {
                    "LaunchTemplateId": s.id,
                    "SourceVersion": "1",
                    "LaunchTemplateData": {"ImageId": "ami-12345678", "MetadataOptions": {"HttpTokens": "optional"}},
                },
                key="metadataOptions",
            ),
        ),
    ),
    INSTANCE: Row(
        inputs=lambda w: {
            "ami": "ami-12345678",
            "instanceType": "t3.medium",
            "subnetId": w(SUBNET).id,
            "vpcSecurityGroupIds": [w(GROUP).id],
            "iamInstanceProfile": w(PROFILE).id,
            "userDataBase64": "IyEvYmluL2Jhc2gK",
            "sourceDestCheck": False,
            "metadataOptions": {"httpTokens": "required", "httpEndpoint": "enabled", "httpPutResponseHopLimit": 2},
            "rootBlockDevice": {"volumeSize": 40, "volumeType": "gp3", "encrypted": True},
            "tags": TAGS,
        },
        update=lambda w: {"vpcSecurityGroupIds": [w(GROUP, "other").id], "tags": {"Name": "node"}},
        drift=(
            EC2_TAGS,
            Drift(
                client="ec2",
                operation="modify_instance_attribute",
                params=lambda s, w: {"InstanceId": s.id, "SourceDestCheck": {"Value": True}},
                key="sourceDestCheck",
            ),
        ),
    ),
    VOLUME: Row(
        inputs=lambda w: {
            "availabilityZone": "ap-northeast-2a",
            "size": 20,
            "type": "gp3",
            "encrypted": True,
            "kmsKeyId": w(KEY).outputs["arn"],
            "tags": TAGS,
        },
        update=lambda w: {"size": 40},
        drift=(EC2_TAGS,),
    ),
    "aws:ec2/volumeAttachment:VolumeAttachment": Row(
        inputs=lambda w: {"deviceName": "/dev/sdf", "instanceId": w(INSTANCE).id, "volumeId": w(VOLUME).id}
    ),
}

IDENTITY: dict[str, Row] = {
    ROLE: Row(
        inputs=lambda w: {
            "name": "wealist-prod-ec2-role",
            "assumeRolePolicy": trust("ec2.amazonaws.com"),
            "description": "the instances",
            "maxSessionDuration": 3600,
            "path": "/",
            "tags": TAGS,
        },
        update=lambda w: {
            "assumeRolePolicy": trust("codedeploy.amazonaws.com"),
            "description": "other",
            "maxSessionDuration": 7200,
            "tags": {"Name": "other"},
        },
        drift=(
            Drift(
                client="iam",
                operation="update_assume_role_policy",
                params=lambda s, w: {"RoleName": s.id, "PolicyDocument": trust("lambda.amazonaws.com")},
                key="assumeRolePolicy",
            ),
            _tagged("iam", "tag_role", lambda s, w: {"RoleName": s.id, "Tags": [{"Key": "Name", "Value": "somebody"}]}),
        ),
    ),
    "aws:iam/rolePolicy:RolePolicy": Row(
        inputs=lambda w: {"name": "logs", "role": w(ROLE).id, "policy": policy("logs:PutLogEvents")},
        update=lambda w: {"policy": policy("logs:CreateLogStream")},
        drift=(
            Drift(
                client="iam",
                operation="put_role_policy",
                params=lambda s, w: {"RoleName": w(ROLE).id, "PolicyName": "logs", "PolicyDocument": policy("*")},
                key="policy",
            ),
        ),
    ),
    POLICY: Row(
        inputs=lambda w: {
            "name": "wealist-prod-read",
            "description": "read",
            "path": "/",
            "policy": policy("s3:GetObject"),
            "tags": TAGS,
        },
        update=lambda w: {"policy": policy("s3:PutObject")},
        drift=(
            Drift(
                client="iam",
                operation="create_policy_version",
                params=lambda s, w: {"PolicyArn": s.id, "PolicyDocument": policy("*"), "SetAsDefault": True},
                key="policy",
            ),
        ),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Row(
        inputs=lambda w: {
            "role": w(ROLE).id,
            "policyArn": w(POLICY).id,
        }
    ),
    PROFILE: Row(
        inputs=lambda w: {"name": "wealist-prod-ec2-profile", "role": w(ROLE).id, "tags": TAGS},
        update=lambda w: {"tags": {"Name": "other"}},
        drift=(
            Drift(
                client="iam",
                operation="remove_role_from_instance_profile",
                params=lambda s, w: {"InstanceProfileName": s.id, "RoleName": w(ROLE).id},
                key="role",
            ),
        ),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Row(
        inputs=lambda w: {
            "url": "https://token.actions.githubusercontent.com",
            "clientIdLists": ["sts.amazonaws.com"],
            "thumbprintLists": ["6938fd4d98bab03faadb97b34396831e3780aea1"],
            "tags": TAGS,
        },
        update=lambda w: {"thumbprintLists": ["1c58a3a8518e8759bf075b76b750d4f2df264fcd"]},
        drift=(
            Drift(
                client="iam",
                operation="update_open_id_connect_provider_thumbprint",
                params=lambda s, w: {"OpenIDConnectProviderArn": s.id, "ThumbprintList": ["a" * 40]},
                key="thumbprintLists",
            ),
        ),
    ),
    KEY: Row(
        inputs=lambda w: {
            "description": "wealist",
            "enableKeyRotation": True,
            "rotationPeriodInDays": 180,
            "deletionWindowInDays": 7,
            "multiRegion": False,
            "keyUsage": "ENCRYPT_DECRYPT",
            "policy": policy("kms:*", Principal={"AWS": "*"}),
            "tags": TAGS,
        },
        update=lambda w: {
            "description": "other",
            "policy": policy("kms:Decrypt", Principal={"AWS": "*"}),
            "tags": {"Name": "other"},
        },
        drift=(
            Drift(
                client="kms",
                operation="disable_key_rotation",
                params=lambda s, w: {"KeyId": s.id},
                key="enableKeyRotation",
            ),
            _tagged(
                "kms",
                "tag_resource",
                lambda s, w: {"KeyId": s.id, "Tags": [{"TagKey": "Name", "TagValue": "somebody"}]},
            ),
        ),
    ),
    "aws:kms/alias:Alias": Row(inputs=lambda w: {"name": "alias/wealist-prod", "targetKeyId": w(KEY).outputs["arn"]}),
    CERTIFICATE: Row(
        inputs=lambda w: {
            "domainName": "wealist.co.kr",
            "subjectAlternativeNames": ["*.wealist.co.kr"],
            "validationMethod": "DNS",
            "options": {"certificateTransparencyLoggingPreference": "ENABLED"},
            "region": "us-east-1",
            "tags": TAGS,
        },
        update=lambda w: {"tags": {"Name": "other"}},
        variants={"seoul": {"region": "ap-northeast-2"}},
        drift=(
            Drift(
                client="acm",
                operation="add_tags_to_certificate",
                params=lambda s, w: {"CertificateArn": s.id, "Tags": [{"Key": "Name", "Value": "somebody"}]},
                key="tags",
                region="us-east-1",
            ),
        ),
    ),
    "aws:acm/certificateValidation:CertificateValidation": Row(
        inputs=lambda w: {
            "certificateArn": w(CERTIFICATE).id,
            "validationRecordFqdns": ["_d930.wealist.co.kr"],
            "region": "us-east-1",
        }
    ),
}

WATCHING: dict[str, Row] = {
    LOGS: Row(
        inputs=lambda w: {
            "name": "/wealist/prod/flow",
            "retentionInDays": 30,
            "kmsKeyId": w(KEY).outputs["arn"],
            "skipDestroy": False,
            "tags": TAGS,
        },
        update=lambda w: {"retentionInDays": 90, "tags": {"Name": "other"}},
        variants={"waf": {"name": "aws-waf-logs-wealist-prod"}},
        drift=(
            Drift(
                client="logs",
                operation="delete_retention_policy",
                params=lambda s, w: {"logGroupName": s.id},
                key="retentionInDays",
            ),
            _tagged(
                "logs",
                "tag_resource",
                lambda s, w: {"resourceArn": s.outputs["arn"], "tags": {"Name": "somebody"}},
            ),
        ),
    ),
    SOURCE: Row(
        inputs=lambda w: {
            "name": "wealist-cdn",
            "logType": "ACCESS_LOGS",
            "resourceArn": w(DISTRIBUTION).outputs["arn"],
            "region": "us-east-1",
            "tags": TAGS,
        }
    ),
    DESTINATION: Row(
        inputs=lambda w: {
            "name": "wealist-cdn-logs",
            "outputFormat": "parquet",
            "deliveryDestinationConfiguration": {"destinationResourceArn": w(BUCKET).outputs["arn"]},
            "region": "us-east-1",
        }
    ),
    "aws:cloudwatch/logDelivery:LogDelivery": Row(
        inputs=lambda w: {
            "deliverySourceName": w(SOURCE).id,
            "deliveryDestinationArn": w(DESTINATION).outputs["arn"],
            "s3DeliveryConfigurations": [{"suffixPath": "/{yyyy}/{MM}", "enableHiveCompatiblePath": False}],
            "recordFields": ["date", "time", "cs-method"],
            "fieldDelimiter": "",
            "region": "us-east-1",
        }
    ),
    ALARM: Row(
        inputs=lambda w: {
            "name": "wealist-prod-5xx",
            "alarmDescription": "errors",
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 3,
            "datapointsToAlarm": 2,
            "metricName": "HTTPCode_Target_5XX_Count",
            "namespace": "AWS/ApplicationELB",
            "period": 60,
            "statistic": "Sum",
            "threshold": 10,
            "treatMissingData": "notBreaching",
            "dimensions": {"LoadBalancer": "app/wealist/1", "TargetGroup": "targetgroup/user/1"},
            "alarmActions": [w(TOPIC).id],
            "okActions": [w(TOPIC).id],
            "actionsEnabled": True,
            "tags": TAGS,
        },
        update=lambda w: {"threshold": 20.5, "dimensions": {"LoadBalancer": "app/wealist/2"}},
        drift=(
            Drift(
                client="cloudwatch",
                operation="disable_alarm_actions",
                params=lambda s, w: {"AlarmNames": [s.id]},
                key="actionsEnabled",
            ),
        ),
    ),
    TOPIC: Row(
        inputs=lambda w: {
            "name": "wealist-prod-alarms",
            "displayName": "alarms",
            "kmsMasterKeyId": "alias/aws/sns",
            "tags": TAGS,
        },
        update=lambda w: {"displayName": "other", "tags": {"Name": "other"}},
        drift=(
            Drift(
                client="sns",
                operation="set_topic_attributes",
                params=lambda s, w: {"TopicArn": s.id, "AttributeName": "DisplayName", "AttributeValue": "somebody"},
                key="displayName",
            ),
        ),
    ),
    "aws:sns/topicPolicy:TopicPolicy": Row(
        inputs=lambda w: {"arn": w(TOPIC).id, "policy": policy("sns:Publish", w(TOPIC).id, Principal={"AWS": "*"})},
        update=lambda w: {"policy": policy("sns:Subscribe", w(TOPIC).id, Principal={"AWS": "*"})},
    ),
    "aws:sns/topicSubscription:TopicSubscription": Row(
        inputs=lambda w: {
            "topic": w(TOPIC).id,
            "protocol": "email",
            "endpoint": "ops@wealist.co.kr",
            "endpointAutoConfirms": False,
        }
    ),
}


def _distribution(w: World) -> Props:
    return {
        "enabled": True,
        "isIpv6Enabled": True,
        "httpVersion": "http2and3",
        "defaultRootObject": "index.html",
        "aliases": ["wealist.co.kr", "www.wealist.co.kr"],
        "priceClass": "PriceClass_200",
        "comment": "wealist",
        "origins": [
            {
                "originId": "site",
                "domainName": w(BUCKET).outputs["bucketRegionalDomainName"],
                "originAccessControlId": w(OAC).id,
            },
            {
                "originId": "api",
                "domainName": "api.wealist.co.kr",
                "customOriginConfig": {
                    "httpPort": 80,
                    "httpsPort": 443,
                    "originProtocolPolicy": "https-only",
                    "originSslProtocols": ["TLSv1.2"],
                },
            },
        ],
        "defaultCacheBehavior": {
            "targetOriginId": "site",
            "viewerProtocolPolicy": "redirect-to-https",
            "allowedMethods": ["GET", "HEAD"],
            "cachedMethods": ["GET", "HEAD"],
            "cachePolicyId": CACHING_OPTIMIZED,
            "responseHeadersPolicyId": w("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy").id,
            "compress": True,
        },
        "orderedCacheBehaviors": [
            {
                "pathPattern": "/api/*",
                "targetOriginId": "api",
                "viewerProtocolPolicy": "https-only",
                "allowedMethods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
                "cachedMethods": ["GET", "HEAD"],
                "cachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            }
        ],
        "customErrorResponses": [
            {"errorCode": code, "responseCode": 200, "responsePagePath": "/index.html", "errorCachingMinTtl": 10}
            for code in (403, 404)
        ],
        "restrictions": {"geoRestriction": {"restrictionType": "whitelist", "locations": ["KR", "JP"]}},
        "viewerCertificate": {
            "acmCertificateArn": w(CERTIFICATE).id,
            "minimumProtocolVersion": "TLSv1.2_2021",
            "sslSupportMethod": "sni-only",
        },
        "loggingConfig": {"bucket": w(BUCKET).outputs["bucketDomainName"], "prefix": "cdn/", "includeCookies": False},
        "waitForDeployment": False,
        "tags": TAGS,
    }


EDGE: dict[str, Row] = {
    BUCKET: Row(
        inputs=lambda w: {"bucket": "wealist-prod-frontend", "forceDestroy": True, "tags": TAGS},
        update=lambda w: {"forceDestroy": False, "tags": {"Name": "other"}},
        drift=(
            _tagged(
                "s3",
                "put_bucket_tagging",
                lambda s, w: {"Bucket": s.id, "Tagging": {"TagSet": [{"Key": "Name", "Value": "somebody"}]}},
            ),
        ),
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Row(
        inputs=lambda w: {
            "bucket": w(BUCKET).id,
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        update=lambda w: {"ignorePublicAcls": False},
        drift=(
            Drift(
                client="s3",
                operation="put_public_access_block",
                params=lambda s, w: {
                    "Bucket": s.id,
                    "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": False},
                },
                key="blockPublicPolicy",
            ),
        ),
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Row(
        inputs=lambda w: {
            "bucket": w(BUCKET).id,
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": True}],
        },
        update=lambda w: {
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {
                        "sseAlgorithm": "aws:kms",
                        "kmsMasterKeyId": w(KEY).outputs["arn"],
                    },
                    "bucketKeyEnabled": True,
                }
            ]
        },
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Row(
        inputs=lambda w: {"bucket": w(BUCKET).id, "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        update=lambda w: {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Row(
        inputs=lambda w: {"bucket": w(BUCKET).id, "policy": bucket_policy(w(BUCKET).id)},
        update=lambda w: {"policy": bucket_policy(w(BUCKET).id, "s3:ListBucket")},
        drift=(
            Drift(
                client="s3",
                operation="put_bucket_policy",
                params=lambda s, w: {"Bucket": s.id, "Policy": bucket_policy(s.id, "s3:*")},
                key="policy",
            ),
        ),
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Row(
        inputs=lambda w: {
            "bucket": w(BUCKET).id,
            "rules": [
                {
                    "id": "logs",
                    "status": "Enabled",
                    "filter": {"prefix": "alb/"},
                    "expiration": {"days": 90},
                    "transitions": [{"days": 30, "storageClass": "STANDARD_IA"}],
                },
                {
                    "id": "uploads",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
                    "noncurrentVersionExpiration": {"noncurrentDays": 30},
                },
            ],
        },
        update=lambda w: {
            "rules": [{"id": "logs", "status": "Disabled", "filter": {"prefix": "alb/"}, "expiration": {"days": 365}}]
        },
        drift=(
            Drift(
                client="s3",
                operation="put_bucket_lifecycle_configuration",
                params=lambda s, w: {
                    "Bucket": s.id,
                    "LifecycleConfiguration": {
                        "Rules": [
                            {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
                        ]
                    },
                },
                key="rules",
            ),
        ),
    ),
    "aws:s3/bucketLogging:BucketLogging": Row(
        inputs=lambda w: {
            "bucket": w(BUCKET).id,
            "targetBucket": w("aws:s3/bucketPolicy:BucketPolicy", "logs").id,
            "targetPrefix": "s3/",
        },
        update=lambda w: {"targetPrefix": "other/"},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": Row(
        inputs=lambda w: {"bucket": w(BUCKET).id, "versioningConfiguration": {"status": "Enabled"}},
        update=lambda w: {"versioningConfiguration": {"status": "Suspended"}},
        drift=(
            Drift(
                client="s3",
                operation="put_bucket_versioning",
                params=lambda s, w: {"Bucket": s.id, "VersioningConfiguration": {"Status": "Suspended"}},
                key="versioningConfiguration",
            ),
        ),
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": Row(
        inputs=lambda w: {
            "bucket": w(BUCKET).id,
            "key": "bootstrap/files.tar.gz",
            "contentBase64": "H4sIAAAAAAAC/wMAAAAAAAAAAAA=",
            "contentType": "application/gzip",
            "cacheControl": "max-age=300",
            "serverSideEncryption": "AES256",
            "tags": TAGS,
        },
        update=lambda w: {"contentBase64": "H4sIAAAAAAAC/8sAAKEQ1NgCAAAA", "contentType": "application/octet-stream"},
        drift=(
            Drift(
                client="s3",
                operation="put_object",
                params=lambda s, w: {
                    "Bucket": w(BUCKET).id,
                    "Key": "bootstrap/files.tar.gz",
                    "Body": b"somebody",
                    "ContentType": "text/plain",
                    "CacheControl": "max-age=300",
                    "Tagging": "Name=wealist-prod&Environment=prod",
                },
                key="contentType",
            ),
        ),
    ),
    OAC: Row(
        inputs=lambda w: {
            "name": "wealist-prod-frontend",
            "description": "the site",
            "originAccessControlOriginType": "s3",
            "signingBehavior": "always",
            "signingProtocol": "sigv4",
        },
        update=lambda w: {"description": "other"},
    ),
    DISTRIBUTION: Row(
        inputs=_distribution,
        update=lambda w: {
            "comment": "other",
            "priceClass": "PriceClass_All",
            "customErrorResponses": [{"errorCode": 500, "errorCachingMinTtl": 5}],
            "tags": {"Name": "other"},
        },
        drift=(
            _tagged(
                "cloudfront",
                "tag_resource",
                lambda s, w: {
                    "Resource": s.outputs["arn"],
                    "Tags": {"Items": [{"Key": "Name", "Value": "somebody"}]},
                },
            ),
        ),
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": Row(
        inputs=lambda w: {
            "name": "wealist-prod-headers",
            "securityHeadersConfig": {
                "contentTypeOptions": {"override": True},
                "frameOptions": {"frameOption": "DENY", "override": True},
                "strictTransportSecurity": {
                    "accessControlMaxAgeSec": 31536000,
                    "includeSubdomains": True,
                    "preload": True,
                    "override": True,
                },
                "contentSecurityPolicy": {"contentSecurityPolicy": "default-src 'self'", "override": True},
            },
            "corsConfig": {
                "accessControlAllowCredentials": False,
                "accessControlAllowHeaders": {"items": ["*"]},
                "accessControlAllowMethods": {"items": ["GET"]},
                "accessControlAllowOrigins": {"items": ["https://wealist.co.kr"]},
                "originOverride": True,
            },
        },
        update=lambda w: {"comment": "other"},
    ),
    "aws:cloudfront/cachePolicy:CachePolicy": Row(
        inputs=lambda w: {
            "name": "wealist-prod-api",
            "minTtl": 0,
            "parametersInCacheKeyAndForwardedToOrigin": {
                "cookiesConfig": {"cookieBehavior": "none"},
                "headersConfig": {"headerBehavior": "whitelist", "headers": {"items": ["Authorization"]}},
                "queryStringsConfig": {"queryStringBehavior": "all"},
                "enableAcceptEncodingGzip": True,
            },
        },
        update=lambda w: {"maxTtl": 60},
    ),
    ZONE: Row(
        inputs=lambda w: {"name": "wealist.co.kr", "comment": "wealist", "forceDestroy": False, "tags": TAGS},
        update=lambda w: {"comment": "other", "tags": {"Name": "other"}},
        variants={"private": {"name": "wealist.internal", "vpcs": [{"vpcId": "vpc"}]}},
        drift=(
            Drift(
                client="route53",
                operation="update_hosted_zone_comment",
                params=lambda s, w: {"Id": s.id, "Comment": "somebody"},
                key="comment",
            ),
        ),
    ),
    "aws:route53/record:Record": Row(
        inputs=lambda w: {
            "zoneId": w(ZONE).id,
            "name": "www.wealist.co.kr",
            "type": "A",
            "aliases": [{"name": "d1.cloudfront.net", "zoneId": "Z2FDTNDATAQYW2", "evaluateTargetHealth": False}],
        },
        update=lambda w: {
            "aliases": [{"name": "d2.cloudfront.net", "zoneId": "Z2FDTNDATAQYW2", "evaluateTargetHealth": True}]
        },
        drift=(
            Drift(
                client="route53",
                operation="change_resource_record_sets",
                params=lambda s, w: {
                    "HostedZoneId": w(ZONE).id,
                    "ChangeBatch": {
                        "Changes": [
                            {
                                "Action": "UPSERT",
                                "ResourceRecordSet": {
                                    "Name": "www.wealist.co.kr",
                                    "Type": "A",
                                    "AliasTarget": {
                                        "DNSName": "evil.example.com",
                                        "HostedZoneId": "Z2FDTNDATAQYW2",
                                        "EvaluateTargetHealth": False,
                                    },
                                },
                            }
                        ]
                    },
                },
                key="aliases",
            ),
        ),
    ),
    "aws:route53/healthCheck:HealthCheck": Row(
        inputs=lambda w: {
            "type": "HTTPS",
            "fqdn": "api.wealist.co.kr",
            "port": 443,
            "resourcePath": "/health",
            "requestInterval": 30,
            "failureThreshold": 3,
            "tags": TAGS,
        },
        update=lambda w: {"failureThreshold": 5},
        drift=(
            Drift(
                client="route53",
                operation="update_health_check",
                params=lambda s, w: {"HealthCheckId": s.id, "ResourcePath": "/other"},
                key="resourcePath",
            ),
        ),
    ),
    ACL: Row(
        inputs=lambda w: {
            "name": "wealist-prod",
            "scope": "REGIONAL",
            "description": "the front door",
            "defaultAction": {"allow": {}},
            "rules": [
                {
                    "name": "common",
                    "priority": 1,
                    "overrideAction": {"none": {}},
                    "statement": {
                        "managedRuleGroupStatement": {"name": "AWSManagedRulesCommonRuleSet", "vendorName": "AWS"}
                    },
                    "visibilityConfig": {
                        "cloudwatchMetricsEnabled": True,
                        "metricName": "common",
                        "sampledRequestsEnabled": True,
                    },
                }
            ],
            "visibilityConfig": {
                "cloudwatchMetricsEnabled": True,
                "metricName": "wealist",
                "sampledRequestsEnabled": True,
            },
            "tags": TAGS,
        },
        update=lambda w: {"defaultAction": {"block": {}}, "description": "other"},
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Row(
        inputs=lambda w: {"webAclArn": w(ACL).outputs["arn"], "resourceArn": w(BALANCER).id}
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Row(
        inputs=lambda w: {
            "resourceArn": w(ACL).outputs["arn"],
            "logDestinationConfigs": [w(LOGS, "waf").outputs["arn"]],
            "redactedFields": [{"singleHeader": {"name": "authorization"}}],
        },
        update=lambda w: {"redactedFields": [{"singleHeader": {"name": "cookie"}}]},
        drift=(
            Drift(
                client="wafv2",
                operation="put_logging_configuration",
                params=lambda s, w: {
                    "LoggingConfiguration": {
                        "ResourceArn": s.id,
                        "LogDestinationConfigs": [w(LOGS, "waf").outputs["arn"]],
                        "RedactedFields": [{"SingleHeader": {"Name": "x-somebody"}}],
                    }
                },
                key="redactedFields",
            ),
        ),
    ),
}

SERVING: dict[str, Row] = {
    BALANCER: Row(
        inputs=lambda w: {
            "name": "wealist-prod-alb",
            "internal": False,
            "loadBalancerType": "application",
            "subnets": _subnets(w),
            "securityGroups": [w(GROUP).id],
            "ipAddressType": "ipv4",
            "enableDeletionProtection": False,
            "dropInvalidHeaderFields": True,
            "idleTimeout": 60,
            "enableHttp2": True,
            "desyncMitigationMode": "defensive",
            "xffHeaderProcessingMode": "append",
            "accessLogs": {"bucket": w(BUCKET).id, "prefix": "alb", "enabled": True},
            "tags": TAGS,
        },
        update=lambda w: {"idleTimeout": 120, "securityGroups": [w(GROUP, "other").id], "tags": {"Name": "other"}},
        drift=(
            Drift(
                client="elbv2",
                operation="modify_load_balancer_attributes",
                params=lambda s, w: {
                    "LoadBalancerArn": s.id,
                    "Attributes": [{"Key": "access_logs.s3.enabled", "Value": "false"}],
                },
                key="accessLogs",
            ),
            _tagged(
                "elbv2",
                "add_tags",
                lambda s, w: {"ResourceArns": [s.id], "Tags": [{"Key": "Name", "Value": "somebody"}]},
            ),
        ),
    ),
    TARGETS: Row(
        inputs=lambda w: {
            "name": "wealist-prod-user",
            "port": 8080,
            "protocol": "HTTP",
            "protocolVersion": "HTTP1",
            "vpcId": w(VPC).id,
            "targetType": "instance",
            "deregistrationDelay": 30,
            "slowStart": 0,
            "loadBalancingAlgorithmType": "round_robin",
            "healthCheck": {
                "enabled": True,
                "path": "/actuator/health",
                "port": "traffic-port",
                "protocol": "HTTP",
                "matcher": "200",
                "interval": 30,
                "timeout": 5,
                "healthyThreshold": 2,
                "unhealthyThreshold": 3,
            },
            "stickiness": {"type": "lb_cookie", "enabled": True, "cookieDuration": 86400},
            "tags": TAGS,
        },
        update=lambda w: {
            "deregistrationDelay": 60,
            "healthCheck": {"path": "/health", "matcher": "200-299", "interval": 15, "timeout": 4},
        },
        variants={"other": {"name": "wealist-prod-board", "port": 8000}},
        drift=(
            Drift(
                client="elbv2",
                operation="modify_target_group",
                params=lambda s, w: {"TargetGroupArn": s.id, "HealthCheckPath": "/other"},
                key="healthCheck",
            ),
            Drift(
                client="elbv2",
                operation="modify_target_group_attributes",
                params=lambda s, w: {
                    "TargetGroupArn": s.id,
                    "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "300"}],
                },
                key="deregistrationDelay",
            ),
        ),
    ),
    LISTENER: Row(
        inputs=lambda w: {
            "loadBalancerArn": w(BALANCER).id,
            "port": 443,
            "protocol": "HTTPS",
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "certificateArn": w(CERTIFICATE, "seoul").id,
            "defaultActions": [
                {
                    "type": "fixed-response",
                    "fixedResponse": {"contentType": "text/plain", "statusCode": "404", "messageBody": "none"},
                }
            ],
            "tags": TAGS,
        },
        update=lambda w: {"defaultActions": [{"type": "forward", "targetGroupArn": w(TARGETS).id}]},
        variants={
            "http": {
                "port": 80,
                "protocol": "HTTP",
                "sslPolicy": None,
                "certificateArn": None,
                "defaultActions": [
                    {"type": "redirect", "redirect": {"port": "443", "protocol": "HTTPS", "statusCode": "HTTP_301"}}
                ],
            }
        },
        drift=(
            Drift(
                client="elbv2",
                operation="modify_listener",
                params=lambda s, w: {
                    "ListenerArn": s.id,
                    "DefaultActions": [{"Type": "forward", "TargetGroupArn": w(TARGETS).id}],
                },
                key="defaultActions",
            ),
        ),
    ),
    "aws:lb/trustStore:TrustStore": Row(
        inputs=lambda w: {
            "name": "gateway-lab-clients",
            "caCertificatesBundleS3Bucket": w(BUCKET).id,
            "caCertificatesBundleS3Key": "authorities.pem",
            "tags": TAGS,
        },
        update=lambda w: {"caCertificatesBundleS3Key": "other.pem"},
    ),
    "aws:lb/listenerRule:ListenerRule": Row(
        inputs=lambda w: {
            "listenerArn": w(LISTENER).id,
            "priority": 10,
            "actions": [
                {
                    "type": "forward",
                    "forward": {
                        "targetGroups": [{"arn": w(TARGETS).id, "weight": 1}],
                        "stickiness": {"enabled": True, "duration": 3600},
                    },
                }
            ],
            "conditions": [
                {"pathPattern": {"values": ["/api/users/*", "/api/auth/*"]}},
                {"hostHeader": {"values": ["api.wealist.co.kr"]}},
                {"httpHeader": {"httpHeaderName": "Upgrade", "values": ["websocket"]}},
            ],
            "tags": TAGS,
        },
        update=lambda w: {"priority": 20, "conditions": [{"pathPattern": {"regexValues": ["^/api/[a-z]*$"]}}]},
        drift=(
            Drift(
                client="elbv2",
                operation="set_rule_priorities",
                params=lambda s, w: {"RulePriorities": [{"RuleArn": s.id, "Priority": 99}]},
                key="priority",
            ),
        ),
    ),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": Row(
        inputs=lambda w: {"targetGroupArn": w(TARGETS).id, "targetId": w(INSTANCE).id, "port": 8080}
    ),
    "aws:lb/listenerCertificate:ListenerCertificate": Row(
        inputs=lambda w: {"listenerArn": w(LISTENER).id, "certificateArn": w(CERTIFICATE, "other").id}
    ),
    ASG: Row(
        inputs=lambda w: {
            "name": "wealist-prod-backend",
            "minSize": 2,
            "desiredCapacity": 2,
            "maxSize": 6,
            "vpcZoneIdentifiers": _subnets(w),
            "launchTemplate": {"id": w(TEMPLATE).id, "version": "$Latest"},
            "targetGroupArns": [w(TARGETS).id],
            "healthCheckType": "ELB",
            "healthCheckGracePeriod": 300,
            "defaultInstanceWarmup": 120,
            "terminationPolicies": ["OldestInstance"],
            "enabledMetrics": ["GroupInServiceInstances", "GroupDesiredCapacity"],
            "metricsGranularity": "1Minute",
            "suspendedProcesses": ["AZRebalance"],
            "instanceRefresh": {"strategy": "Rolling", "preferences": {"minHealthyPercentage": 50}},
            "waitForCapacityTimeout": "0",
            "forceDelete": True,
            "tags": [
                {"key": "Name", "value": "wealist-prod-backend", "propagateAtLaunch": True},
                {"key": "Environment", "value": "prod", "propagateAtLaunch": False},
            ],
        },
        update=lambda w: {
            "maxSize": 8,
            "desiredCapacity": 3,
            "targetGroupArns": [w(TARGETS, "other").id],
            "suspendedProcesses": ["AlarmNotification"],
            "tags": [{"key": "Name", "value": "other", "propagateAtLaunch": True}],
        },
        drift=(
            Drift(
                client="autoscaling",
                operation="update_auto_scaling_group",
                params=lambda s, w: {"AutoScalingGroupName": s.id, "MaxSize": 20},
                key="maxSize",
            ),
        ),
    ),
    "aws:autoscaling/policy:Policy": Row(
        inputs=lambda w: {
            "name": "cpu",
            "autoscalingGroupName": w(ASG).id,
            "policyType": "TargetTrackingScaling",
            "estimatedInstanceWarmup": 120,
            "targetTrackingConfiguration": {
                "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
                "targetValue": 70,
                "disableScaleIn": False,
            },
        },
        update=lambda w: {
            "targetTrackingConfiguration": {
                "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
                "targetValue": 50,
                "disableScaleIn": False,
            }
        },
    ),
}

DATA: dict[str, Row] = {
    DB_SUBNETS: Row(
        inputs=lambda w: {"name": "wealist-prod-db", "description": "db", "subnetIds": _subnets(w), "tags": TAGS},
        update=lambda w: {"description": "other"},
    ),
    DB_PARAMETERS: Row(
        inputs=lambda w: {
            "name": "wealist-prod-postgres17",
            "family": "postgres17",
            "description": "force SSL",
            "parameters": [
                {"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"},
                {"name": "log_min_duration_statement", "value": "500"},
            ],
            "tags": TAGS,
        },
        update=lambda w: {"parameters": [{"name": "rds.force_ssl", "value": "0", "applyMethod": "immediate"}]},
        drift=(
            Drift(
                client="rds",
                operation="modify_db_parameter_group",
                params=lambda s, w: {
                    "DBParameterGroupName": s.id,
                    "Parameters": [
                        {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "immediate"}
                    ],
                },
                key="parameters",
            ),
        ),
    ),
    "aws:rds/instance:Instance": Row(
        inputs=lambda w: {
            "identifier": "wealist-prod-db",
            "engine": "postgres",
            "engineVersion": "17.6",
            "instanceClass": "db.t3.micro",
            "allocatedStorage": 20,
            "maxAllocatedStorage": 100,
            "storageType": "gp3",
            "storageEncrypted": True,
            "kmsKeyId": w(KEY).outputs["arn"],
            "dbName": "wealist",
            "username": "wealist_admin",
            "password": "correct-horse-battery",
            "port": 5432,
            "multiAz": True,
            "dbSubnetGroupName": w(DB_SUBNETS).id,
            "vpcSecurityGroupIds": [w(GROUP).id],
            "parameterGroupName": w(DB_PARAMETERS).id,
            "backupRetentionPeriod": 7,
            "backupWindow": "17:00-18:00",
            "maintenanceWindow": "sun:18:30-sun:19:30",
            "copyTagsToSnapshot": True,
            "deletionProtection": False,
            "skipFinalSnapshot": True,
            "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
            "performanceInsightsEnabled": True,
            "performanceInsightsRetentionPeriod": 7,
            "monitoringInterval": 60,
            "monitoringRoleArn": w(ROLE).outputs["arn"],
            "autoMinorVersionUpgrade": True,
            "iamDatabaseAuthenticationEnabled": True,
            "publiclyAccessible": False,
            "applyImmediately": False,
            "caCertIdentifier": "rds-ca-rsa2048-g1",
            "tags": TAGS,
        },
        update=lambda w: {
            "instanceClass": "db.t3.small",
            "backupRetentionPeriod": 14,
            "deletionProtection": False,
            "password": "another-horse-battery",
            "applyImmediately": True,
            "tags": {"Name": "other"},
        },
        drift=(
            Drift(
                client="rds",
                operation="modify_db_instance",
                params=lambda s, w: {"DBInstanceIdentifier": s.id, "BackupRetentionPeriod": 0},
                key="backupRetentionPeriod",
            ),
            Drift(
                client="rds",
                operation="modify_db_instance",
                params=lambda s, w: {"DBInstanceIdentifier": s.id, "PubliclyAccessible": True},
                key="publiclyAccessible",
            ),
            _tagged(
                "rds",
                "add_tags_to_resource",
                lambda s, w: {"ResourceName": s.outputs["arn"], "Tags": [{"Key": "Name", "Value": "somebody"}]},
            ),
        ),
    ),
    CACHE_SUBNETS: Row(
        inputs=lambda w: {"name": "wealist-prod-redis", "description": "redis", "subnetIds": _subnets(w), "tags": TAGS}
    ),
    CACHE_PARAMETERS: Row(
        inputs=lambda w: {
            "name": "wealist-prod-redis7",
            "family": "redis7",
            "description": "redis",
            "parameters": [{"name": "maxmemory-policy", "value": "allkeys-lru"}],
        },
        update=lambda w: {"parameters": [{"name": "maxmemory-policy", "value": "noeviction"}]},
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": Row(
        inputs=lambda w: {
            "replicationGroupId": "wealist-prod-redis",
            "description": "sessions and cache",
            "engine": "redis",
            "engineVersion": "7.1",
            "nodeType": "cache.t3.micro",
            "port": 6379,
            "parameterGroupName": w(CACHE_PARAMETERS).id,
            "subnetGroupName": w(CACHE_SUBNETS).id,
            "securityGroupIds": [w(GROUP).id],
            "atRestEncryptionEnabled": True,
            "kmsKeyId": w(KEY).outputs["arn"],
            "transitEncryptionEnabled": True,
            "transitEncryptionMode": "required",
            "authToken": "a-long-enough-token",
            "authTokenUpdateStrategy": "ROTATE",
            "automaticFailoverEnabled": True,
            "multiAzEnabled": True,
            "numCacheClusters": 2,
            "preferredCacheClusterAzs": ["ap-northeast-2a", "ap-northeast-2c"],
            "snapshotRetentionLimit": 5,
            "snapshotWindow": "17:00-18:00",
            "maintenanceWindow": "sun:18:30-sun:19:30",
            "autoMinorVersionUpgrade": True,
            "applyImmediately": True,
            "logDeliveryConfigurations": [
                {
                    "destination": w(LOGS).id,
                    "destinationType": "cloudwatch-logs",
                    "logFormat": "json",
                    "logType": "slow-log",
                }
            ],
            "tags": TAGS,
        },
        update=lambda w: {"description": "other", "nodeType": "cache.t3.small", "authToken": "another-long-token"},
        drift=(
            Drift(
                client="elasticache",
                operation="modify_replication_group",
                params=lambda s, w: {"ReplicationGroupId": s.id, "MultiAZEnabled": False},
                key="multiAzEnabled",
            ),
        ),
    ),
    "aws:ssm/parameter:Parameter": Row(
        inputs=lambda w: {
            "name": "/wealist/prod/db/password",
            "type": "SecureString",
            "value": "correct-horse-battery",
            "keyId": w(KEY).outputs["arn"],
            "description": "the password",
            "tier": "Standard",
            "tags": TAGS,
        },
        update=lambda w: {"value": "another-horse", "description": "other", "tags": {"Name": "other"}},
        drift=(
            Drift(
                client="ssm",
                operation="put_parameter",
                params=lambda s, w: {"Name": s.id, "Value": "somebody", "Overwrite": True},
                key="value",
            ),
        ),
    ),
    DOCUMENT: Row(
        inputs=lambda w: {
            "name": "wealist-prod-bootstrap",
            "documentType": "Command",
            "documentFormat": "JSON",
            "targetType": "/AWS::EC2::Instance",
            "content": _command("echo hello"),
            "tags": TAGS,
        },
        update=lambda w: {"content": _command("echo other")},
    ),
    "aws:ssm/association:Association": Row(
        inputs=lambda w: {
            "name": w(DOCUMENT).id,
            "associationName": "bootstrap",
            "targets": [{"key": "tag:Role", "values": ["backend"]}],
            "parameters": {"commands": "uptime"},
            "scheduleExpression": "rate(1 day)",
            "maxConcurrency": "1",
            "maxErrors": "0",
            "complianceSeverity": "HIGH",
            "applyOnlyAtCronInterval": False,
            "outputLocation": {"s3BucketName": w(BUCKET).id, "s3KeyPrefix": "ssm"},
        },
        update=lambda w: {"maxErrors": "1"},
    ),
}


def _command(text: str) -> str:
    step = {"action": "aws:runShellScript", "name": "run", "inputs": {"runCommand": [text]}}
    return json.dumps({"schemaVersion": "2.2", "description": "run", "mainSteps": [step]})


def _lifecycle(count: int) -> str:
    selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count}
    return json.dumps({"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]})


DELIVERY: dict[str, Row] = {
    REPOSITORY: Row(
        inputs=lambda w: {
            "name": "wealist/user-service",
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": {"scanOnPush": True},
            "encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": w(KEY).outputs["arn"]}],
            "forceDelete": True,
            "tags": TAGS,
        },
        update=lambda w: {"imageTagMutability": "MUTABLE", "imageScanningConfiguration": {"scanOnPush": False}},
        drift=(
            Drift(
                client="ecr",
                operation="put_image_scanning_configuration",
                params=lambda s, w: {"repositoryName": s.id, "imageScanningConfiguration": {"scanOnPush": False}},
                key="imageScanningConfiguration",
            ),
            _tagged(
                "ecr",
                "tag_resource",
                lambda s, w: {"resourceArn": s.outputs["arn"], "tags": [{"Key": "Name", "Value": "somebody"}]},
            ),
        ),
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Row(
        inputs=lambda w: {"repository": w(REPOSITORY).id, "policy": _lifecycle(10)},
        update=lambda w: {"policy": _lifecycle(20)},
        drift=(
            Drift(
                client="ecr",
                operation="put_lifecycle_policy",
                params=lambda s, w: {"repositoryName": s.id, "lifecyclePolicyText": _lifecycle(1)},
                key="policy",
            ),
        ),
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": Row(
        inputs=lambda w: {"repository": w(REPOSITORY).id, "policy": _pull("ecr:BatchGetImage")},
        update=lambda w: {"policy": _pull("ecr:GetDownloadUrlForLayer")},
    ),
    APPLICATION: Row(
        inputs=lambda w: {"name": "wealist-prod-user-service", "computePlatform": "Server", "tags": TAGS},
        update=lambda w: {"tags": {"Name": "other"}},
    ),
    "aws:codedeploy/deploymentGroup:DeploymentGroup": Row(
        inputs=lambda w: {
            "appName": w(APPLICATION).id,
            "deploymentGroupName": "wealist-prod-user",
            "serviceRoleArn": w(ROLE).outputs["arn"],
            "deploymentConfigName": "CodeDeployDefault.OneAtATime",
            "deploymentStyle": {"deploymentOption": "WITH_TRAFFIC_CONTROL", "deploymentType": "IN_PLACE"},
            "autoscalingGroups": [w(ASG).id],
            "loadBalancerInfo": {"targetGroupInfos": [{"name": w(TARGETS).inputs["name"]}]},
            "autoRollbackConfiguration": {
                "enabled": True,
                "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"],
            },
            "alarmConfiguration": {"alarms": [w(ALARM).id], "enabled": True},
            "outdatedInstancesStrategy": "UPDATE",
            "terminationHookEnabled": True,
            "triggerConfigurations": [
                {
                    "triggerName": "failed",
                    "triggerTargetArn": w(TOPIC).id,
                    "triggerEvents": ["DeploymentFailure"],
                }
            ],
            "tags": TAGS,
        },
        update=lambda w: {
            "deploymentConfigName": "CodeDeployDefault.HalfAtATime",
            "autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
            "alarmConfiguration": {"alarms": [], "enabled": False},
        },
        drift=(
            Drift(
                client="codedeploy",
                operation="update_deployment_group",
                params=lambda s, w: {
                    "applicationName": w(APPLICATION).id,
                    "currentDeploymentGroupName": "wealist-prod-user",
                    "autoRollbackConfiguration": {"enabled": False},
                },
                key="autoRollbackConfiguration",
            ),
        ),
    ),
}


def _pull(action: str) -> str:
    statement = {"Effect": "Allow", "Action": [action], "Principal": {"AWS": "*"}}
    return json.dumps({"Version": "2008-10-17", "Statement": [statement]})


ROWS: dict[str, Row] = {**EC2, **IDENTITY, **WATCHING, **EDGE, **SERVING, **DATA, **DELIVERY}
