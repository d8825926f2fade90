"""What the gateway says when it answers itself: the status of a missing token, and bodies that say no more than they must.

Envoy takes the first mapper whose filter holds; so all of a gateway are in one patch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus

from infra.components.mesh.filters.placing import TYPES, connection_manager
from infra.components.mesh.objects import Place, Spec

ANSWERED = (400, 401, 403, 404, 408, 413, 415, 426, 429, 431, 500, 501, 502, 503, 504)
"""What a gateway answers by itself; whatever else it may be is in the last mapper, without a word."""


def local_replies(mappers: Sequence[Spec]) -> Spec:
    """The patch."""
    if not mappers:
        raise ValueError("no reply to map")
    return connection_manager({"local_reply_config": {"mappers": list(mappers)}})


def token_missing(policy: Place) -> Spec:
    """401 instead of 403 for what that DENY policy refused: who has shown no token of the issuer is asked for one (RFC 6750, 3)."""
    reason = f"rbac_access_denied_matched_policy[ns[{policy.namespace}]-policy[{policy.name}]-"
    return {
        "filter": _expression(f"response.code_details.startsWith('{reason}')"),
        "status_code": 401,
        "headers_to_add": [
            {"header": {"key": "www-authenticate", "value": "Bearer"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
        "body_format_override": _said(401),
    }


RETRY_AFTER = {
    # Of the limiter, and of the gateway's own bucket alike: seconds until the window is over.
    "header": {"key": "retry-after", "value": "%RESP(X-RATELIMIT-RESET)%"},
    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
}


def too_many() -> Spec:
    """`Retry-After` for every 429 of the gateway's own, on hosts whose errors are not JSON (RFC 9110, 10.2.3)."""
    return {"filter": _status(429), "headers_to_add": [RETRY_AFTER]}


def json_errors(hosts: Sequence[str]) -> list[Spec]:
    """On these hosts every answer of the gateway's own is JSON: the status, its standard phrase, and the request's id.

    Envoy's own texts tell of policies and upstreams; clients get none of that.
    """
    if not hosts:
        raise ValueError("JSON errors of which hosts?")
    names = "|".join(re.escape(host) for host in hosts)
    here: Spec = {
        "header_filter": {
            "header": {"name": ":authority", "string_match": {"safe_regex": {"regex": f"(?i)({names})(:[0-9]+)?"}}}
        }
    }
    each: list[Spec] = [
        {
            "filter": {"and_filter": {"filters": [here, _status(code)]}},
            "body_format_override": _said(code),
            **({"headers_to_add": [RETRY_AFTER]} if code == HTTPStatus.TOO_MANY_REQUESTS else {}),
        }
        for code in ANSWERED
    ]
    return [*each, {"filter": here, "body_format_override": _said(None)}]


def _expression(text: str) -> Spec:
    config = {"@type": f"{TYPES}.access_loggers.filters.cel.v3.ExpressionFilter", "expression": text}
    return {"extension_filter": {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": config}}


def _status(code: int) -> Spec:
    value = {"default_value": code, "runtime_key": f"local_reply.status_{code}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _said(code: int | None) -> Spec:
    status = HTTPStatus(code).phrase if code else "Refused"
    return {
        "json_format": {"status": "%RESPONSE_CODE%", "error": status, "request_id": "%REQ(X-REQUEST-ID)%"},
        "content_type": "application/json; charset=utf-8",
    }
