"""What a system's document contains, and what stands for it: chapter by chapter, read from the recording.

A component that no chapter names comes last, so that nothing which was built is missing from the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import commonpath

from rich.table import Table
from rich.text import Text

from rehearsal.recording import Recording, Registered
from rehearsal.report.facts import below, children, fill, kind, label, look, physical_name

_FEW = 12
"""Up to so many rooms are named; of more, only their kinds are."""

Said = Callable[[Sequence[Registered]], Iterator[str]]
"""The lines about the resources of one chapter."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One line of a chapter: the resources of a `kind` (whose logical name has `where` in it), each by a template."""

    title: str
    kind: str
    shows: str = "{-}"
    where: str = ""

    def __call__(self, resources: Sequence[Registered]) -> Iterator[str]:
        found = [one for one in resources if one.custom and kind(one) == self.kind and self.where in one.name]
        found.sort(key=lambda resource: resource.name)
        if found:
            yield f"{self.title}: {', '.join(fill(self.shows, resource) for resource in found)}"


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A chapter of the document: the rooms that build it, and what is said about them.

    A room is a logical name without the system's; `k8s-*` are all such.
    """

    number: int
    title: str
    rooms: tuple[str, ...]
    facts: tuple[Said, ...]


def edges(resources: Sequence[Registered]) -> Iterator[str]:
    """Who may reach whom, from the ingress rules: `wealist-prod-alb-sg → wealist-prod-ec2-sg 8080, 8000`."""
    names = {group.id: physical_name(group) for group in resources if kind(group) == "ec2:SecurityGroup"}
    ports: dict[tuple[str, str], list[str]] = {}
    for rule in resources:
        if kind(rule) == "vpc:SecurityGroupIngressRule":
            source = str(look(rule, "referencedSecurityGroupId") or look(rule, "cidrIpv4"))
            target = str(look(rule, "securityGroupId"))
            edge = names.get(source, source), names.get(target, target)
            ports.setdefault(edge, []).append(str(look(rule, "toPort")))
    for (source, target), open_ports in sorted(ports.items()):
        yield f"{source} → {target} {', '.join(sorted(open_ports, key=int))}"


def parameters(resources: Sequence[Registered]) -> Iterator[str]:
    """How many parameters of which type there are: `parameters: 8 SecureString, 9 String under /wealist/prod`."""
    found = [resource for resource in resources if kind(resource) == "ssm:Parameter"]
    if found:
        counted = Counter(str(look(parameter, "type")) for parameter in found)
        types = ", ".join(f"{count} {type_}" for type_, count in sorted(counted.items()))
        yield f"parameters: {types} under {commonpath([physical_name(parameter) for parameter in found])}"


# A table for each document, in the document's order; systems share no row.
WEALIST = (
    Chapter(
        number=2,
        title="VPC and network",
        rooms=("network", "endpoints"),
        facts=(
            Fact(title="VPC", kind="ec2:Vpc", shows="{-} {cidrBlock}"),
            Fact(title="public", kind="ec2:Subnet", shows="{cidrBlock} {availabilityZone}", where="-public-"),
            Fact(title="private", kind="ec2:Subnet", shows="{cidrBlock} {availabilityZone}", where="-private-"),
            Fact(title="NAT", kind="ec2:NatGateway"),
            Fact(title="routes", kind="ec2:RouteTable"),
            Fact(title="endpoints", kind="ec2:VpcEndpoint", shows="{~}"),
            Fact(title="flow logs", kind="cloudwatch:LogGroup", shows="{-} kept {retentionInDays} days"),
        ),
    ),
    Chapter(
        number=3,
        title="Frontend",
        rooms=("dns", "site-certificate", "site"),
        facts=(
            Fact(title="bucket", kind="s3:Bucket"),
            Fact(title="distribution", kind="cloudfront:Distribution", shows="{aliases} at {domainName}"),
            Fact(title="certificate", kind="acm:Certificate", shows="{domainName} in {region}"),
            Fact(title="zone", kind="route53:Zone"),
            Fact(title="records", kind="route53:Record", shows="{type} {name}", where="-dns-"),
        ),
    ),
    Chapter(
        number=4,
        title="Backend",
        rooms=("api-certificate", "api", "backend", "monitoring", "parameters"),
        facts=(
            Fact(title="load balancer", kind="lb:LoadBalancer"),
            Fact(title="listeners", kind="lb:Listener", shows="{protocol} {port}"),
            Fact(title="targets", kind="lb:TargetGroup", shows="{-} {port} {healthCheck.path}"),
            Fact(title="groups", kind="autoscaling:Group", shows="{-} {minSize} to {maxSize}"),
            Fact(title="instances", kind="ec2:LaunchTemplate", shows="{instanceType}"),
            parameters,
        ),
    ),
    Chapter(
        number=5,
        title="Database",
        rooms=("database", "database-init"),
        facts=(
            Fact(
                title="instance",
                kind="rds:Instance",
                shows="{-} {engine} {engineVersion} {instanceClass} {allocatedStorage} GiB",
            ),
            Fact(title="several zones", kind="rds:Instance", shows="{multiAz}"),
            Fact(title="databases and roles", kind="ssm:Association", shows="run command {-}"),
        ),
    ),
    Chapter(
        number=6,
        title="Cache",
        rooms=("cache",),
        facts=(
            Fact(
                title="Redis",
                kind="elasticache:ReplicationGroup",
                shows="{-} {engineVersion} {nodeType} × {numCacheClusters}",
            ),
            Fact(title="failover", kind="elasticache:ReplicationGroup", shows="{automaticFailoverEnabled}"),
        ),
    ),
    Chapter(
        number=7,
        title="CI/CD",
        rooms=("registry", "release", "deploy-scripts", "app-resources", "codedeploy-artifacts", "app-artifacts"),
        facts=(
            Fact(title="repositories", kind="ecr:Repository"),
            Fact(title="applications", kind="codedeploy:Application"),
            Fact(title="deployments", kind="codedeploy:DeploymentGroup", shows="{-} {deploymentConfigName}"),
            Fact(title="buckets", kind="s3:Bucket"),
        ),
    ),
    Chapter(
        number=8,
        title="Security groups",
        rooms=("security",),
        facts=(edges,),
    ),
    Chapter(
        number=9,
        title="IAM",
        rooms=("ec2-role", "codedeploy-role", "github-actions-role", "github", "ec2-profile"),
        facts=(
            Fact(title="roles", kind="iam:Role"),
            Fact(title="instance profile", kind="iam:InstanceProfile"),
            Fact(title="federation", kind="iam:OpenIdConnectProvider", shows="{url}"),
        ),
    ),
)

ECO2 = (
    Chapter(
        number=2,
        title="Architecture",
        rooms=(
            "network",
            "endpoints",
            "security",
            "dns",
            "private-dns",
            "api*",
            "waf",
            "platform-*",
            "observability-*",
        ),
        facts=(
            Fact(title="VPC", kind="ec2:Vpc", shows="{-} {cidrBlock}"),
            Fact(title="records", kind="route53:Record", shows="{type} {name}"),
            Fact(title="load balancer", kind="lb:LoadBalancer"),
            Fact(
                title="targets", kind="lb:TargetGroup", shows="{-} {port}, health {healthCheck.port}{healthCheck.path}"
            ),
            Fact(title="firewall", kind="wafv2:WebAcl"),
            edges,
            Fact(title="Argo CD brings", kind="Application"),
        ),
    ),
    Chapter(
        number=3,
        title="AuthN/AuthZ flow",
        rooms=("mesh-cookie-to-header", "mesh-strip-identity-headers", "mesh-ext-authz*", "workloads-ext-authz"),
        facts=(
            Fact(title="filters", kind="EnvoyFilter"),
            Fact(title="policy", kind="AuthorizationPolicy", shows="{-}, action {spec.action}"),
            Fact(title="service", kind="Deployment", shows="{-} × {spec.replicas}"),
        ),
    ),
    Chapter(
        number=4,
        title="Namespaces",
        rooms=("namespaces-*", "workloads-*", "data-*", "secrets-*", "network-policies"),
        facts=(
            Fact(title="namespaces", kind="Namespace"),
            Fact(title="deployments", kind="Deployment", shows="{metadata.namespace}/{-}"),
            Fact(title="stateful", kind="StatefulSet", shows="{metadata.namespace}/{-}"),
            Fact(title="secrets", kind="ExternalSecret", shows="{metadata.namespace}/{-}"),
        ),
    ),
    Chapter(
        number=5,
        title="Nodes (EC2)",
        rooms=("k8s-*", "node-*", "bootstrap", "etcd-snapshots", "issuer*", "role-*", "parameters", "registry"),
        facts=(
            Fact(title="instances", kind="ec2:Instance", shows="{-} {instanceType}"),
            Fact(title="roles", kind="iam:Role"),
            Fact(title="service accounts", kind="iam:OpenIdConnectProvider", shows="{url}"),
            parameters,
        ),
    ),
    Chapter(
        number=6,
        title="Components",
        rooms=("mesh-*",),
        facts=(
            Fact(title="Gateway", kind="Gateway"),
            Fact(title="EnvoyFilter", kind="EnvoyFilter"),
            Fact(title="AuthorizationPolicy", kind="AuthorizationPolicy", shows="{metadata.namespace}/{-}"),
            Fact(title="VirtualService", kind="VirtualService", shows="{metadata.namespace}/{-}"),
            Fact(title="ServiceEntry", kind="ServiceEntry", shows="{spec.hosts}"),
        ),
    ),
)

DELIVERY = (
    Chapter(
        number=2,
        title="Roles",
        rooms=("*-role", "boundary"),
        facts=(
            Fact(title="workflows' roles", kind="iam:Role"),
            Fact(title="boundary of all others", kind="iam:Policy", where="-boundary-"),
        ),
    ),
)

GATEWAY_LAB = (
    Chapter(
        number=1,
        title="JWT, services, data",
        rooms=("workload-*", "data-*", "secret-*", "backups", "role-*", "registry", "parameters"),
        facts=(
            Fact(title="services", kind="Deployment", shows="{-} × {spec.replicas}"),
            Fact(title="data", kind="StatefulSet"),
            Fact(title="secrets", kind="ExternalSecret"),
        ),
    ),
    Chapter(
        number=3,
        title="Routing, limits, failure",
        rooms=("routes", "destination-*", "allow-*", "external", "visible"),
        facts=(
            Fact(title="routes", kind="VirtualService", shows="{spec.hosts}"),
            Fact(title="circuit breakers", kind="DestinationRule"),
            Fact(title="who may call", kind="AuthorizationPolicy"),
        ),
    ),
)

DOCUMENTS: dict[str, tuple[Chapter, ...]] = {
    "wealist": WEALIST,
    "eco2": ECO2,
    "gateway_lab": GATEWAY_LAB,
    "delivery": DELIVERY,
}
"""The chapters of every system's document."""


def contents_table(recording: Recording, system: str) -> Table:
    """The document's table of contents beside what stands for it."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), title_justify="left")
    table.add_column(f"{system}.md", style="bold", min_width=15, no_wrap=True)
    table.add_column("what stands")
    for title, rooms, lines in _rows(recording, system):
        table.add_row(title, _stands(rooms, lines))
    return table


def _stands(rooms: Sequence[Registered], lines: Sequence[str]) -> Text:
    kinds = Counter(label(room) for room in rooms)
    if len(rooms) > _FEW:
        named = ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in kinds.items())
    else:
        named = ", ".join(f"{label(room)} {room.name}" for room in rooms)
    return Text("\n").join([*([Text(named, "dim")] if named else []), *map(Text, lines)])


def _rows(recording: Recording, system: str) -> Iterator[tuple[str, list[Registered], list[str]]]:
    tree = children(recording)
    rooms = {resource.name: resource for resource in tree.get("", []) if resource.name.startswith(f"{system}-")}
    yield "1 Overview", [], [_total([part for room in rooms.values() for part in below(room, tree)])]
    told: set[str] = set()
    for chapter in DOCUMENTS[system]:
        mine = [room for name, room in rooms.items() if _belongs(name.removeprefix(f"{system}-"), chapter)]
        told |= {room.name for room in mine}
        parts = [part for room in mine for part in below(room, tree)]
        yield f"{chapter.number} {chapter.title}", mine, [line for fact in chapter.facts for line in fact(parts)]
    beside = [room for name, room in rooms.items() if name not in told]
    if beside:
        yield (
            "beside it",
            [room for room in beside if not room.custom],
            [_total([part for room in beside for part in below(room, tree)])],
        )


def _belongs(name: str, chapter: Chapter) -> bool:
    return any(fnmatchcase(name, room) for room in chapter.rooms)


def _total(parts: Sequence[Registered]) -> str:
    custom = sum(part.custom for part in parts)
    return f"{custom} resources in {len(parts) - custom} components"
