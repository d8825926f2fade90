"""What aws-cdk-lib says, read from its JavaScript."""

from __future__ import annotations

import re
from functools import cache

from tests.tools import missing
from tools.witnesses import find_witness

_MANAGED = {
    "cachePolicies": ("cache-policy", "fromManagedCachePolicy"),
    "originRequestPolicies": ("origin-request-policy", "fromManagedOriginRequestPolicy"),
    "responseHeadersPolicies": ("response-headers-policy", "fromManagedResponseHeadersPolicy"),
}


@cache
def source(path: str) -> str:
    """A file of the library, by its path without `.js`: `aws-cloudfront/lib/cache-policy`."""
    folder = find_witness("aws-cdk-lib") or missing("aws-cdk-lib is not fetched: `python -m tools.witnesses` does it")
    return (folder / "package" / f"{path}.js").read_text()


def managed_cloudfront_policies() -> dict[str, dict[str, str]]:
    """Kind → the library's name of each of CloudFront's own policies → its id."""
    return {
        kind: dict(sorted(re.findall(rf'static (\w+)=\w+\.{maker}\("([^"]+)"\)', source(f"aws-cloudfront/lib/{file}"))))
        for kind, (file, maker) in _MANAGED.items()
    }


def regional(fact: str) -> dict[str, str]:
    """Region → a fact of the library's `region-info`, such as `ELBV2_ACCOUNT`."""
    pattern = rf'region:"([^"]+)",name:fact_1\(\)\.FactName\.{fact},value:"([^"]+)"'
    return dict(re.findall(pattern, source("region-info/lib/built-ins.generated")))
