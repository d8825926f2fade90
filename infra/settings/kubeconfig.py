"""What is wrong with a kubeconfig, said without a word of it: it is a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml


def problem_with(text: str) -> str | None:
    """Why the text is no kubeconfig that a cluster is reached with, or `None`."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return "it is not YAML"
    if not isinstance(content, dict) or content.get("kind") != "Config":
        return "it is no mapping with `kind: Config`: a kubeconfig's whole text is needed, not its path"
    named = {key: dict(_named(content.get(f"{key}s"), key)) for key in ("context", "cluster", "user")}
    return _broken(content.get("current-context"), named)


def _broken(current: Any, named: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The first thing that is missing on the way from the current context to a server and its user."""
    context = named["context"].get(str(current))
    if not isinstance(context, dict):
        return "`current-context` names none of its `contexts`"
    for key in ("cluster", "user"):
        if not isinstance(named[key].get(str(context.get(key))), dict):
            return f"the current context's `{key}` is none of its `{key}s`"
    if not str(named["cluster"][context["cluster"]].get("server", "")).startswith("https://"):
        return "the cluster's `server` is no https:// address"
    return None


def _named(entries: Any, key: str) -> Iterator[tuple[str, Any]]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            yield str(entry.get("name")), entry.get(key)
