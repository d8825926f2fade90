"""A cluster from nothing to the last wave: the master's own script brings the first charts, Argo CD all the rest.

Real are the API server, the controllers, the scheduler, the bootstrap's script with Helm and kubectl, the publishing script with
Git and GnuPG, Redis, and Argo CD's application controller and repository server. Pretended are kubelets (kwok), the operators
(absent.py), the charts' repositories and the Git host (outside.py, stand_ins.py).
"""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import urllib3

from infra.components.cluster.gitops import ARGO_NAMESPACE
from infra.components.cluster.metadata import SYNC_WAVE
from infra.systems import REGISTRY, Guest
from infra.systems.eco2.projects import PROJECT
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.manifests import write_manifests
from tests.argo import absent, commits, stand_ins
from tests.argo.arrivals import Look
from tests.argo.commits import Change, Key
from tests.argo.inside import Inside, egress
from tests.argo.outside import Outside, outside
from tests.argo.programs import Argo
from tests.cluster.api_server import ApiServer
from tests.cluster.controllers import rollouts_controller
from tests.mesh.manifests import Manifest, read
from tests.mesh.processes import Program, wait_until
from tests.stacks import ACCOUNT, REGION, changed_stack, program
from tests.tools import required_tool
from tests.trial.control_plane import Cluster, cluster
from tests.trial.standing import nodes

APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{ARGO_NAMESPACE}/applications"
PATIENCE = 1800.0
"""Seconds until everything is delivered on a machine that is busy with other things: a bound, not an expectation."""

REFRESH = "argocd.argoproj.io/refresh"
CLOUD = {"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"}


@dataclass
class Rendered:
    """What a stack gives the cluster: the folder of manifests, and the bundle that the master fetches."""

    folder: Path
    bundle: bytes

    @cached_property
    def objects(self) -> list[Manifest]:
        return read(self.folder)


def render(folder: Path, publisher: Key, stack: str = "prod") -> Rendered:
    """eco2 and all tenants of a stack, with this publisher."""
    manifests = folder / "manifests"
    manifests.mkdir(parents=True)
    tenants = [system for system, one in REGISTRY.items() if isinstance(one, Guest)]
    changes = {
        "platform.systems": ["eco2", *tenants],
        "eco2.gitops.signing_keys": {publisher.id: publisher.public},
    }
    with open_cloud(region=REGION, account=ACCOUNT, manifests=manifests) as cloud:
        recording = run(program, changed_stack(folder, stack, changes), cloud)
        write_manifests(recording, manifests)
    (bundle,) = [one for one in recording if one.name.endswith("bootstrap-bundle")]
    return Rendered(manifests, base64.b64decode(bundle["contentBase64"]))


@dataclass
class Delivered:
    """A cluster to which Argo CD delivers."""

    cluster: Cluster
    world: Outside
    rendered: Rendered
    publisher: Key
    folder: Path
    programs: dict[str, Program]
    said: str
    """By the master's script."""
    configured: Mapping[str, str]
    """What Argo CD's ConfigMaps tell its controller."""
    restart_controller: Callable[[Mapping[str, str]], None]
    """With these settings besides."""
    wrong: list[Exception]
    """What stopped the operators."""
    timeline: list[Look] = field(default_factory=list)
    _seen: dict[str, str] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)

    @property
    def server(self) -> ApiServer:
        return self.cluster.server

    @cached_property
    def waves(self) -> dict[str, int]:
        """Of the Applications that are rendered."""
        return {
            one["metadata"]["name"]: int(one["metadata"].get("annotations", {}).get(SYNC_WAVE, 0))
            for one in self.rendered.objects
            if one["kind"] == "Application"
        }

    @cached_property
    def of_git(self) -> list[str]:
        """The Applications of the branch."""
        url = repository(self.rendered.objects)
        return [
            one["metadata"]["name"]
            for one in self.rendered.objects
            if one["kind"] == "Application" and one["spec"]["source"]["repoURL"] == url
        ]

    def live(self, path: str) -> Manifest | None:
        """An object as the cluster has it, if it does."""
        verdict = self.server.request("GET", path)
        assert verdict.status in (200, 404), f"{path}: {verdict.message}"
        return verdict.body if verdict.status == 200 else None

    def exists(self, manifest: Manifest) -> bool:
        """Whether an object of that kind and name is there."""
        verdict = self.server.create(manifest, dry_run=True)
        assert verdict.status in (201, 409), verdict.message
        return verdict.status == 409

    def applications(self) -> dict[str, Manifest]:
        found = self.server.request("GET", APPLICATIONS).body["items"]
        return {one["metadata"]["name"]: one for one in found}

    def kinds_of(self, name: str) -> set[str]:
        """The kinds whose definitions an Application has brought."""
        resources = self.applications().get(name, {}).get("status", {}).get("resources", ())
        brought = {one["name"] for one in resources if one["kind"] == "CustomResourceDefinition"}
        found = self.server.request("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions").body["items"]
        return {one["spec"]["names"]["kind"] for one in found if one["metadata"]["name"] in brought}

    def look(self) -> dict[str, Manifest]:
        """The Applications; what changed since the last look goes to the time line."""
        found = self.applications()
        for name, one in found.items():
            said = f"{state(one)}{waits_for(one)}"
            if self._seen.get(name) != said:
                self._seen[name] = said
                seconds = time.monotonic() - self._started
                self.timeline.append(Look(seconds=seconds, name=name, said=said, well=is_well(one)))
        return found

    def publish(self, change: Change, message: str) -> str:
        """A signed commit of the rendered manifests with a change, at which the Applications of the branch have looked; its id."""
        folder = self.folder / f"commit-{len(list(self.folder.glob('commit-*')))}"
        commits.changed(self.rendered.folder, change, folder)
        commit = commits.publish(self._remote, folder, message, self.publisher)
        self.refresh(self.of_git)
        return commit

    @contextmanager
    def published(self, change: Change, message: str) -> Iterator[str]:
        """The same until the end of the block: then the manifests are as before, and all is well."""
        try:
            yield self.publish(change, message)
        finally:
            self.restore()

    def push(self, change: Change, signer: Key | None = None) -> str:
        """A commit past the workflow, at which they have looked; its id."""
        commit = commits.push(self._remote, change, signer)
        self.refresh(self.of_git)
        return commit

    def restore(self) -> None:
        self.wait_for_commit(self.publish(lambda _: None, "as it was"))

    @property
    def _remote(self) -> Path:
        return self.world.place(repository(self.rendered.objects))

    def refresh(self, names: Iterable[str], *, how: str = "normal") -> None:
        """Until they have been compared with their sources anew; `hard` forgets what charts gave, too."""
        names = [*names]
        for name in names:
            change = {"metadata": {"annotations": {REFRESH: how}}}
            assert self.server.request("PATCH", f"{APPLICATIONS}/{name}", change).status == 200, name
        self.wait_for(
            lambda found: not any(REFRESH in found[name]["metadata"].get("annotations", {}) for name in names),
            f"{', '.join(names)} to be compared",
        )

    def wait_for_commit(self, commit: str) -> None:
        """Until the Applications of the branch are at that commit, and everything is in step and healthy."""

        def arrived(found: dict[str, Manifest]) -> bool:
            at = {found[name]["status"]["sync"].get("revision") for name in self.of_git if name in found}
            return at == {commit} and all(map(is_settled, found.values()))

        self.wait_for(arrived, f"{commit} to be there")

    def wait_for(self, ready: Callable[[dict[str, Manifest]], bool], what: str, patience: float = PATIENCE) -> None:
        """Until the Applications are so; else an error that says what each says."""

        def there() -> bool:
            time.sleep(2)
            if self.wrong:
                raise RuntimeError(f"nobody plays the operators any more: {self.wrong[0]}")
            try:
                return ready(self.look())
            except urllib3.exceptions.TimeoutError:
                # The machine is busy with other things; the next look tells.
                return False

        try:
            wait_until(there, what, patience=patience)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.why()}") from None

    def why(self) -> str:
        """What every Application that is not well says of itself."""
        lines = []
        for name, one in sorted(self.applications().items()):
            if not is_well(one):
                status = one.get("status", {})
                operation = status.get("operationState", {})
                lines.append(f"{name}: {state(one)}: {operation.get('message', '')}")
                lines += [f"    {told['type']}: {told['message']}" for told in status.get("conditions", ())]
                lines += [f"    {told}" for told in unwell(one)]
        return "\n".join(lines)


def state(application: Manifest) -> str:
    status = application.get("status", {})
    return " ".join(
        (
            status.get("sync", {}).get("status", "-"),
            status.get("health", {}).get("status", "-"),
            status.get("operationState", {}).get("phase", "-"),
        )
    )


def is_well(application: Manifest) -> bool:
    """In step and healthy; what was found as it should be is never synced."""
    return state(application) in ("Synced Healthy Succeeded", "Synced Healthy -")


def is_settled(application: Manifest) -> bool:
    """In step and healthy, with nothing under way. What a failed sync was to bring may have been taken back since."""
    return state(application).startswith("Synced Healthy") and not state(application).endswith("Running")


def waits_for(application: Manifest) -> str:
    """Whose health the sync that runs waits for, or what it says of its last try."""
    operation = application.get("status", {}).get("operationState", {})
    if operation.get("phase") != "Running":
        return ""
    said = str(operation.get("message", ""))
    waited = re.search(r"waiting for (?:healthy state|completion|deletion) of (.*)", said)
    return f" waits for {waited[1]}" if waited else f" {said}" if "etry" in said else ""


def synced_to(application: Manifest) -> str | None:
    """The commit or version that the last sync brought, if it is over and went well."""
    operation = application.get("status", {}).get("operationState", {})
    found = operation.get("syncResult", {}).get("revision") if operation.get("phase") == "Succeeded" else None
    return str(found) if found else None


def told(application: Manifest) -> str:
    """All that it says of its source and of its last sync."""
    status = application.get("status", {})
    operation = status.get("operationState", {})
    results = operation.get("syncResult", {}).get("resources", ())
    said = [*status.get("conditions", ()), operation, *results]
    return "\n".join(str(one.get("message", "")) for one in said)


def retries(application: Manifest) -> int:
    """How often the last sync had to be tried again."""
    return int(application.get("status", {}).get("operationState", {}).get("retryCount", 0))


def unwell(application: Manifest) -> list[str]:
    """Of its objects, those that are not, and what the last sync could not do."""
    status = application.get("status", {})
    found = [
        f"{_name(one)}: {one.get('status')} {one.get('health', {}).get('status', '')}"
        for one in status.get("resources", ())
        if one.get("status") != "Synced" or one.get("health", {}).get("status", "Healthy") != "Healthy"
    ]
    results = status.get("operationState", {}).get("syncResult", {}).get("resources", ())
    return [
        *found,
        *(
            f"{_name(one)}: {one.get('status')} {one.get('hookPhase', '')}: {one.get('message', '')}"
            for one in results
            if one.get("status") not in ("Synced", "Pruned") or one.get("hookPhase") in ("Failed", "Error")
        ),
    ]


def _name(resource: Manifest) -> str:
    return f"{resource['kind']} {resource.get('namespace', '')}/{resource['name']}"


def repository(objects: Sequence[Manifest]) -> str:
    """The Git repository that the root Application follows."""
    (root,) = [one for one in objects if one["kind"] == "Application" and one["metadata"]["name"] == PROJECT]
    return str(root["spec"]["source"]["repoURL"])


@contextmanager
def delivery(folder: Path, first: Change = lambda _: None) -> Iterator[Delivered]:
    """A cluster whose master has run its script; Argo CD has just been pointed at the rendered manifests.

    `first` changes the manifests that are published before that.
    """
    with ExitStack() as stack:
        # GnuPG's sockets have paths of a hundred characters at most.
        short = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="argo-", ignore_cleanup_errors=True)))
        publisher = commits.key(short)
        rendered = render(folder / "rendered", publisher)
        objects = rendered.objects
        urls = {one["spec"]["source"]["repoURL"] for one in objects if one["kind"] == "Application"}
        namespaces = {one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"} | {"kube-system"}
        world = stack.enter_context(outside(folder, short / "door.sock", sorted(urls), sorted(namespaces)))
        sums = stand_ins.publish(world, objects)
        published = commits.changed(rendered.folder, first, folder / "first")
        commits.publish(world.place(repository(objects)), published, "the first", publisher)
        flags = [f"--egress-selector-config-file={egress(folder, world.socket)}"]
        running = stack.enter_context(cluster(folder, [], {"kube-apiserver": flags}))
        world.inside = Inside(running.server).answer
        for one in nodes():
            assert running.server.create(one).status == 201
        rollouts = partial(rollouts_controller, folder, stack, running.kubeconfig, ["--leader-elect=false"])
        wrong = stack.enter_context(absent.operators(running.server, world.authority.read_bytes(), rollouts))
        said = bootstrap(folder / "master", rendered, world, running, sums)
        argo = Argo(stack, folder, short, running, world)
        argo.start()
        yield Delivered(
            cluster=running, world=world, rendered=rendered, publisher=publisher, folder=folder, said=said,
            programs=argo.programs, configured=argo.configured, restart_controller=argo.restart_controller,
            wrong=wrong,
        )  # fmt: skip


def bootstrap(
    folder: Path, rendered: Rendered, world: Outside, running: Cluster, sums: Mapping[tuple[str, str], str]
) -> str:
    """The master's own `install_addons`, with the checksums of these archives; what it says."""
    bundle, settings = folder / "opt/eco2/bootstrap", folder / "etc/eco2"
    for each in (bundle, settings, folder / "etc/kubernetes", folder / "bin"):
        each.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(rendered.bundle)) as archive:
        archive.extractall(bundle, filter="data")
    rows = [line.split("\t") for line in (bundle / "charts.tsv").read_text().splitlines()]
    (bundle / "charts.tsv").write_text("".join("\t".join(_summed(row, sums)) + "\n" for row in rows))
    (settings / "node.env").write_text("NODE_NAME=k8s-master\nNODE_ROLE=control-plane\n")
    shutil.copyfile(running.kubeconfig, folder / "etc/kubernetes/admin.conf")
    for name in ("helm", "kubectl"):
        (folder / "bin" / name).symlink_to(required_tool(name))
    script = '. "$1/lib.sh"; . "$1/addons.sh"; HELM=$2/helm; install_helm() { :; }; install_addons'
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "ROOT": str(folder),
        **world.environment,
        "KUBE_FEATURE_WatchListClient": "false",
    }
    done = subprocess.run(
        ["bash", "-c", script, "bash", bundle, folder / "bin"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    (folder / "addons.log").write_text(f"{done.stdout}\n{done.stderr}")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def _summed(row: Sequence[str], sums: Mapping[tuple[str, str], str]) -> list[str]:
    how, release, namespace, repository_, chart, version, _, path = row
    return [how, release, namespace, repository_, chart, version, sums[chart, version], path]
