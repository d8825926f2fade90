"""A fence that is around nothing would match every namespace, or none."""

from __future__ import annotations

import pytest

from infra.components.cluster.fence import FenceArgs, fence


def test_it_is_around_named_namespaces() -> None:
    made = fence(FenceArgs(name="x", namespaces=["b", "a"], hosts=[], home="a", recorded="x:"))
    (selected,) = made["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert selected == {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a", "b"]}
    assert made["failurePolicy"] == "Fail"


def test_one_around_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="around no namespace"):
        fence(FenceArgs(name="x", namespaces=[], hosts=[], home="a", recorded="x:"))


def test_who_has_no_store_fetches_nothing() -> None:
    made = fence(FenceArgs(name="x", namespaces=["a"], hosts=[], home="a", recorded="x:"))
    assert "This tenant fetches no secrets" in [one["message"] for one in made["validations"]]
