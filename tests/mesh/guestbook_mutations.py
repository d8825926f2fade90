"""Each protection of the made-up tenant's edge taken out once, and the case that must notice."""

from __future__ import annotations

from tests.mesh.mutations import Mutation, edited

MUTATIONS = [
    Mutation(
        "a tester is anybody",
        edited("VirtualService", "guestbook-vs", lambda spec: spec["http"].pop(0)),
        "a tester",
    ),
    Mutation(
        "nobody stays",
        edited("VirtualService", "guestbook-vs", lambda spec: spec["http"].__delitem__(slice(1, 3))),
        "who stays with the new one",
    ),
    Mutation(
        "a read has one try",
        edited("VirtualService", "guestbook-vs", lambda spec: spec["http"][1].update(retries={"attempts": 0})),
        "a read that failed twice",
    ),
    Mutation(
        "a try may take as long as the request",
        edited("VirtualService", "guestbook-vs", lambda spec: spec["http"][1]["retries"].pop("perTryTimeout")),
        "a read that is slow is tried again",
    ),
    Mutation(
        "a write is repeated",
        edited("VirtualService", "guestbook-vs", lambda spec: spec["http"][-1]["retries"].update(retryOn="5xx")),
        "a write that failed is not repeated",
    ),
    Mutation(
        "a request has no end",
        edited("VirtualService", "guestbook-vs", lambda spec: spec["http"][-1].pop("timeout")),
        "a write that is slow ends with the request's own time",
    ),
    Mutation(
        "sites that end otherwise are let in",
        edited(
            "VirtualService",
            "guestbook-vs",
            lambda spec: spec["http"][-1]["corsPolicy"].update(allowOrigins=[{"prefix": "https://guests.example.org"}]),
        ),
        "nor one that only begins like it",
    ),
]
