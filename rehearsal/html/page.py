"""Puts the page together: one file, with its style and script inside, that asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from policy.configured import platform_of
from policy.cost.estimate import Estimate, estimate
from policy.exemptions import Exemption
from policy.rules.model import Stack
from policy.run import Judgement
from rehearsal.html.access import roles
from rehearsal.html.mesh import routes
from rehearsal.html.model import Chapter, Part, Table, masked, part_of
from rehearsal.html.network import machines, networks
from rehearsal.html.network_policies import network_policies
from rehearsal.html.reach import security_groups
from rehearsal.html.style import page_style
from rehearsal.html.svg import drawn
from rehearsal.html.tables import costs, exemptions, findings
from rehearsal.recording import Recording
from rehearsal.report.saved import Masker

FILE = "report.html"
_FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the page is made from."""

    project: str
    stack: str
    region: str
    systems: tuple[str, ...]
    recording: Recording
    judgement: Judgement
    exemptions: tuple[Exemption, ...]
    mask: Masker


def page(report: Report) -> str:
    """The page's text."""
    resources = masked(report.recording, report.mask)
    outputs = report.mask(report.recording.stack_outputs)
    chapters = [chapter(part_of(system, resources, outputs.get(system))) for system in report.systems]
    estimated = _estimated(report, Stack(resources))
    tables = (
        costs(estimated),
        findings(report.judgement, report.mask),
        exemptions(report.exemptions, report.judgement),
    )
    style, script = page_style(), (_FOLDER / "page.js").read_text()
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            chapters=[one for one in chapters if one.networks or one.graphs or one.tables],
            tables=[one for one in tables if one.rows],
            summary=list(_summary(report, estimated)),
            systems=[(system, _count(report, system), _usd(estimated, system)) for system in report.systems],
            drawn=drawn,
            style=style,
            script=script,
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
    )


def chapter(part: Part) -> Chapter:
    """All that there is to say of a system."""
    groups, rules = security_groups(part)
    arrows, opened = network_policies(part)
    paths, guarded = routes(part)
    tables: list[Table] = [machines(part), guarded, rules, opened, *roles(part)]
    return Chapter(
        name=part.system,
        networks=tuple(networks(part)),
        graphs=tuple(one for one in (paths, groups, *arrows) if one.edges),
        tables=tuple(one for one in tables if one.rows),
    )


def _estimated(report: Report, stack: Stack) -> Estimate | None:
    if not report.region:
        return None
    load = float(platform_of(report.stack).get("load_percent", 100))
    return estimate(stack, region=report.region, load_percent=load)


def _summary(report: Report, estimated: Estimate | None) -> Iterator[tuple[str, str]]:
    yield "region", report.region or "not known"
    yield "resources", str(sum(one.custom for one in report.recording))
    if estimated:
        budget = platform_of(report.stack).get("monthly_budget_usd")
        of = f" of a budget of ${float(budget):,.0f}" if budget else ""
        yield "a month, by estimate", f"${estimated.usd:,.0f}{of}"
    judged = report.judgement
    yield (
        "policies",
        f"{len(judged.stopping)} stop, {len(judged.open) - len(judged.stopping)} advise, {len(judged.exempted)} exempt",
    )


def _count(report: Report, system: str) -> int:
    return sum(one.custom and one.name.startswith(f"{system}-") for one in report.recording)


def _usd(estimated: Estimate | None, system: str) -> str:
    return f"{estimated.by_system().get(system, 0):,.0f}" if estimated else ""


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _hash(text: str) -> str:
    """As a Content-Security-Policy names what alone may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
