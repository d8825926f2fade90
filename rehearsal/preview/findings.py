"""What this commit's policies find in a recording, whichever side it is of: both sides are judged by the same rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from policy.catalog import NAMES
from policy.exemptions import load_exemptions, qualified
from rehearsal.judging import judged, seen_by_rules
from rehearsal.preview.snapshot import Finding
from rehearsal.recording import Recording


def findings_of(recording: Recording) -> Iterator[Finding]:
    """Everything that the rules find, exempted or not."""
    for one in judged(seen_by_rules(recording), exemptions=()).findings:
        yield Finding(
            rule=one.rule.name,
            resource=qualified(one.resource.urn),
            message=one.message,
            severity=one.rule.severity,
            mandatory=one.rule.mandatory,
            remedy=one.rule.remedy,
        )


def exempted(findings: Iterable[Finding], today: date) -> tuple[Finding, ...]:
    """The findings, those that an exemption lets pass marked so."""
    exemptions = [one for one in load_exemptions(NAMES) if not one.is_over(today)]
    return tuple(
        replace(finding, exempt_until=str(covering.expires) if covering else "")
        for finding in findings
        for covering in [next((one for one in exemptions if one.covers(finding.rule, _urn(finding))), None)]
    )


def _urn(finding: Finding) -> str:
    """As much of a URN as an exemption looks at."""
    stack, _, name = finding.resource.partition("/")
    return f"urn:pulumi:{stack}::::::{name}"
