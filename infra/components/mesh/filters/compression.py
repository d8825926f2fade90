"""Envoy's compressor: answers as gzip or brotli for clients that take it, on one host."""

from __future__ import annotations

from infra.components.mesh.filters.placing import TYPES, before_router, for_host
from infra.components.mesh.objects import Spec

CODINGS = {
    "br": ("envoy.filters.http.compressor.brotli", "compression.brotli.compressor.v3.Brotli"),
    "gzip": ("envoy.filters.http.compressor.gzip", "compression.gzip.compressor.v3.Gzip"),
}
_COMPRESSOR = f"{TYPES}.filters.http.compressor.v3"


def compressed(host: str, port: int, *, smallest: int = 1024) -> list[Spec]:
    """The patches: answers from `smallest` bytes on, in the coding that the client's Accept-Encoding prefers.

    Of media types that become smaller (Envoy's own list: JSON, JavaScript, CSS, HTML, XML, SVG, plain text).
    An answer that is encoded already, or says `Cache-Control: no-transform`, stays as it is (Envoy's reference, "Compressor").
    Where an answer mixes secrets with what an attacker can choose, its length tells of them (BREACH): not for those.
    """
    return [
        *(_filter(name, library, smallest) for name, library in CODINGS.values()),
        for_host(host, port, {"typed_per_filter_config": {name: _switched_on() for name, _ in CODINGS.values()}}),
    ]


def _filter(name: str, library: str, smallest: int) -> Spec:
    """There for every host, and on for none."""
    config = {
        "@type": f"{_COMPRESSOR}.Compressor",
        "compressor_library": {"name": name, "typed_config": {"@type": f"{TYPES}.{library}"}},
        "response_direction_config": {
            "common_config": {
                "enabled": {"default_value": False, "runtime_key": f"{name}.enabled"},
                "min_content_length": smallest,
            },
            # An ETag of what is sent, not of what was compressed, would promise the same bytes.
            "disable_on_etag_header": False,
        },
    }
    return before_router(name, config)


def _switched_on() -> Spec:
    return {"@type": f"{_COMPRESSOR}.CompressorPerRoute", "overrides": {"response_direction_config": {}}}
