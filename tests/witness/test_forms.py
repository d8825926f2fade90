"""The forms of values that no schema has: beside the prose of botocore's models, and lists that others took from AWS."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import boto3
import pytest
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.elbv2.ssl_policies import SSL_POLICIES

from rehearsal.aws.schemas import FORMS
from rehearsal.aws.tables import table
from tests.witness.botocore import told

DATABASE = "aws:rds/instance:Instance"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
TARGETS = "aws:lb/targetGroup:TargetGroup"


class Said(NamedTuple):
    """What the model says of a member, word by word; what it takes and refuses by that."""

    where: tuple[str, str, str]
    words: str
    taken: str
    refused: str


LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"


def _comment(operation: str, configuration: str) -> Said:
    where = ("cloudfront", operation, f"{configuration}.Comment")
    return Said(where, "The comment cannot be longer than 128 characters", "x" * 128, "x" * 129)


_RULE = Said(
    ("ec2", "AuthorizeSecurityGroupIngress", "IpPermissions.IpProtocol"),
    "The IP protocol name ( tcp , udp , icmp , icmpv6 ) or number",
    "tcp udp icmp icmpv6 -1 6",
    "http -2 tcp,udp",
)
_TEMPLATES = ("ec2", "CreateLaunchTemplate", "LaunchTemplateData.ImageId")
_IMAGES = Said(_TEMPLATES, "parameter-name:version-number", "resolve:ssm:/a/b:3 ami-0ac394d6a3", "ami-x image")
SAID: dict[tuple[str, str], Said] = {
    ("aws:ec2/instance:Instance", "imageid"): _IMAGES,
    (TEMPLATE, "imageid"): _IMAGES,
    (TEMPLATE, "blockdevicemappings.devicename"): Said(
        ("ec2", "CreateLaunchTemplate", "LaunchTemplateData.BlockDeviceMappings.DeviceName"),
        "for example, /dev/sdh or xvdh",
        "/dev/sdh xvdh",
        "/sdh /dev/ C:",
    ),
    ("aws:ec2/route:Route", "destinationcidrblock"): Said(
        ("ec2", "CreateRoute", "DestinationCidrBlock"), "The IPv4 CIDR address block", "100.68.0.18/18", "100.68.0.18 ::/0"
    ),
    (CACHE, "preferredmaintenancewindow"): Said(
        ("elasticache", "CreateReplicationGroup", "PreferredMaintenanceWindow"),
        "format ddd:hh24:mi-ddd:hh24:mi (24H Clock UTC)",
        "sun:23:00-mon:01:30",
        "son:23:00-mon:01:30 sun:24:00-mon:01:30 23:00-01:30",
    ),
    (CACHE, "snapshotwindow"): Said(
        ("elasticache", "CreateReplicationGroup", "SnapshotWindow"), "05:00-09:00", "05:00-09:00", "5-9 05:00 05:00-25:00"
    ),
    ("aws:lb/listener:Listener", "defaultactions.redirectconfig.port"): Said(
        ("elbv2", "CreateListener", "DefaultActions.RedirectConfig.Port"),
        "a value from 1 to 65535 or #{port}",
        "443 #{port}",
        "https #{host}",
    ),
    (TARGETS, "healthcheck.port"): Said(
        ("elbv2", "CreateTargetGroup", "HealthCheckPort"), "the default is traffic-port", "traffic-port 8080", "same http"
    ),
    (TARGETS, "healthcheck.matcher"): Said(
        ("elbv2", "CreateTargetGroup", "Matcher.HttpCode"),
        'between 200 and 499, with the default value being 200. You can specify multiple values (for example, "200,202") or a '
        'range of values (for example, "200-299")',
        "200 200,202 200-299",
        "2xx 20 199 200-",
    ),
    (DATABASE, "finalsnapshotidentifier"): Said(
        ("rds", "DeleteDBInstance", "FinalDBSnapshotIdentifier"),
        "Must be 1 to 255 letters or numbers. First character must be a letter. Can't end with a hyphen or contain two consecutive",
        "a wealist-prod-1",
        "1a a- a--b",
    ),
    ("aws:cloudfront/cachePolicy:CachePolicy", "comment"): _comment("CreateCachePolicy", "CachePolicyConfig"),
    ("aws:cloudfront/distribution:Distribution", "comment"): _comment("CreateDistribution", "DistributionConfig"),
    ("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy", "comment"): _comment(
        "CreateResponseHeadersPolicy", "ResponseHeadersPolicyConfig"
    ),
    ("aws:cloudfront/distribution:Distribution", "defaultrootobject"): Said(
        ("cloudfront", "CreateDistribution", "DistributionConfig.DefaultRootObject"),
        "Your string can't begin with a forward slash ( / )", "index.html a/index.html", "/index.html",
    ),
    ("aws:cloudfront/originAccessControl:OriginAccessControl", "name"): Said(
        ("cloudfront", "CreateOriginAccessControl", "OriginAccessControlConfig.Name"),
        "You can specify up to 64 characters", "x" * 64, "x" * 65,
    ),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "alarmname"): Said(
        ("cloudwatch", "PutMetricAlarm", "AlarmName"), "can't contain ASCII control characters", "a;b~é", "a\x07b \x7f",
    ),
    ("aws:elasticache/subnetGroup:SubnetGroup", "cachesubnetgroupname"): Said(
        ("elasticache", "CreateCacheSubnetGroup", "CacheSubnetGroupName"),
        "Must contain no more than 255 alphanumeric characters or hyphens", "wealist-prod " + "x" * 255, "a_b a.b " + "x" * 256,
    ),
    (LISTENER_RULE, "conditions.hostheader.values"): Said(
        ("elbv2", "CreateRule", "Conditions.HostHeaderConfig.Values"),
        'You must include at least one "." character. You can include only alphabetical characters after the final "." character',
        "api.example.com *.example.com", "localhost a.b1 a_b.com " + "x" * 125 + ".com",
    ),
    (LISTENER_RULE, "conditions.pathpattern.regexvalues"): Said(
        ("elbv2", "CreateRule", "Conditions.PathPatternConfig.RegexValues"),
        "The maximum length of each string is 128 characters", "^/api$ " + "x" * 128, "x" * 129,
    ),
    (LISTENER_RULE, "conditions.pathpattern.values"): Said(
        ("elbv2", "CreateRule", "Conditions.Values"),
        "A path pattern is case-sensitive, can be up to 128 characters in length, and can contain any of the following characters. "
        "A-Z, a-z, 0-9 _ - . $ / ~ \" ' @ : +",
        "/api/users/* /~a.b-c_d$@:+&?\"' " + "x" * 128, "/%61 /a#b /a,b " + "x" * 129,
    ),
    ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "rules.id"): Said(
        ("s3", "PutBucketLifecycleConfiguration", "LifecycleConfiguration.Rules.ID"),
        "The value cannot be longer than 255 characters", "x" * 255, "x" * 256,
    ),
    ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "ipprotocol"): _RULE,
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ipprotocol"): _RULE,
}  # fmt: skip

_ZONES = [zone.name for zones in RegionsAndZonesBackend.zones.values() for zone in zones]
_OFFERS = {engine: offer for engine, offer in table("offers").items() if engine != "source"}
_NODE_TYPES = [one for engine in ("redis", "valkey") for names in _OFFERS[engine]["classes"].values() for one in names]
LISTED: dict[tuple[str, str], Iterable[str]] = {
    ("aws:ec2/subnet:Subnet", "availabilityzone"): _ZONES,
    (CACHE, "preferredcacheclusterazs"): _ZONES,
    (CACHE, "cachenodetype"): _NODE_TYPES,
    (CACHE, "engineversion"): [*_OFFERS["redis"]["versions"], *_OFFERS["valkey"]["versions"]],
    ("aws:lb/listener:Listener", "sslpolicy"): list(SSL_POLICIES),
    (DATABASE, "availabilityzone"): _ZONES,
    (DATABASE, "dbinstanceclass"): [one for names in _OFFERS["postgres"]["classes"].values() for one in names],
    (DATABASE, "engineversion"): _OFFERS["postgres"]["versions"],
}
"""What moto took from AWS and what cfn-lint lists: each is of the form."""

DOMAINS = {
    ("aws:cloudfront/distribution:Distribution", "aliases"),
    ("aws:cloudfront/distribution:Distribution", "origins.domainname"),
    ("aws:route53/record:Record", "aliases.name"),
    ("aws:route53/record:Record", "name"),
    ("aws:route53/zone:Zone", "name"),
}
"""Names of domains: a distribution's are records of somebody's zone."""

OF_PACKAGES_TOO_LARGE = {
    (DATABASE, "cacertificateidentifier"),
    *DOMAINS,
}
"""tests/witness/test_cdk.py"""
OF_BOTO3 = {
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "servicename"),
    ("aws:rds/parameterGroup:ParameterGroup", "dbparametergroupfamily"),
}


def test_each_form_has_a_witness() -> None:
    forms = {(token, path) for token, paths in FORMS.items() for path in paths}
    assert forms == SAID.keys() | LISTED.keys() | OF_PACKAGES_TOO_LARGE | OF_BOTO3


@pytest.mark.parametrize(("token", "path"), SAID)
def test_a_form_is_what_the_model_says(token: str, path: str) -> None:
    said, form = SAID[token, path], FORMS[token][path]
    assert plain(said.words) in plain(told(*said.where)[1])
    assert [one for one in said.taken.split() if not re.search(form, one)] == []
    assert [one for one in said.refused.split() if re.search(form, one)] == []


@pytest.mark.parametrize(("token", "path"), LISTED)
def test_what_is_in_a_list_is_of_the_form(token: str, path: str) -> None:
    values = list(LISTED[token, path])
    assert len(values) > 4
    assert [one for one in values if not re.search(FORMS[token][path], one)] == []


def test_endpoints_are_named_as_the_services_are() -> None:
    form = FORMS["aws:ec2/vpcEndpoint:VpcEndpoint"]["servicename"]
    services = boto3.Session().get_available_services()
    assert [one for one in services if not re.search(form, f"com.amazonaws.ap-northeast-2.{one}")] == []


def test_families_are_named_as_the_models_examples_are() -> None:
    form = FORMS["aws:rds/parameterGroup:ParameterGroup"]["dbparametergroupfamily"]
    engines = re.findall(
        r"<li>\s*<p>\s*<code>([a-z-]+)</code>",
        told("rds", "CreateDBParameterGroup", "DBParameterGroupFamily")[1],
    )
    assert len(engines) > 9
    assert [one for one in engines if not re.search(form, f"{one}17")] == []


def plain(text: str) -> str:
    """Without the markup, with a space where there was any."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>|[()]", " ", text)).strip()
