"""Definitions of kinds (CustomResourceDefinitions), read from the files in which operators have them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

Definition = dict[str, Any]

KIND = "CustomResourceDefinition"


class KubernetesLoader(yaml.CSafeLoader):
    """Takes a bare `=` for text, as Kubernetes does; prometheus-operator's definitions have one."""


KubernetesLoader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: str(node.value))


def definitions(folders: Iterable[Path], may_be_wanted: Callable[[str], bool] = bool) -> Iterator[Definition]:
    """Each definition in the folders' files. To parse them all takes seconds: `may_be_wanted` looks at the text of each before."""
    for path in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
        for text in path.read_text().split("\n---\n"):
            if may_be_wanted(text):
                one = yaml.load(text, Loader=KubernetesLoader)  # noqa: S506  a safe loader's child
                if one and one["kind"] == KIND:
                    yield one


def of_kinds(folders: Iterable[Path], kinds: Collection[tuple[str, str]]) -> Iterator[Definition]:
    """Those of these kinds, each a group and a kind's name."""

    def may_be(text: str) -> bool:
        return any(f"group: {group}\n" in text and f"kind: {kind}\n" in text for group, kind in kinds)

    return (one for one in definitions(folders, may_be) if defined(one["spec"]) in kinds)


def defined(spec: Mapping[str, Any]) -> tuple[str, str]:
    """The group and the kind."""
    return spec["group"], spec["names"]["kind"]
