"""Grafana's data sources for what tenants need. In its files a `$` that is not a variable of the environment is written twice."""

from __future__ import annotations

from infra.systems.eco2.parts import Values

TRACES, LOGS = "tempo", "loki"
"""Their `uid`s, by which each names the other; a dashboard may."""


def tempo(url: str) -> Values:
    """Traces. From a span to the lines of its trace, whatever pod wrote them, an hour around it."""
    around = {"spanStartTimeShift": "-1h", "spanEndTimeShift": "1h"}
    lines = '{k8s_namespace_name=~".+"} | trace_id="$${__trace.traceId}"'
    return _source(
        "Tempo", TRACES, url, {"tracesToLogsV2": {"datasourceUid": LOGS, **around, "customQuery": True, "query": lines}}
    )


def loki(url: str) -> Values:
    """Logs. From a line with a trace's id to the trace."""
    link = {
        "name": "trace",
        "matcherType": "label",
        "matcherRegex": "trace_id",
        "url": "$${__value.raw}",
        "datasourceUid": TRACES,
    }
    return _source("Loki", LOGS, url, {"derivedFields": [link]})


def _source(name: str, uid: str, url: str, more: Values) -> Values:
    return {"name": name, "uid": uid, "type": uid, "access": "proxy", "url": url, "editable": False, "jsonData": more}
