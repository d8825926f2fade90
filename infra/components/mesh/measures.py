"""What a new release of a workload is judged by, as queries of Istio's metrics (docs/adr/0037).

A release's own answers are counted by its pods' proxies (`reporter="destination"`), whose names have its hash. What never reached a
pod (no connection, no answer in time) only the gateway counts (`reporter="source"`), for the service as a whole.
"""

from __future__ import annotations

from infra.components.cluster.rollout import HASH, Measure


def answered(workload: str, namespace: str, window: str) -> str:
    """How many requests the new release's pods answered in the window."""
    return f"sum(increase(istio_requests_total{{{_pods(workload, namespace)}}}[{window}]))"


def failed(workload: str, namespace: str, window: str, most: float) -> Measure:
    """The share of its answers that were 5xx."""
    return Measure(
        name="errors", query=_share("istio_requests_total", _pods(workload, namespace), _FAILED, window), most=most
    )


def slow(workload: str, namespace: str, window: str, most: float, milliseconds: int) -> Measure:
    """The share of its answers that took longer than one of Istio's bounds, `milliseconds`."""
    metric, pods = "istio_request_duration_milliseconds", _pods(workload, namespace)
    # Prometheus 3 writes the bound as a float, 2 as it is exposed.
    quick = f'sum(rate({metric}_bucket{{{pods},le=~"{milliseconds}([.]0)?"}}[{window}]))'
    return Measure(
        name="latency", query=f"1 - {quick} / (sum(rate({metric}_count{{{pods}}}[{window}])) > 0)", most=most
    )


def failed_at_the_gateway(service: str, namespace: str, gateway: str, window: str, most: float) -> Measure:
    """The share of 5xx that the gateway saw of the service, all of its releases together."""
    seen = (
        f'reporter="source",source_workload="{gateway}",destination_service_namespace="{namespace}",'
        f'destination_service_name="{service}"'
    )
    return Measure(name="gateway", query=_share("istio_requests_total", seen, _FAILED, window), most=most)


_FAILED = 'response_code=~"5.."'


def _pods(workload: str, namespace: str) -> str:
    return f'reporter="destination",namespace="{namespace}",pod=~"{workload}-{HASH}-.+"'


def _share(metric: str, of: str, bad: str, window: str) -> str:
    """Nothing while nothing is counted; 0 while nothing of it is bad."""
    return f"(sum(rate({metric}{{{of},{bad}}}[{window}])) or vector(0)) / (sum(rate({metric}{{{of}}}[{window}])) > 0)"
