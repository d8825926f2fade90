"""`make up` and `make down`: rehearse a stack, show and save what came of it, keep it running if asked, remove it."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from infra.settings import SECRETS, Settings, load_settings
from policy.catalog import NAMES
from policy.exemptions import Exemption, load_exemptions
from rehearsal import serve
from rehearsal.cloud import Cloud, open_cloud
from rehearsal.garbage import making_what_stays
from rehearsal.inprocess import run
from rehearsal.judging import judged, seen_by_rules
from rehearsal.manifests import write_manifests
from rehearsal.report.page import Cost, Run, print_looking, print_page, save_chapters, save_page
from rehearsal.report.policies import PoliciesBroken
from rehearsal.report.progress import nothing_yet, shown
from rehearsal.report.saved import Masker, save_recording
from rehearsal.report.since import since
from rehearsal.stack_file import StackFile, load_stack_file
from rehearsal.ways import Rehearsal, by_engine, in_process
from rehearsal.workspace import Workspace

FindEngine = Callable[[], Path | None]


def up(root: Path, stack: str, console: Console, *, port: int | None, find_engine: FindEngine, show: str = "") -> None:
    """Rehearse the stack and print the page, or a chapter; with a `port`, keep the cloud running there until somebody ends it.

    `PoliciesBroken` when a mandatory rule is broken: the page is printed and the result saved, but nothing is kept running.
    """
    with making_what_stays():
        file = load_stack_file(root, stack, secrets=SECRETS)
        rehearsal = Rehearsal(root=root, stack=file, settings=_settings(file), console=console)
        exemptions = load_exemptions(NAMES)
    workspace = Workspace(root, stack)
    with workspace.locked(), ExitStack() as stays:
        with making_what_stays(), workspace.draft() as draft:
            page = _rehearse(
                rehearsal, workspace, draft, stays, exemptions, engine=find_engine(), stays_up=port is not None
            )
        if port is None or page.judgement.stopping:
            print_page(console, page, show)
            if not show or show == "all":
                print_looking(console, serve.looking_later(stack))
            if page.judgement.stopping:
                raise PoliciesBroken(page.judgement, page.mask)
            return
        address = stays.enter_context(serve.serving(port))
        # Before anybody is told of the cloud: who knows of it may end it at once.
        wait_for_the_end = stays.enter_context(serve.heeding_the_end())
        workspace.serve(address.url)
        stays.callback(workspace.serve_no_more)
        print_page(console, page, show)
        print_looking(console, serve.looking_at(address, rehearsal.settings.region, stack))
        console.print(f"ended by {wait_for_the_end()}", highlight=False)


def down(root: Path, stack: str, console: Console) -> None:
    """End what serves the stack's cloud and remove what its rehearsals left."""
    workspace = Workspace(root, stack)
    with shown(console, f"removing the rehearsal of {stack}", nothing_yet):
        served = serve.end_serving(workspace)
        removed = workspace.remove()
    if served:
        console.print(f"ended the cloud at {served.url} (process {served.pid})", highlight=False)
    for path in removed:
        console.print(f"removed {path.relative_to(root)}", highlight=False)
    if not served and not removed:
        console.print(f"nothing to remove for stack {stack}", highlight=False)


def peak_mb() -> int:
    """The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 // (1024 if sys.platform == "darwin" else 1)


def _settings(stack: StackFile) -> Settings:
    """The stack's settings: what is wrong with them is said before anything is made."""
    found: list[Settings] = []
    run(lambda: found.append(load_settings()), stack, Cloud({}))
    return found[0]


def _rehearse(
    rehearsal: Rehearsal,
    workspace: Workspace,
    draft: Path,
    stays: ExitStack,
    exemptions: Sequence[Exemption],
    *,
    engine: Path | None,
    stays_up: bool,
) -> Run:
    """Run the program, judge what came of it and save it; the cloud stands until `stays` ends."""
    started = time.monotonic()
    settings, console, manifests = rehearsal.settings, rehearsal.console, draft / "manifests"
    manifests.mkdir()
    with shown(console, "starting the embedded cloud", nothing_yet):
        cloud = stays.enter_context(
            open_cloud(region=settings.region, account=settings.platform.account, manifests=manifests)
        )
    recording = by_engine(rehearsal, cloud, stays, engine, destroy=stays_up) if engine else in_process(rehearsal, cloud)
    write_manifests(recording, manifests)
    mask = Masker(recording, [rehearsal.stack.config[key] for key in rehearsal.stack.secret_keys])
    save_recording(draft / "resources.json", recording, mask)
    judgement = judged(seen_by_rules(recording), exemptions)
    created = sum(resource.custom for resource in recording)
    made = Run(
        project=rehearsal.stack.project,
        stack=rehearsal.stack.stack,
        region=settings.region,
        systems=tuple(settings.platform.systems),
        recording=recording,
        judgement=judgement,
        exemptions=tuple(exemptions),
        mask=mask,
        stood_in=rehearsal.stack.stood_in,
        how=_how(engine),
        cost=Cost(resources=created, seconds=time.monotonic() - started, peak_mb=peak_mb()),
        folder=workspace.folder,
        since=since(workspace.folder / "resources.json", draft / "resources.json"),
    )
    save_chapters(made, draft)
    save_page(made, draft)
    return made


def _how(engine: Path | None) -> str:
    if engine:
        return f"on the Pulumi engine, {engine}"
    return "in process, without the Pulumi engine (`make engine` builds it)"
