"""Each protection of eco2's mesh taken out of the rendered objects once, and the case that must notice."""

from __future__ import annotations

from collections.abc import Callable

from tests.mesh.manifests import Manifest, named
from tests.mesh.mutations import Change, Mutation, Objects, edited, gone, in_mesh


def _in_policy(edit: Callable[[Manifest], None]) -> Change:
    return edited("AuthorizationPolicy", "ext-authz-policy", edit)


def _not_path(path: str, *instead: str) -> Change:
    def edit(spec: Manifest) -> None:
        paths = spec["rules"][0]["to"][0]["operation"]["notPaths"]
        paths[paths.index(path) : paths.index(path) + 1] = instead

    return _in_policy(edit)


def _in_authorizer(**settings: object) -> Change:
    return in_mesh(lambda mesh: mesh["extensionProviders"][0]["envoyExtAuthzGrpc"].update(settings))


def _normalisation(kind: str) -> Change:
    return in_mesh(lambda mesh: mesh.update(pathNormalization={"normalization": kind}))


def _lua_without_guard(spec: Manifest) -> None:
    source = spec["configPatches"][0]["patch"]["value"]["typed_config"]["default_source_code"]
    guard = 'if headers:getNumValues("authorization") > 0 then'
    assert guard in source["inline_string"]
    source["inline_string"] = source["inline_string"].replace(guard, 'headers:remove("authorization")\n  if false then')


def _prefix_alone(spec: Manifest) -> None:
    spec["http"][0]["match"] = [{"uri": {"prefix": "/api/v1/my"}}]


def _with_stray_route(objects: Objects, mesh: Manifest) -> Objects:
    """Somebody who may make a VirtualService in another namespace claims the API's host, and leads it where it is trusted."""
    stray = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "stray", "namespace": "worker"},
        "spec": {
            "hosts": ["api.eco2.example.com"],
            "gateways": ["istio-system/eco2-gateway"],
            "http": [
                {
                    "match": [{"uri": {"prefix": "/api/v1/billing"}}],
                    "route": [{"destination": {"host": "my-api.my.svc.cluster.local", "port": {"number": 8000}}}],
                }
            ],
        },
    }
    return [*objects, stray]


def _taken_from_everywhere(objects: Objects, mesh: Manifest) -> Objects:
    (server,) = named(objects, "Gateway", "eco2-gateway")["spec"]["servers"]
    server["hosts"] = ["api.eco2.example.com"]
    return _with_stray_route(objects, mesh)


STRAY = Mutation("a route of another namespace", _with_stray_route, "a service that is none")
"""What the gateway's hosts, each with its namespace, keep out."""

MUTATIONS = [
    Mutation("nobody is asked", gone("AuthorizationPolicy", "ext-authz-policy"), "no token"),
    Mutation(
        "only one method is asked about",
        _in_policy(lambda spec: spec["rules"][0]["to"][0]["operation"].update(methods=["GET"])),
        "no token, by POST",
    ),
    Mutation(
        "the provider's name is misspelled",
        _in_policy(lambda spec: spec.update(provider={"name": "ext-auth"})),
        "a valid token",
    ),
    Mutation(
        "a bypass path loses its end",
        _not_path("/api/v1/scan/docs", "/api/v1/scan/docs*"),
        "what only begins like a bypass path",
    ),
    Mutation("a bypass path loses its beginning", _not_path("/api/v1/scan/docs", "*/docs"), "what only ends like one"),
    Mutation(
        "a bypass path takes what is below",
        _not_path("/api/v1/scan/docs", "/api/v1/scan/docs", "/api/v1/scan/docs/*"),
        "what is below a bypass path",
    ),
    Mutation(
        "a provider's place is left open",
        _not_path("/api/v1/auth/kakao", "/api/v1/auth/{*}"),
        "a provider that is none",
    ),
    Mutation("a bypass path is missing", _not_path("/api/v1/my/ready"), "/api/v1/my/ready is not asked about"),
    Mutation(
        "identity headers are not stripped", gone("EnvoyFilter", "strip-identity-headers"), "forged on a bypass path"
    ),
    Mutation(
        "headers with underscores are let in", gone("EnvoyFilter", "reject-underscores"), "any name with an underscore"
    ),
    Mutation("the cookie is not read", gone("EnvoyFilter", "cookie-to-header"), "the cookie becomes the header"),
    Mutation(
        "the cookie overrides the header",
        edited("EnvoyFilter", "cookie-to-header", _lua_without_guard),
        "a header is not overridden by the cookie",
    ),
    Mutation("without an answer the check passes", _in_authorizer(failOpen=True), "ext-authz down"),
    Mutation("a slow check is waited for", _in_authorizer(timeout="2s"), "ext-authz slower than 0.25 s"),
    Mutation("paths are taken as they come", _normalisation("NONE"), "dots are resolved before the route"),
    Mutation("doubled slashes stay", _normalisation("BASE"), "doubled slashes are one"),
    Mutation("encoded slashes stay", _normalisation("MERGE_SLASHES"), "encoded slashes are slashes"),
    Mutation(
        "the edge lets every path in",
        edited("AuthorizationPolicy", "edge", lambda spec: spec["rules"][0]["to"][0]["operation"].update(paths=["/*"])),
        "another version",
    ),
    Mutation(
        "the edge lets every host in, a tenant's too",
        edited("AuthorizationPolicy", "edge", lambda spec: spec["rules"][0]["to"][0]["operation"].pop("hosts")),
        "another host",
    ),
    Mutation(
        "a route takes what only begins like it",
        edited("VirtualService", "my-vs", _prefix_alone),
        "my: no other service's longer name",
    ),
    Mutation(
        "a route goes to another service",
        edited(
            "VirtualService",
            "my-vs",
            lambda spec: spec["http"][0]["route"][0]["destination"].update(host="scan-api.scan.svc.cluster.local"),
        ),
        "my: what is below its prefix",
    ),
    Mutation(
        "whatever was lost is sent again",
        edited(
            "VirtualService", "my-vs", lambda spec: spec["http"][0].update(retries={"attempts": 2, "retryOn": "reset"})
        ),
        "a POST whose answer is lost is not repeated",
    ),
    Mutation(
        "a client's X-Forwarded-For is believed",
        in_mesh(lambda mesh: mesh["defaultConfig"].update(gatewayTopology={"numTrustedProxies": 2})),
        "a client's own X-Forwarded-For is not believed",
    ),
    Mutation(
        "a service is called in plain text",
        edited("DestinationRule", "my-api", lambda spec: spec["trafficPolicy"].update(tls={"mode": "DISABLE"})),
        "a valid token",
    ),
    Mutation(
        "ext-authz is called in plain text",
        edited("DestinationRule", "ext-authz", lambda spec: spec["trafficPolicy"].update(tls={"mode": "DISABLE"})),
        "a valid token",
    ),
    Mutation("another namespace's route is taken", _taken_from_everywhere, "a service that is none"),
]


def _routes_and_filters(objects: Objects, mesh: Manifest) -> Objects:
    mesh["extensionProviders"][0]["envoyExtAuthzGrpc"].update(timeout="0.24s")
    named(objects, "VirtualService", "my-vs")["spec"]["http"][0]["headers"] = {"response": {"set": {"x-release": "2"}}}
    return objects


HARMLESS = Mutation("no protection is missing", _routes_and_filters, "a valid token")
"""A gateway gets other listeners and other routes, and no case may fail for that."""


def _typed(spec: Manifest) -> Manifest:
    config: Manifest = spec["configPatches"][0]["patch"]["value"]["typed_config"]
    return config


REFUSED = [
    # What every validator lets through; only the proxy, or the control plane's log, says it.
    Mutation(
        "a script with a mistake in its syntax",
        edited("EnvoyFilter", "cookie-to-header", lambda spec: _typed(spec)["default_source_code"].update(
            inline_string="function envoy_on_request(handle")),
        "script load error",
    ),
    Mutation(
        "a filter that this Envoy does not have",
        edited("EnvoyFilter", "cookie-to-header", lambda spec: _typed(spec).update(
            {"@type": "type.googleapis.com/envoy.extensions.filters.http.golang.v3alpha.Config"})),
        "golang",
    ),
]  # fmt: skip
"""`noticed_by` is part of what is said."""
