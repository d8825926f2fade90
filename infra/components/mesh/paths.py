"""Istio's path patterns: which paths an AuthorizationPolicy's `paths` and `notPaths` mean.

Source: Istio's AuthorizationPolicy reference (Operation.paths) and Envoy's URI template matcher, which stands behind it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

_ONE, _ANY = "{*}", "{**}"
_OPERATORS = re.compile(r"\{\*\*?\}")
_PCHAR = r"a-zA-Z0-9\-._~%!$&'()*+,;:@="
"""What a `{*}` of Envoy's URI templates matches: the characters of a path segment, also a `%` and, since Envoy 1.40, a `*`."""


class BadPattern(ValueError):
    """Istio would refuse the pattern, or read it otherwise than it looks."""


def matches(pattern: str, path: str) -> bool:
    """Whether Istio's `pattern` matches the normalised `path` (without query), case and all.

    `/x` exactly; `/x/*` any path that begins with `/x/`, at whatever depth; `*x` any that ends in `x`; `*` any that is not empty;
    with `{*}` one segment, with `{**}` any number of them, also none.
    """
    validate(pattern)
    if _OPERATORS.search(pattern):
        return re.fullmatch(_template(pattern), path) is not None
    if pattern == "*":
        return path != ""
    if pattern.startswith("*"):
        return path.endswith(pattern[1:])
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return path == pattern


def validate(pattern: str) -> None:
    """`BadPattern` for what Istio refuses, and for what it takes as literal text although it looks like a pattern."""
    literal = _OPERATORS.sub("", pattern)
    if _OPERATORS.search(pattern):
        _validate_template(pattern, literal)
    elif "{" in literal or "}" in literal:
        raise BadPattern(
            f"'{pattern}': only {_ONE} and {_ANY} are operators; expand() lists the paths of a named variable"
        )
    elif "*" in literal[1:-1] or literal.count("*") > 1:
        raise BadPattern(f"'{pattern}': a * stands at the beginning or at the end, once")
    elif not literal.startswith(("/", "*")):
        raise BadPattern(f"'{pattern}': a path begins with /")


def _validate_template(pattern: str, literal: str) -> None:
    if any(sign in literal for sign in "*{}"):
        raise BadPattern(f"'{pattern}': no *, {{ or }} beside {_ONE} and {_ANY}")
    if not pattern.startswith("/"):
        raise BadPattern(f"'{pattern}': a path begins with /")
    if any(_OPERATORS.search(part) and not _OPERATORS.fullmatch(part) for part in pattern.split("/")):
        raise BadPattern(f"'{pattern}': an operator is a whole segment")
    if _ANY in _OPERATORS.findall(pattern)[:-1]:
        raise BadPattern(f"'{pattern}': {_ANY} is the last operator")


def _template(pattern: str) -> str:
    """The template as the regular expression that Envoy makes of it."""
    literals = [re.escape(part) for part in _OPERATORS.split(pattern)]
    operators = [f"[{_PCHAR}]+" if found == _ONE else f"[{_PCHAR}/]*" for found in _OPERATORS.findall(pattern)]
    return "".join(itertools.chain(*itertools.zip_longest(literals, operators, fillvalue="")))


def expand(template: str, **values: Sequence[str]) -> tuple[str, ...]:
    """Every path of a documented template: `expand("/v1/{service}/docs", service=("a", "b"))`.

    A list of exact paths is the narrowest reading of a template: it cannot match a segment that nobody wrote down.
    """
    names = re.findall(r"\{(\w+)\}", template)
    if set(names) != set(values):
        raise BadPattern(f"'{template}' has the variables {sorted(set(names))}, values are given for {sorted(values)}")
    chosen = itertools.product(*(values[name] for name in names))
    return tuple(template.format(**dict(zip(names, choice, strict=True))) for choice in chosen)
