"""What CloudFormation's schemas say of a resource's properties, where the API's own model is silent (EC2, ELB, RDS …).

The table is generated from cfn-lint, which corrects the schemas: `tests/witness/tables.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from rehearsal.aws.limits import compiled
from rehearsal.aws.tables import table
from rehearsal.provider import Rejected
from rehearsal.values import UNKNOWN, Props

TYPES = {
    "aws:acm/certificate:Certificate": "AWS::CertificateManager::Certificate",
    "aws:autoscaling/group:Group": "AWS::AutoScaling::AutoScalingGroup",
    "aws:autoscaling/policy:Policy": "AWS::AutoScaling::ScalingPolicy",
    "aws:cloudfront/distribution:Distribution": "AWS::CloudFront::Distribution",
    "aws:cloudfront/originAccessControl:OriginAccessControl": "AWS::CloudFront::OriginAccessControl",
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": "AWS::CloudFront::ResponseHeadersPolicy",
    "aws:cloudwatch/logGroup:LogGroup": "AWS::Logs::LogGroup",
    "aws:cloudwatch/logDelivery:LogDelivery": "AWS::Logs::Delivery",
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": "AWS::Logs::DeliverySource",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "AWS::CloudWatch::Alarm",
    "aws:codedeploy/deploymentGroup:DeploymentGroup": "AWS::CodeDeploy::DeploymentGroup",
    "aws:ebs/volume:Volume": "AWS::EC2::Volume",
    "aws:ec2/flowLog:FlowLog": "AWS::EC2::FlowLog",
    "aws:ec2/instance:Instance": "AWS::EC2::Instance",
    "aws:ec2/launchTemplate:LaunchTemplate": "AWS::EC2::LaunchTemplate",
    "aws:ec2/securityGroup:SecurityGroup": "AWS::EC2::SecurityGroup",
    "aws:ec2/vpc:Vpc": "AWS::EC2::VPC",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "AWS::EC2::VPCEndpoint",
    "aws:ecr/repository:Repository": "AWS::ECR::Repository",
    "aws:elasticache/replicationGroup:ReplicationGroup": "AWS::ElastiCache::ReplicationGroup",
    "aws:elasticache/parameterGroup:ParameterGroup": "AWS::ElastiCache::ParameterGroup",
    "aws:elasticache/subnetGroup:SubnetGroup": "AWS::ElastiCache::SubnetGroup",
    "aws:iam/role:Role": "AWS::IAM::Role",
    "aws:iam/policy:Policy": "AWS::IAM::ManagedPolicy",
    "aws:kms/key:Key": "AWS::KMS::Key",
    "aws:kms/alias:Alias": "AWS::KMS::Alias",
    "aws:lb/loadBalancer:LoadBalancer": "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "aws:lb/targetGroup:TargetGroup": "AWS::ElasticLoadBalancingV2::TargetGroup",
    "aws:lb/listener:Listener": "AWS::ElasticLoadBalancingV2::Listener",
    "aws:lb/listenerRule:ListenerRule": "AWS::ElasticLoadBalancingV2::ListenerRule",
    "aws:rds/instance:Instance": "AWS::RDS::DBInstance",
    "aws:rds/parameterGroup:ParameterGroup": "AWS::RDS::DBParameterGroup",
    "aws:rds/subnetGroup:SubnetGroup": "AWS::RDS::DBSubnetGroup",
    "aws:route53/healthCheck:HealthCheck": "AWS::Route53::HealthCheck",
    "aws:route53/record:Record": "AWS::Route53::RecordSet",
    "aws:route53/zone:Zone": "AWS::Route53::HostedZone",
    "aws:s3/bucket:Bucket": "AWS::S3::Bucket",
    "aws:sns/topic:Topic": "AWS::SNS::Topic",
    "aws:sns/topicSubscription:TopicSubscription": "AWS::SNS::Subscription",
    "aws:ssm/association:Association": "AWS::SSM::Association",
    "aws:ssm/document:Document": "AWS::SSM::Document",
    "aws:ssm/parameter:Parameter": "AWS::SSM::Parameter",
    "aws:wafv2/webAcl:WebAcl": "AWS::WAFv2::WebACL",
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": "AWS::WAFv2::LoggingConfiguration",
}
"""Pulumi's type → CloudFormation's. The others have none, or one that limits nothing."""

OTHER_NAMES: dict[str, dict[str, str]] = {
    "aws:ec2/securityGroup:SecurityGroup": {"description": "GroupDescription"},
    "aws:iam/role:Role": {"name": "RoleName"},
    "aws:iam/policy:Policy": {"name": "ManagedPolicyName"},
    "aws:rds/instance:Instance": {"identifier": "DBInstanceIdentifier"},
}
"""Properties that CloudFormation names otherwise than the API does."""


_BODIES = ("application/javascript", "application/json", "text/css", "text/html", "text/plain")
_COUNTED = ("DesiredCapacity", "PendingCapacity", "TerminatingCapacity", "TotalCapacity")
_GROUP_METRICS = (
    *(f"Group{one}" for one in ("MinSize", "MaxSize", "InServiceInstances", "PendingInstances", "StandbyInstances")),
    *(f"Group{one}" for one in ("TerminatingInstances", "TotalInstances", "InServiceCapacity", "StandbyCapacity")),
    *(f"Group{one}" for one in _COUNTED),
    *(f"WarmPool{one}" for one in (*_COUNTED, "WarmedCapacity")),
    "GroupAndWarmPoolDesiredCapacity",
    "GroupAndWarmPoolTotalCapacity",
)
VALUES: dict[str, dict[str, tuple[str, ...]]] = {
    "aws:autoscaling/group:Group": {
        "enabledmetrics": _GROUP_METRICS,
        "instancerefresh.strategy": ("ReplaceRootVolume", "Rolling"),
    },
    "aws:lb/listener:Listener": {"defaultactions.fixedresponseconfig.contenttype": _BODIES},
    "aws:lb/listenerRule:ListenerRule": {"actions.fixedresponseconfig.contenttype": _BODIES},
    "aws:lb/loadBalancer:LoadBalancer": {"desyncmitigationmode": ("defensive", "monitor", "strictest")},
    "aws:lb/targetGroup:TargetGroup": {
        "stickiness.type": ("app_cookie", "lb_cookie", "source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto")
    },
    "aws:elasticache/replicationGroup:ReplicationGroup": {"authtokenupdatestrategy": ("DELETE", "ROTATE", "SET")},
    "aws:rds/instance:Instance": {
        # PostgreSQL's.
        "enablecloudwatchlogsexports": ("iam-db-auth-error", "postgresql", "upgrade"),
        "storagetype": ("gp2", "gp3", "io1", "io2", "standard"),
    },
}
"""What neither lists where it is asked for: `tests/witness/test_values.py` holds it to the provider's documentation."""

_ZONE = r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$"
_PORT = r"^(#\{port\}|traffic-port|\d{1,5})$"
_DAY = "(sun|mon|tue|wed|thu|fri|sat)"
_WINDOW = r"([01]\d|2[0-3]):[0-5]\d"
_PROTOCOL = r"^(-1|tcp|udp|icmp|icmpv6|\d{1,3})$"
_IMAGE = r"^(ami-[0-9a-f]{8,17}|resolve:ssm:[\w./:-]+)$"
_COMMENT = r"^.{0,128}$"
_LABEL = r"""[a-zA-Z0-9!"#$%&'()*+,/:;<=>?@\[\\\]^_`{|}~-]{1,63}"""
_DOMAIN = rf"^(?=.{{1,255}}$){_LABEL}(\.{_LABEL})*\.?$"
FORMS: dict[str, dict[str, str]] = {
    "aws:cloudfront/cachePolicy:CachePolicy": {"comment": _COMMENT},
    "aws:cloudfront/distribution:Distribution": {
        "aliases": _DOMAIN,
        "comment": _COMMENT,
        "defaultrootobject": r"^(?!/)",
        "origins.domainname": _DOMAIN,
    },
    "aws:cloudfront/originAccessControl:OriginAccessControl": {"name": r"^.{1,64}$"},
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": {"comment": _COMMENT},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {"alarmname": r"^[^\x00-\x1f\x7f]*$"},
    "aws:elasticache/subnetGroup:SubnetGroup": {"cachesubnetgroupname": r"^[a-zA-Z0-9-]{1,255}$"},
    "aws:lb/listenerRule:ListenerRule": {
        "conditions.hostheader.values": r"^(?=.{1,128}$)[a-zA-Z0-9.*?-]*\.[a-zA-Z]+$",
        "conditions.pathpattern.regexvalues": r"^.{1,128}$",
        "conditions.pathpattern.values": r"""^[a-zA-Z0-9_.$/~"'@:+&*?-]{1,128}$""",
    },
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"rules.id": r"^.{0,255}$"},
    "aws:ec2/instance:Instance": {"imageid": _IMAGE},
    "aws:ec2/launchTemplate:LaunchTemplate": {
        "imageid": _IMAGE,
        "blockdevicemappings.devicename": r"^(/dev/)?[a-z]{2,4}\w{0,12}$",
    },
    "aws:ec2/route:Route": {"destinationcidrblock": r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$"},
    "aws:ec2/subnet:Subnet": {"availabilityzone": _ZONE},
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"servicename": r"^(com\.amazonaws|aws)\.[a-z0-9.-]+$"},
    "aws:elasticache/replicationGroup:ReplicationGroup": {
        "cachenodetype": r"^cache\.[a-z0-9]+\.[a-z0-9]+$",
        "engineversion": r"^\d+\.[\dx]+(\.\d+)?$",
        "preferredcacheclusterazs": _ZONE,
        "preferredmaintenancewindow": rf"^{_DAY}:{_WINDOW}-{_DAY}:{_WINDOW}$",
        "snapshotwindow": rf"^{_WINDOW}-{_WINDOW}$",
    },
    "aws:lb/listener:Listener": {
        "defaultactions.redirectconfig.port": _PORT,
        "sslpolicy": r"^ELBSecurityPolicy-[A-Za-z0-9-]+$",
    },
    "aws:lb/targetGroup:TargetGroup": {
        "healthcheck.matcher": r"^[2-5]\d\d([,-][2-5]\d\d)*$",
        "healthcheck.port": _PORT,
    },
    "aws:rds/instance:Instance": {
        "availabilityzone": _ZONE,
        "cacertificateidentifier": r"^rds-ca-[a-z0-9-]+$",
        "dbinstanceclass": r"^db\.[a-z0-9-]+\.[a-z0-9]+$",
        "engineversion": r"^\d+(\.\d+)*([.-]\w+)*$",
        "finalsnapshotidentifier": r"^[a-zA-Z](-?[a-zA-Z0-9]){0,254}$",
    },
    "aws:rds/parameterGroup:ParameterGroup": {"dbparametergroupfamily": r"^[a-z0-9-]+[\d.]+$"},
    "aws:route53/record:Record": {"aliases.name": _DOMAIN, "name": _DOMAIN},
    "aws:route53/zone:Zone": {"name": _DOMAIN},
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {"ipprotocol": _PROTOCOL},
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {"ipprotocol": _PROTOCOL},
}
"""Forms that are told in prose or shown in lists, where no schema has them: tests/witness/test_forms.py says by whom."""

_EC2 = ("ebs", "ec2", "vpc")


def check_schema(token: str, inputs: Props, names: Mapping[str, str]) -> None:
    """`Rejected` names the first input that its schema refuses; what is not known yet is left out."""
    limits = _limits(token)
    names = {**names, **OTHER_NAMES.get(token, {})}
    for key, path, value in _values(inputs, names, "", ""):
        if path in limits:
            _check(limits[path], key, value)


def _values(node: Any, names: Mapping[str, str], key: str, path: str) -> Iterator[tuple[str, str, Any]]:
    """Each single value, with its key as Pulumi has it and its path as the schema has it, in lower case."""
    match node:
        case dict() if path.rpartition(".")[2] == "tags":
            for tag, value in node.items():
                yield f"{key}.{tag}", "tags.key", tag
                yield f"{key}.{tag}", "tags.value", value
        case dict():
            for name, value in node.items():
                inner = names.get(name, name).lower()
                yield from _values(value, names, f"{key}.{name}" if key else name, f"{path}.{inner}" if path else inner)
        case list():
            for index, value in enumerate(node):
                yield from _values(value, names, f"{key}[{index}]", path)
        case None:
            return
        case _ if node is not UNKNOWN:
            yield key, path, node


def _check(limits: Mapping[str, Any], key: str, value: Any) -> None:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    said = f"{key}: {text[:80]!r}"
    allowed = limits.get("enum")
    if allowed and text not in map(str, allowed):
        raise Rejected(f"{said} is not one of {', '.join(map(str, allowed))}")
    folded = limits.get("enumCaseInsensitive")
    if folded and text.lower() not in map(str.lower, folded):
        raise Rejected(f"{said} is not one of {', '.join(folded)}")
    if not limits.get("minLength", 0) <= len(text) <= limits.get("maxLength", len(text)):
        raise Rejected(f"{said} has {len(text)} characters, not {_bounds(limits, 'Length')}")
    if "pattern" in limits and not compiled(limits["pattern"]).search(text):
        raise Rejected(f"{said} does not match {limits['pattern']}, which is what AWS takes")
    if isinstance(value, (int, float)) and not limits.get("minimum", value) <= value <= limits.get("maximum", value):
        raise Rejected(f"{said} is not {_bounds(limits, 'imum')}")


def _bounds(limits: Mapping[str, Any], of: str) -> str:
    low, high = limits.get(f"min{of}"), limits.get(f"max{of}")
    return " and ".join(
        [*([f"at least {low}"] if low is not None else []), *([f"at most {high}"] if high is not None else [])]
    )


@cache
def _limits(token: str) -> dict[str, Mapping[str, Any]]:
    schemas = table("cloudformation")["limits"]
    # EC2 takes any character in a tag; everywhere else a tag is what IAM's schema says of one.
    tag = {f"tags.{part}": schemas["AWS::IAM::Role"][f"Tags.{part.title()}"] for part in ("key", "value")}
    if token.split(":")[1].partition("/")[0] in _EC2:
        tag = {path: {key: size for key, size in limits.items() if key != "pattern"} for path, limits in tag.items()}
    found = schemas.get(TYPES.get(token, ""), {})
    listed: dict[str, Mapping[str, Any]] = {path: {"enum": values} for path, values in VALUES.get(token, {}).items()}
    listed |= {path: {"pattern": pattern} for path, pattern in FORMS.get(token, {}).items()}
    stated = {path.lower(): limits for path, limits in found.items() if not path.startswith("Tags.")}
    return {**tag, **stated, **{path: {**stated.get(path, {}), **more} for path, more in listed.items()}}
