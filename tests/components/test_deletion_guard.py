"""What a deletion guard says; tests/cluster/ plays the deletions on a real API server."""

from __future__ import annotations

from infra.components.cluster.deletion_guard import DeletionGuardArgs, Guarded, deletion_policy

ARGS = DeletionGuardArgs(
    name="network",
    guarded=[
        Guarded(group="argoproj.io", resource="applications", names=["calico"]),
        Guarded(group="", resource="namespaces", names=["calico-system"]),
    ],
    permit="example.org/may-be-deleted",
    why="Everything stops.",
)


def test_each_guarded_kind_is_asked_about_when_it_is_deleted_and_only_then() -> None:
    rules = deletion_policy(ARGS)["matchConstraints"]["resourceRules"]
    assert rules == [
        {"apiGroups": ["argoproj.io"], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["applications"]},
        {"apiGroups": [""], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["namespaces"]},
    ]


def test_an_error_in_the_guard_refuses() -> None:
    assert deletion_policy(ARGS)["failurePolicy"] == "Fail"


def test_who_is_refused_hears_why_and_how_it_is_done_on_purpose() -> None:
    (validation,) = deletion_policy(ARGS)["validations"]
    assert validation["message"] == (
        "Everything stops. To delete it all the same, annotate it first: example.org/may-be-deleted=true"
    )
