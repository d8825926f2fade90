"""What an AWS resource uses a month, in the units that it is billed by (AWS's pages of prices, per service)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from policy import aws_types as aws
from policy.checks import at, each, is_true
from policy.cost.table import Assumptions
from policy.rules.model import Resource, Stack

NAT = "aws:ec2/natGateway:NatGateway"
ADDRESS = "aws:ec2/eip:Eip"

_DETAILED_METRICS = 7
"""What EC2's detailed monitoring sends of a machine, each billed as a metric (CloudWatch's page of prices: $2.10 a machine)."""
_IOPS_INCLUDED = 3000


@dataclass(frozen=True, kw_only=True)
class Use:
    """So much of what a key of the price table is for. `assumed` is what the table of assumptions says, not the program."""

    key: str
    amount: float
    assumed: bool = False


class UnknownCost(Exception):
    """It costs something, and what is not known here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Bill:
    """The stack and the assumptions that uses are read with."""

    stack: Stack
    assumed: Assumptions

    def assume(self, resource: Resource, kind: str, keys: Mapping[str, str]) -> Iterator[Use]:
        """The assumed amounts of a kind as uses: `keys` name the price of each."""
        amounts = self.assumed.of(kind, resource.name)
        for name, key in keys.items():
            yield Use(key=key, amount=amounts[name], assumed=True)


def _machine(resource: Resource, bill: Bill) -> Iterator[Use]:
    props = resource.props
    yield Use(key=f"ec2.{props.get('instanceType')}", amount=bill.assumed.hours)
    for volume in [props.get("rootBlockDevice") or {}, *each(props, "ebsBlockDevices")]:
        yield from _volume(volume)
    if is_true(props.get("monitoring")):
        yield Use(key="cloudwatch.metric", amount=_DETAILED_METRICS)
    if is_true(props.get("associatePublicIpAddress")):
        yield Use(key="ipv4.hour", amount=bill.assumed.hours)
    yield from bill.assume(resource, "machine", {"zone_gb": "transfer.zone.gb"})


def _volume(volume: Mapping[str, object]) -> Iterator[Use]:
    if volume.get("volumeSize") is None:
        raise UnknownCost("a volume's size is its image's")
    kind = str(volume.get("volumeType") or "gp2")
    yield Use(key=f"ebs.{kind}", amount=float(str(volume.get("volumeSize"))))
    extra = float(str(volume.get("iops") or 0)) - _IOPS_INCLUDED
    if extra > 0:
        yield Use(key=f"ebs.{kind}.iops", amount=extra)


def _group(resource: Resource, bill: Bill) -> Iterator[Use]:
    """Its machines at what it is asked for, as the launch template has them."""
    wanted = at(resource.props, "launchTemplate.id")
    template = next((one for one in bill.stack.of(aws.LAUNCH_TEMPLATE) if one.outputs.get("id") == wanted), None)
    if wanted is None or template is None:
        raise UnknownCost("its launch template is not in this stack")
    count = float(resource.props.get("desiredCapacity") or resource.props.get("minSize") or 0)
    props = template.props
    machine = [Use(key=f"ec2.{props.get('instanceType')}", amount=bill.assumed.hours)]
    for mapping in each(props, "blockDeviceMappings"):
        machine += _volume(mapping.get("ebs") or {})
    if is_true(at(props, "monitoring.enabled")):
        machine.append(Use(key="cloudwatch.metric", amount=_DETAILED_METRICS))
    machine += bill.assume(resource, "group_machine", {"zone_gb": "transfer.zone.gb"})
    for use in machine:
        yield Use(key=use.key, amount=use.amount * count, assumed=use.assumed)


def _nat(resource: Resource, bill: Bill) -> Iterator[Use]:
    yield Use(key="nat.hour", amount=bill.assumed.hours)
    yield from bill.assume(resource, "nat", {"gb": "nat.gb"})


def _endpoint(resource: Resource, bill: Bill) -> Iterator[Use]:
    """Gateway endpoints cost nothing, interface endpoints by the zone."""
    if resource.props.get("vpcEndpointType") == "Interface":
        yield Use(key="endpoint.hour", amount=bill.assumed.hours * _count(resource, "subnetIds"))
        yield from bill.assume(resource, "endpoint", {"gb": "endpoint.gb"})


def _load_balancer(resource: Resource, bill: Bill) -> Iterator[Use]:
    """One that faces the internet has an address in each of its subnets."""
    kind = resource.props.get("loadBalancerType") or "application"
    if kind not in ("application", "network"):
        raise UnknownCost(f"load balancers of the type {kind} are not in the table")
    name = "alb" if kind == "application" else "nlb"
    yield Use(key=f"{name}.hour", amount=bill.assumed.hours)
    if not is_true(resource.props.get("internal")):
        yield Use(key="ipv4.hour", amount=bill.assumed.hours * _count(resource, "subnets"))
    amounts = bill.assumed.of("load_balancer", resource.name)
    yield Use(key=f"{name}.lcu", amount=amounts["lcu"] * bill.assumed.hours, assumed=True)
    yield Use(key="transfer.internet.gb", amount=amounts["internet_gb"], assumed=True)


def _database(resource: Resource, bill: Bill) -> Iterator[Use]:
    """Backups up to the database's own size cost nothing, and the master's password is a secret of Secrets Manager."""
    props = resource.props
    zones = ".multi-az" if is_true(props.get("multiAz")) else ""
    yield Use(key=f"rds.{props.get('engine')}.{props.get('instanceClass')}{zones}", amount=bill.assumed.hours)
    storage = props.get("storageType") or "gp2"
    yield Use(key=f"rds.{storage}{zones}", amount=float(props.get("allocatedStorage") or 0))
    if is_true(props.get("manageMasterUserPassword")):
        yield Use(key="secretsmanager.secret", amount=1)


def _cache(resource: Resource, bill: Bill) -> Iterator[Use]:
    """One snapshot a day is not billed."""
    nodes = float(resource.props.get("numCacheClusters") or 1)
    engine = resource.props.get("engine") or "redis"
    yield Use(key=f"cache.{engine}.{resource.props.get('nodeType')}", amount=bill.assumed.hours * nodes)


def _distribution(resource: Resource, bill: Bill) -> Iterator[Use]:
    yield from bill.assume(resource, "distribution", {"gb": "cloudfront.gb", "requests_millions": "cloudfront.https"})


def _web_acl(resource: Resource, bill: Bill) -> Iterator[Use]:
    yield Use(key="waf.acl", amount=1)
    yield Use(key="waf.rule", amount=_count(resource, "rules"))
    yield from bill.assume(resource, "web_acl", {"requests_millions": "waf.requests"})


def _zone(resource: Resource, bill: Bill) -> Iterator[Use]:
    yield Use(key="route53.zone", amount=1)
    yield from bill.assume(resource, "zone", {"queries_millions": "route53.queries"})


def _bucket(resource: Resource, bill: Bill) -> Iterator[Use]:
    keys = {"gb": "s3.gb", "puts_thousands": "s3.puts", "gets_millions": "s3.gets"}
    yield from bill.assume(resource, "bucket", keys)


def _repository(resource: Resource, bill: Bill) -> Iterator[Use]:
    yield from bill.assume(resource, "repository", {"gb": "ecr.gb"})


def _key(resource: Resource, bill: Bill) -> Iterator[Use]:
    """Its first two rotations add a dollar each, in their year."""
    yield Use(key="kms.key", amount=1)
    yield from bill.assume(resource, "key", {"requests_millions": "kms.requests"})


def _log_group(resource: Resource, bill: Bill) -> Iterator[Use]:
    """What comes in is kept as long as is asked for, not counting that it is kept compressed."""
    gb = bill.assumed.of("log_group", resource.name)["gb"]
    months = float(resource.props.get("retentionInDays") or 365) / 30
    yield Use(key="logs.ingested.gb", amount=gb, assumed=True)
    yield Use(key="logs.kept.gb", amount=gb * months, assumed=True)


def _alarm(resource: Resource, bill: Bill) -> Iterator[Use]:
    yield Use(key="cloudwatch.alarm", amount=max(1, _count(resource, "metricQueries")))


def _count(resource: Resource, key: str) -> int:
    """How many there are, whether or not it is known which."""
    return len(resource.props.get(key) or ())


def _address(resource: Resource, bill: Bill) -> Iterator[Use]:
    yield Use(key="ipv4.hour", amount=bill.assumed.hours)


def _health_check(resource: Resource, bill: Bill) -> Iterator[Use]:
    yield Use(key="route53.check", amount=1)


USES: Mapping[str, Callable[[Resource, Bill], Iterator[Use]]] = {
    aws.ALARM: _alarm,
    aws.AUTO_SCALING_GROUP: _group,
    aws.BUCKET: _bucket,
    aws.CACHE: _cache,
    aws.DATABASE: _database,
    aws.DISTRIBUTION: _distribution,
    aws.ENDPOINT: _endpoint,
    aws.HEALTH_CHECK: _health_check,
    aws.INSTANCE: _machine,
    aws.KEY: _key,
    aws.LOAD_BALANCER: _load_balancer,
    aws.LOG_GROUP: _log_group,
    aws.REPOSITORY: _repository,
    aws.WEB_ACL: _web_acl,
    aws.ZONE: _zone,
    ADDRESS: _address,
    NAT: _nat,
}
"""By type, what is billed of it."""
