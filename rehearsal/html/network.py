"""A system's VPC: zones, their subnets, what stands in them, and what stands before it at AWS's edge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policy import aws_types as aws
from policy.checks import at, each, is_true
from policy.cost.uses import NAT
from policy.rules.model import Resource
from rehearsal.html.model import Box, Network, Part, Subnet, Table, Zone


def networks(part: Part) -> Iterator[Network]:
    for vpc in part.of(aws.VPC):
        zones: dict[str, list[Subnet]] = {}
        for subnet in part.of(aws.SUBNET):
            if subnet.props.get("vpcId") == vpc.outputs.get("id"):
                zone = str(subnet.props.get("availabilityZone"))
                zones.setdefault(zone, []).append(_subnet(part, subnet))
        yield Network(
            name=_name(vpc),
            cidr=str(vpc.props.get("cidrBlock")),
            zones=tuple(Zone(name=name, subnets=tuple(found)) for name, found in sorted(zones.items())),
            outside=tuple(_outside(part)),
        )


def _subnet(part: Part, subnet: Resource) -> Subnet:
    return Subnet(
        name=_name(subnet),
        cidr=str(subnet.props.get("cidrBlock")),
        public=_is_public(part, str(subnet.outputs.get("id"))),
        boxes=tuple(_boxes(part, str(subnet.outputs.get("id")))),
    )


def _is_public(part: Part, subnet: str) -> bool:
    """Whether its route table leads to an internet gateway."""
    tables = {
        one.props.get("routeTableId")
        for one in part.of(aws.ROUTE_TABLE_ASSOCIATION)
        if one.props.get("subnetId") == subnet
    }
    return any(one.props.get("routeTableId") in tables and one.props.get("gatewayId") for one in part.of(aws.ROUTE))


def _boxes(part: Part, subnet: str) -> Iterator[Box]:
    """What stands in the subnet, or in it as in others."""
    yield from _ways(part, subnet)
    yield from _computers(part, subnet)
    yield from _stores(part, subnet)
    endpoints = [one for one in part.of(aws.ENDPOINT) if subnet in each(one.props, "subnetIds")]
    if endpoints:
        names = ", ".join(str(one.props.get("serviceName")).rsplit(".", 1)[-1] for one in endpoints)
        yield Box(name="interface endpoints", what=names)


def _ways(part: Part, subnet: str) -> Iterator[Box]:
    for one in part.of(aws.LOAD_BALANCER):
        if subnet in each(one.props, "subnets"):
            yield Box(name=_name(one), what="load balancer")
    for one in part.of(NAT):
        if one.props.get("subnetId") == subnet:
            yield Box(name=_name(one), what="NAT gateway")


def _computers(part: Part, subnet: str) -> Iterator[Box]:
    runs = {node["name"]: node.get("runs", "") for node in part.nodes if "name" in node}
    for one in part.of(aws.INSTANCE):
        if one.props.get("subnetId") == subnet:
            yield Box(name=_name(one), what=str(one.props.get("instanceType")), runs=runs.get(_name(one), ""))
    for one in part.of(aws.AUTO_SCALING_GROUP):
        if subnet in each(one.props, "vpcZoneIdentifiers"):
            yield Box(name=_name(one), what=f"Auto Scaling, {_machines(part, one)}")


def _stores(part: Part, subnet: str) -> Iterator[Box]:
    groups = {str(one.props.get("name")): one for one in part.of(aws.DATABASE_SUBNETS, aws.CACHE_SUBNETS)}
    for one in part.of(aws.DATABASE, aws.CACHE):
        group = groups.get(str(one.props.get("dbSubnetGroupName") or one.props.get("subnetGroupName")))
        if group and subnet in each(group.props, "subnetIds"):
            yield Box(name=_name(one), what=_data(one))


def _machines(part: Part, group: Resource) -> str:
    """How many of which: `2 to 6 t3.small`."""
    wanted = at(group.props, "launchTemplate.id")
    template = next((one for one in part.of(aws.LAUNCH_TEMPLATE) if one.outputs.get("id") == wanted), None)
    least, most = (int(float(group.props.get(key) or 0)) for key in ("minSize", "maxSize"))
    many = str(least) if least == most else f"{least} to {most}"
    return f"{many} {template.props.get('instanceType') if template else 'machines'}"


def _data(one: Resource) -> str:
    props = one.props
    if one.type == aws.DATABASE:
        zones = "two zones" if is_true(props.get("multiAz")) else "one zone"
        return f"{props.get('engine')} {props.get('engineVersion')}, {props.get('instanceClass')}, {zones}"
    count = int(float(props.get("numCacheClusters") or 1))
    return f"{props.get('engine')} {props.get('engineVersion')}, {count} × {props.get('nodeType')}"


def _outside(part: Part) -> Iterator[Box]:
    for one in part.of(aws.DISTRIBUTION):
        yield Box(name=", ".join(map(str, each(one.props, "aliases"))) or _name(one), what="CloudFront")
    for one in part.of(aws.WEB_ACL):
        yield Box(name=_name(one), what=f"WAF, {len(each(one.props, 'rules'))} rules")
    for one in part.of(aws.ZONE):
        yield Box(name=_name(one), what="private zone" if each(one.props, "vpcs") else "public zone")


def machines(part: Part) -> Table:
    """The machines, what they are and what runs on them."""
    subnets = {str(one.outputs.get("id")): one for one in part.of(aws.SUBNET)}
    runs: Mapping[str, Mapping[str, str]] = {node["name"]: node for node in part.nodes if "name" in node}
    rows = []
    for one in part.of(aws.INSTANCE):
        subnet = subnets.get(str(one.props.get("subnetId")))
        node = runs.get(_name(one), {})
        rows.append(
            (
                _name(one),
                str(one.props.get("instanceType")),
                str(subnet.props.get("availabilityZone")) if subnet else "",
                _name(subnet) if subnet else "",
                node.get("role", ""),
                node.get("runs", ""),
            )
        )
    for one in part.of(aws.AUTO_SCALING_GROUP):
        zones = [_zone(subnets, subnet) for subnet in each(one.props, "vpcZoneIdentifiers")]
        rows.append((_name(one), _machines(part, one), ", ".join(zones), "", "Auto Scaling", ""))
    return Table(
        id=f"{part.system}-machines",
        title="Machines",
        columns=("machine", "type", "zone", "subnet", "role", "runs"),
        rows=tuple(rows),
    )


def _zone(subnets: Mapping[str, Resource], subnet: Any) -> str:
    found = subnets.get(str(subnet))
    return str(found.props.get("availabilityZone")) if found else str(subnet)


def _name(resource: Resource) -> str:
    """What the cloud calls it."""
    keys = ("tags.Name", "name", "identifier", "replicationGroupId")
    return next((str(found) for key in keys if (found := at(resource.props, key))), resource.name)
