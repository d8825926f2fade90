"""Where clients go while the front door is away (svc-gateway.md: Route53 Failover; docs/adr/0035)."""

from __future__ import annotations

import json

from infra.components.aws.failover import FailoverHost, FailoverHostArgs
from infra.components.aws.standby import Standby, StandbyArgs
from infra.systems.exchange.context import Context
from infra.systems.exchange.document import EDGE_HEALTH

STANDBY = "standby"
RETRY_SECONDS = 60
BODY = json.dumps({"error": "Service Unavailable", "message": "The exchange is away. No order was taken."})


def build_standby(context: Context) -> FailoverHost:
    """The standby, and the host's two records with the check that chooses between them."""
    found, cluster = context.settings.failover, context.cluster
    standby = Standby(
        context.names.logical(STANDBY),
        StandbyArgs(
            prefix=context.names.prefix,
            host=context.host,
            bucket=context.bucket(STANDBY),
            body=BODY,
            retry_after=RETRY_SECONDS,
            access_logs=cluster.aws.access_logs.bucket,
            protect=context.protect,
            tags=context.tags,
        ),
    )
    return FailoverHost(
        context.names.logical("failover"),
        FailoverHostArgs(
            host=context.host,
            primary=cluster.aws.entrance,
            standby=standby.alias_target,
            zone_id=cluster.aws.zone_id,
            checked_host=context.checked_host,
            path=EDGE_HEALTH,
            every_seconds=found.checked_every_seconds,
            failures=found.failures,
            tags=context.tags,
        ),
    )
