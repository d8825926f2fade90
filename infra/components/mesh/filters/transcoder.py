"""Envoy's gRPC-JSON transcoder: REST outside, gRPC inside, by the HTTP annotations of a descriptor set."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from infra.components.mesh.filters.placing import TYPES, before_router, for_host
from infra.components.mesh.objects import Spec

TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
_TYPE = f"{TYPES}.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder"


def transcoder_off() -> Spec:
    """The filter, after all that judge a request and for no service: what a host says of its own turns it on there."""
    return before_router(TRANSCODER, {"@type": _TYPE, "proto_descriptor_bin": ""})


def transcoding(*, host: str, port: int, descriptor: bytes, services: Sequence[str], largest_body: int) -> Spec:
    """On this host, requests that the services' annotations name become their calls; what names none is answered 404.

    The route is the one of the path as it came. A status becomes JSON (`code`, `message`, `details`) with its HTTP status; a body
    above `largest_body` bytes is answered 413. Fields that a message does not have are ignored: Envoy has no setting for that.
    """
    if not services or not descriptor:
        raise ValueError(f"{host}: a transcoder without services or their descriptors would do nothing")
    config = {
        "@type": _TYPE,
        "proto_descriptor_bin": b64encode(descriptor).decode(),
        "services": list(services),
        "match_incoming_request_route": True,
        "convert_grpc_status": True,
        "max_request_body_size": largest_body,
        "print_options": {"preserve_proto_field_names": True, "always_print_primitive_fields": True},
        "request_validation_options": {"reject_unknown_method": True, "reject_unknown_query_parameters": True},
    }
    return for_host(host, port, {"typed_per_filter_config": {TRANSCODER: config}})
