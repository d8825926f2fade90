"""What every section of a stack file is made of."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from infra.settings.instance_types import launchable

SystemName = Literal["wealist", "eco2", "exchange", "gateway_lab", "immersiverse", "delivery"]


class Section(BaseModel):
    """A frozen section that knows all its keys: an unknown one is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


def _vpc_block(text: str) -> str:
    try:
        block = IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"not an IPv4 CIDR block such as 10.1.0.0/16 ({error})") from None
    if not block.is_private:
        raise ValueError("allowed: a private range (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16)")
    if not 16 <= block.prefixlen <= 20:
        raise ValueError("allowed: a prefix from /16 to /20 (the subnets are /24)")
    return text


def _slots(zones: dict[str, int]) -> dict[str, int]:
    if len(set(zones.values())) != len(zones):
        raise ValueError("allowed: a different slot for every zone (two zones would share a subnet's CIDR)")
    return zones


def _buildable(systems: list[SystemName]) -> list[SystemName]:
    if len(set(systems)) != len(systems):
        raise ValueError("allowed: each system once")
    if systems == ["delivery"]:
        others = " or ".join(name for name in get_args(SystemName) if name != "delivery")
        raise ValueError(f"allowed: beside delivery at least one that it delivers: {others}")
    return systems


VpcCidr = Annotated[str, AfterValidator(_vpc_block)]
ZoneLetter = Annotated[str, Field(pattern=r"^[a-f]$")]
Zones = Annotated[
    dict[ZoneLetter, Annotated[int, Field(ge=0, le=9)]], Field(min_length=2, max_length=6), AfterValidator(_slots)
]
Domain = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$", max_length=253)]
BucketPrefix = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,30}[a-z0-9]$")]
ImageId = Annotated[str, Field(pattern=r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$")]
InstanceType = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9-]*\.(nano|micro|small|medium|large|\d*xlarge|metal)$"),
    AfterValidator(launchable),
]
IdleSeconds = Annotated[int, Field(ge=1, le=4000)]
"""What AWS allows for the idle timeout of an Application Load Balancer; its own default is 60."""
Repository = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*(/[A-Za-z0-9_.-]+|@\d+/[A-Za-z0-9_.-]+@\d+)$")]
"""A repository as GitHub's OIDC subjects spell it: `<owner>/<name>`, or with immutable ids `<owner>@<id>/<name>@<id>`."""
LogicalName = Annotated[str, Field(pattern=r"^([A-Z][A-Za-z0-9]+/)?[a-z][a-z0-9_]*(-[A-Za-z0-9_.]+)+$")]
"""A resource's logical name; where two have it, after the type's: `Policy/wealist-ec2-role-ecr-policy`."""
TagText = Annotated[str, Field(pattern=r"^[A-Za-z0-9 _.:/=+@-]+$", max_length=128)]


class Network(Section):
    """A VPC with a public and a private subnet in each zone."""

    cidr: VpcCidr
    """The VPC's private block, /16 to /20."""
    zones: Zones
    """Each zone's letter and its slot, 0 to 9: the number that its subnets' blocks are made of. A slot never changes."""
    nat: Literal["none", "single", "per_zone"] = "single"
    """How private subnets reach the internet: not at all, through one NAT gateway, or through one in each zone."""
    flow_log_retention_days: Literal[30, 90, 180, 365] = 90
    """How long the VPC's flow logs and the database's logs are kept."""


class Platform(Section):
    """What holds for the whole stack."""

    systems: Annotated[list[SystemName], Field(min_length=1), AfterValidator(_buildable)]
    """The systems that the stack builds, each once; `delivery` only beside one that it delivers."""
    account: Annotated[str, Field(pattern=r"^\d{12}$")]
    """The AWS account, in quotes: it is a name, not a number."""
    tier: Literal["production", "throwaway"] = "production"
    """What is demanded of the stack: the policies' exemptions go by it. Of a throwaway stack nothing is kept."""
    monthly_budget_usd: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """US dollars that the stack may cost a month, by the estimate (docs/cost.md): above it, and without it, the policies warn."""
    load_percent: Annotated[int, Field(ge=0, le=10_000)] = 100
    """How much of the assumed use (policy/cost/assumptions.yaml) the stack is expected to carry: the estimate alone goes by it."""
    protect: bool = True
    """Whether Pulumi refuses to delete what holds data, and buckets and repositories must be empty to be deleted."""
    tags: dict[TagText, TagText] = {}
    """Further tags on every resource, such as an owner."""
    adopt: dict[LogicalName, Annotated[str, Field(min_length=1, max_length=2048)]] = {}
    """Ids of what exists in AWS, by logical name (or `Type/name`): the stack takes it over (docs/runbooks/adopt-what-exists.md)."""
