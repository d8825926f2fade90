"""The resource tree: components with their resources, what only supports another resource folded into counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from rich.text import Text
from rich.tree import Tree

from rehearsal.recording import Recording, Registered
from rehearsal.report.facts import children, fill, kind, label, physical_name

_TOGETHER = 3
_NAMED = 3
_LONGEST_ID = 32
_NOT_AN_ID = ("", "none")

ALWAYS_APART = frozenset({"ec2:Subnet", "ec2:SecurityGroup", "ec2:VpcEndpoint", "iam:Role", "lb:TargetGroup"})
"""Types whose every resource has its line, however many there are."""

SUPPORTING = {
    "acm:CertificateValidation": "validation",
    "cloudwatch:LogDelivery": "log delivery",
    "cloudwatch:LogDeliveryDestination": "log destination",
    "cloudwatch:LogDeliverySource": "log source",
    "ec2:Route": "route",
    "ec2:RouteTableAssociation": "route table association",
    "ecr:LifecyclePolicy": "lifecycle",
    "ecr:RepositoryPolicy": "policy",
    "iam:RolePolicy": "role policy",
    "iam:RolePolicyAttachment": "policy attachment",
    "kms:Alias": "alias",
    "s3:BucketLifecycleConfiguration": "lifecycle",
    "s3:BucketLogging": "logging",
    "s3:BucketOwnershipControls": "ownership",
    "s3:BucketPolicy": "policy",
    "s3:BucketPublicAccessBlock": "public access block",
    "s3:BucketServerSideEncryptionConfiguration": "encryption",
    "s3:BucketVersioning": "versioning",
}
"""Types that only say how another resource behaves, in few words: they are counted, not named."""

LINES = {
    "ec2:Vpc": "{-}  {cidrBlock}",
    "ec2:Subnet": "{-}  {cidrBlock}  {availabilityZone}",
    "ec2:InternetGateway": "{-}",
    "ec2:NatGateway": "{-}",
    "ec2:Eip": "{-}  {publicIp}",
    "ec2:RouteTable": "{-}",
    "ec2:SecurityGroup": "{-}  {description}",
    "vpc:SecurityGroupIngressRule": "{~}",
    "vpc:SecurityGroupEgressRule": "{~}",
    "ec2:VpcEndpoint": "{~}  {serviceName}",
    "ec2:FlowLog": "{-}  {trafficType}",
    "route53:Zone": "{-}",
    "route53:Record": "{type} {name}",
    "acm:Certificate": "{domainName}",
    "cloudfront:Distribution": "{aliases}  {domainName}",
    "lb:LoadBalancer": "{-}  {dnsName}",
    "lb:Listener": "{protocol} {port}",
    "lb:ListenerRule": "{~}",
    "lb:TargetGroup": "{-}  {port}  {healthCheck.path}",
    "autoscaling:Group": "{-}  {minSize} to {maxSize} instances",
    "ec2:LaunchTemplate": "{-}  {instanceType}",
    "rds:Instance": "{-}  {engine} {engineVersion}  {instanceClass}",
    "elasticache:ReplicationGroup": "{-}  {engine} {engineVersion}  {nodeType}",
    "s3:Bucket": "{-}",
    "codedeploy:Application": "{-}",
    "codedeploy:DeploymentGroup": "{-}  {deploymentConfigName}",
    "iam:Role": "{-}",
    "iam:Policy": "{-}",
}
"""What a resource's line says, and in which order the types come; those that are not here follow with their names."""

_ORDER = {type_: place for place, type_ in enumerate(LINES)}


def resource_tree(recording: Recording, title: str) -> Tree:
    """Everything that was registered, readable for hundreds of resources."""
    tree = Tree(Text(title, "bold"), guide_style="dim")
    _fill(tree, "", children(recording))
    return tree


def _fill(node: Tree, parent: str, tree: Mapping[str, list[Registered]]) -> None:
    here = tree.get(parent, [])
    custom = [resource for resource in here if resource.custom]
    for line in _lines(custom):
        node.add(line)
    for component in (resource for resource in here if not resource.custom):
        _fill(node.add(_component(component)), component.urn, tree)


def _lines(resources: list[Registered]) -> Iterable[Text]:
    apart = [resource for resource in resources if kind(resource) not in SUPPORTING]
    for type_ in sorted(
        {kind(resource) for resource in apart}, key=lambda type_: (_ORDER.get(type_, len(LINES)), type_)
    ):
        same = sorted((resource for resource in apart if kind(resource) == type_), key=lambda resource: resource.name)
        if len(same) > _TOGETHER and type_ not in ALWAYS_APART:
            yield _group(same)
        else:
            yield from map(_resource, same)
    supporting = Counter(SUPPORTING[kind(resource)] for resource in resources if kind(resource) in SUPPORTING)
    if supporting:
        counted = ", ".join(f"{count} × {name}" if count > 1 else name for name, count in sorted(supporting.items()))
        yield _one_line(Text(f"+ {counted}", "dim"))


def _component(resource: Registered) -> Text:
    return _one_line(Text.assemble((label(resource), "bold cyan"), " ", (resource.name, "bold")))


def _resource(resource: Registered) -> Text:
    said = _said(resource)
    shown = Text.assemble((label(resource), "cyan"), " ", said)
    if resource.id not in said and resource.id not in _NOT_AN_ID and len(resource.id) < _LONGEST_ID:
        shown.append(f"  {resource.id}", "dim")
    return _one_line(shown)


def _group(same: list[Registered]) -> Text:
    named = ", ".join(_said(resource) for resource in same[:_NAMED])
    more = f" and {len(same) - _NAMED} more"
    return _one_line(Text.assemble((label(same[0]), "cyan"), (f" × {len(same)} ", "bold"), f" {named}", (more, "dim")))


def _said(resource: Registered) -> str:
    template = LINES.get(kind(resource))
    return fill(template, resource) if template else physical_name(resource)


def _one_line(shown: Text) -> Text:
    shown.no_wrap = True
    shown.overflow = "ellipsis"
    return shown
