"""The tables that are not of one system: cost, policy findings, exemptions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from policy.cost.estimate import Estimate
from policy.exemptions import Exemption
from policy.run import Judgement
from rehearsal.html.model import Table
from rehearsal.report.saved import Masker


def costs(estimate: Estimate | None) -> Table:
    """Each resource that costs something, the dearest first."""
    rows: list[tuple[str, ...]] = []
    if estimate:
        names = {line.urn: (line.system, line.name) for line in estimate.lines}
        details = defaultdict(list)
        for line in estimate.lines:
            mark = ", assumed" if line.use.assumed else ""
            details[line.urn].append(f"{line.use.key} × {line.use.amount:g} ({line.usd:,.2f}{mark})")
        for urn, usd in estimate.by_resource().items():
            rows.append((*names[urn], f"{usd:,.2f}", "; ".join(details[urn])))
        rows += [(one.resource.name.partition("-")[0], one.resource.name, "?", one.why) for one in estimate.unpriced]
    return Table(
        id="costs",
        title="What it costs a month",
        columns=("system", "resource", "USD", "of which"),
        rows=tuple(rows),
        about="An estimate: docs/cost.md has its prices, their days and the assumptions.",
    )


def findings(judgement: Judgement, mask: Masker) -> Table:
    """What the policies find, exempted or not."""
    rows = [
        (
            one.rule.severity,
            one.rule.name,
            one.where,
            str(mask(one.message)),
            f"exempt until {one.exemption.expires}" if one.exemption else "stops" if one.stops else "advice",
            one.exemption.reason if one.exemption else one.rule.remedy,
        )
        for one in judgement.findings
    ]
    return Table(
        id="findings",
        title="Policy findings",
        columns=("severity", "rule", "resource", "finding", "what of it", "why, or how to mend it"),
        rows=tuple(rows),
    )


def exemptions(every: Iterable[Exemption], judgement: Judgement) -> Table:
    """The exemptions that this stack uses, by their last day."""
    used = {one.exemption for one in judgement.findings if one.exemption}
    stale = {one.exemption: one.why for one in judgement.stale}
    rows = [
        (str(one.expires), one.rule, one.resource, one.reason, stale.get(one, "in use"))
        for one in sorted(
            {*used, *stale} & {*every} or used | stale.keys(), key=lambda one: (one.expires, one.rule, one.resource)
        )
    ]
    return Table(
        id="exemptions",
        title="Exemptions",
        columns=("until", "rule", "resources", "reason", "state"),
        rows=tuple(rows),
    )
