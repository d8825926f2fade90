"""Inputs that the embedded cloud takes whatever text stands in them, and why."""

from __future__ import annotations

from typing import NamedTuple

CHARACTER, LENGTH, VALUE = "a forbidden character", "140,000 characters", "an unknown value"
EVERYTHING = (CHARACTER, LENGTH, VALUE)


class Taken(NamedTuple):
    """`places` is an expression for type and path, such as `ec2/vpc:Vpc tags.*`."""

    why: str
    places: str
    spoiled: tuple[str, ...] = EVERYTHING


_OTHERS = (
    r"(.*\.)?(vpcId|subnetIds?|subnets|securityGroups|\w*[sS]ecurityGroupIds?|routeTableIds?|gatewayId|natGatewayId|allocationId"
    r"|targetId|\w+Arns?|zoneId|bucket|targetBucket|role|iamInstanceProfile(\.name)?|logDestination|alarmActions|okActions"
    r"|kmsKeyId|targetKeyId|kmsMasterKeyId|masterUserSecretKmsKeyId|originAccessControlId|cachePolicyId|responseHeadersPolicyId"
    r"|\w+GroupNames?|autoscalingGroups|alarms|targetGroupInfos\[\]\.name|keyId|vpcZoneIdentifiers|launchTemplate\.id|appName"
    r"|repository|deliverySourceName|healthCheckId)(\[\])?"
)

_UNSAID = (
    r"cloudfront/distribution:\S+ .*responsePagePath",
    r"cloudfront/distribution:\S+ defaultRootObject",
    r"cloudfront/originAccessControl:\S+ description",
    r"cloudfront/(cachePolicy|responseHeadersPolicy):\S+ name",
    r"cloudfront/responseHeadersPolicy:\S+ .*contentSecurityPolicy",
    r"cloudfront/responseHeadersPolicy:\S+ customHeadersConfig\.items\[\]\.(header|value)",
    r"codedeploy/deploymentGroup:\S+ triggerConfigurations\[\]\.triggerName",
    r"elasticache/\S+ description",
    r"elasticache/parameterGroup:\S+ name",
    r"rds/\S+ description",
    r"lb/loadBalancer:\S+ accessLogs\.prefix",
    r"ssm/association:\S+ targets\[\]\.values\[\]",
)
_OF_ANY_CHARACTERS = (
    r"cloudfront/(cachePolicy|distribution|responseHeadersPolicy):\S+ comment",
    r"cloudfront/originAccessControl:\S+ name",
    r"ec2/launchTemplate:\S+ description",
    r"iam/openIdConnectProvider:\S+ clientIdLists\[\]",
    r"kms/key:\S+ description",
    r"lb/listenerRule:\S+ conditions\[\]\.pathPattern\.regexValues\[\]",
    r"lb/targetGroup:\S+ healthCheck\.path",
    r"route53/\S+ (comment|setIdentifier|records\[\])",
    r"s3/\S+ rules\[\]\.id",
    r"ssm/association:\S+ targets\[\]\.key",
    r"autoscaling/group:\S+ launchTemplate\.version",
    r"wafv2/\S+ .*singleHeader\.name",
)
_WITHOUT_A_LIST = (
    *_OF_ANY_CHARACTERS,
    r"cloudfront/distribution:\S+ aliases\[\]",
    r"lb/listenerRule:\S+ conditions\[\]\.pathPattern\.values\[\]",
)

TAKEN = (
    Taken(
        "names another resource: refused when it is made, if that is not there (test_aws_refusals.py)",
        rf"\S+ {_OTHERS}",
    ),
    Taken("a name of one's own", r"\S+ (.*\.)?(n|\w+N)ame", (VALUE,)),
    Taken(
        "a name of one's own, by which the provider knows it",
        r"\S+ (identifier|replicationGroupId|finalSnapshotIdentifier)",
        (VALUE,),
    ),
    Taken("a text of one's own", r"\S+ (.*\.)?(description|comment|alarmDescription)", (VALUE,)),
    Taken("any tag", r"\S+ (.*\.)?tags(\.\*|\[\]\.(key|value))", (VALUE,)),
    Taken("EC2 takes any character in a tag", r"(ec2|ebs|vpc)/\S+ (.*\.)?tags\.\*", (CHARACTER,)),
    Taken(
        "the provider's own: AWS never sees it",
        r"autoscaling/\S+ waitForCapacityTimeout|acm/\S+ validationRecordFqdns\[\]",
    ),
    Taken(
        "content, which AWS hands on as it is",
        r"s3/bucketObjectv2:\S+ (content|cacheControl|contentType)|ssm/document:\S+ content",
    ),
    Taken(
        "content, which AWS hands on as it is, up to a size",
        r"\S+ (.*\.)?(messageBody|userData|value|insecureValue)",
        (CHARACTER, VALUE),
    ),
    Taken("content of an object, as long as it likes", r"s3/bucketObjectv2:\S+ contentBase64", (LENGTH,)),
    Taken(
        "S3 takes any character in an object's key and its beginning",
        r"s3/\S+ (.*\.)?(key|\w*[pP]refix)",
        (CHARACTER, VALUE),
    ),
    Taken(
        "CloudWatch's model limits the length alone",
        r"cloudwatch/metricAlarm:\S+ (.*\.)?(alarmDescription|metricName)",
        (CHARACTER,),
    ),
    Taken(
        "a server's own parameter, which AWS's model does not list: the server is asked (test_parameters.py)",
        r"(elasticache|rds)/parameterGroup:\S+ parameters\[\]\.(name|value)",
    ),
    Taken("any metric of any namespace", r"cloudwatch/metricAlarm:\S+ (namespace|dimensions\..*)", (CHARACTER, VALUE)),
    *(Taken("neither AWS's model, in bounds or in prose, nor a schema says what it may be", one) for one in _UNSAID),
    *(
        Taken("neither AWS's model, in bounds or in prose, nor a schema limits its characters", one, (CHARACTER,))
        for one in _OF_ANY_CHARACTERS
    ),
    *(Taken("there is no list of values", one, (VALUE,)) for one in _WITHOUT_A_LIST),
    Taken("its length is not limited by AWS's model or a schema", r"s3/\S+ (.*\.)?\w*[pP]refix", (LENGTH,)),
)
