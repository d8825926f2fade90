"""Writes what the embedded cloud takes from packages that are too large for it to read: `python -m tests.witness.tables`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rehearsal.aws.schemas import TYPES
from tests.witness import cdk, cfn_lint
from tools.witnesses import version_of

FOLDER = Path(__file__).resolve().parents[2] / "rehearsal/aws/tables"


def tables() -> dict[str, dict[str, Any]]:
    """Name → what the table of that name says now."""
    return {
        "cloudfront": {"source": f"aws-cdk-lib {version_of('aws-cdk-lib')}", **cdk.managed_cloudfront_policies()},
        "s3": {
            "source": f"aws-cdk-lib {version_of('aws-cdk-lib')}",
            "zones": cdk.regional("S3_STATIC_WEBSITE_ZONE_53_HOSTED_ZONE_ID"),
        },
        "offers": {
            "source": f"cfn-lint {version_of('cfn-lint')}",
            "postgres": {
                "versions": cfn_lint.versions("aws_rds_dbinstance", "postgres"),
                "classes": cfn_lint.classes("postgres"),
            },
            **{
                engine: {
                    "versions": cfn_lint.versions("aws_elasticache_cachecluster", engine),
                    "classes": cfn_lint.node_types(),
                }
                for engine in ("redis", "valkey")
            },
        },
        "cloudformation": {
            "source": f"cfn-lint {version_of('cfn-lint')}",
            "limits": {type_: cfn_lint.limits_of(type_) for type_ in sorted(TYPES.values())},
        },
    }


def written(table: dict[str, Any]) -> str:
    """A line for each entry, so that a change of a package shows what it changes."""
    return _written(table, "", 2 if "limits" in table else 1) + "\n"


def _written(node: Any, indent: str, depth: int) -> str:
    if not isinstance(node, dict) or (depth < 0 and node):
        return json.dumps(node)
    inner = indent + "  "
    lines = [f"{inner}{json.dumps(key)}: {_written(value, inner, depth - 1)}" for key, value in node.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}" if lines else "{}"


if __name__ == "__main__":
    for name, table in tables().items():
        (FOLDER / f"{name}.json").write_text(written(table))
