"""What of a change is in danger, the worst first; one module per kind."""

from __future__ import annotations

from rehearsal.preview.comparison import Comparison
from rehearsal.preview.dangers.access import widened_documents
from rehearsal.preview.dangers.mesh import widened_objects
from rehearsal.preview.dangers.model import Danger
from rehearsal.preview.dangers.network import opened_routes, widened_groups
from rehearsal.preview.dangers.protections import dropped
from rehearsal.preview.dangers.removals import removed_guards
from rehearsal.preview.dangers.stateful import losses

_KINDS = (losses, widened_groups, opened_routes, removed_guards, widened_documents, widened_objects, dropped)


def dangers_of(comparison: Comparison) -> tuple[Danger, ...]:
    """Every danger of the change, the worst first, each once."""
    every = (danger for kind in _KINDS for danger in kind(comparison))
    found = {(one.rank, one.resource.urn, one.what, one.why): one for one in every}
    return tuple(
        sorted(found.values(), key=lambda one: (one.rank, one.order, one.resource.name, one.resource.type, one.what))
    )
