"""What an Application Load Balancer does with a request's path: its listener's rules, compared as AWS documents it.

Source: "Listener rules for your Application Load Balancer" and "Condition types for listener rules" of its user guide, and the
model of CreateRule (botocore): rules in the order of their priority; path patterns with regard to case, `*` for any characters
and `?` for one, against the path without its query; expressions without lookahead. Whether `%61` is read as `a` before that is
not written anywhere (2026-11-28): tests ask for both.
"""

from __future__ import annotations

import re

from rehearsal.recording import Recording, Registered

LONGEST = 128
NO_SUCH_THING = re.compile(r"\(\?[=!<>]|\\[pP1-9kg]|[*+?}]\+")
"""Lookaround, atomic groups, back references, classes of Unicode, possessive quantifiers: not in an ALB's expressions."""


def answer(recording: Recording, path: str) -> str:
    """The name of the target group that gets a request, or the status of what is answered instead."""
    groups = {group.outputs["arn"]: str(group["tags.Name"]) for group in recording.of("TargetGroup")}
    for rule in sorted(recording.of("ListenerRule"), key=lambda rule: float(rule["priority"])):
        if _matches(rule, path):
            action = rule["actions.0"]
            return groups.get(action.get("targetGroupArn")) or str(action["fixedResponse"]["statusCode"])
    return "404"


def _matches(rule: Registered, path: str) -> bool:
    wanted = rule["conditions.0.pathPattern"]
    expressions = [*map(_expression, wanted.get("values") or ()), *(wanted.get("regexValues") or ())]
    assert all(len(one) <= LONGEST for one in [*(wanted.get("values") or ()), *(wanted.get("regexValues") or ())])
    assert not any(NO_SUCH_THING.search(one) for one in wanted.get("regexValues") or ())
    return any(re.search(one, path.split("?", maxsplit=1)[0]) for one in expressions)


def _expression(pattern: str) -> str:
    return "^" + re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".") + "$"
