"""What every section of a stack file is made of."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SystemName = Literal["wealist"]


class Section(BaseModel):
    """A frozen section that knows all its keys: an unknown one is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


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


VpcCidr = Annotated[str, AfterValidator(_vpc_block)]
ZoneLetter = Annotated[str, Field(pattern=r"^[a-f]$")]
Zones = Annotated[
    dict[ZoneLetter, Annotated[int, Field(ge=0, le=9)]], Field(min_length=2, max_length=6), AfterValidator(_slots)
]
Domain = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$", max_length=253)]
BucketPrefix = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,30}[a-z0-9]$")]
InstanceType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*\.(nano|micro|small|medium|large|\d*xlarge|metal)$")]
TagText = Annotated[str, Field(pattern=r"^[A-Za-z0-9 _.:/=+@-]+$", max_length=128)]


class Network(Section):
    """A VPC: `zones` gives each zone letter its slot, the number that its subnets' CIDRs are made of and that never changes."""

    cidr: VpcCidr
    zones: Zones
    nat: Literal["none", "single", "per_zone"] = "single"
    flow_log_retention_days: Literal[30, 90, 180, 365] = 90


class Platform(Section):
    """What holds for the whole stack."""

    systems: Annotated[list[SystemName], Field(min_length=1)]
    account: Annotated[str, Field(pattern=r"^\d{12}$")]
    protect: bool = True
    tags: dict[TagText, TagText] = {}
