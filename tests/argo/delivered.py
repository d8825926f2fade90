"""A cluster from nothing to the last wave: the master's own script brings the first charts, Argo CD all the rest.

Real are the API server, the controllers, the scheduler, the bootstrap's script with Helm and kubectl, the publishing script with
Git and GnuPG, Redis, and Argo CD's application controller and repository server. Pretended are kubelets (kwok), the operators
(absent.py), the charts' repositories and the Git host (outside.py, stand_ins.py).
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import urllib3
import yaml

from infra.components.cluster.gitops import ARGO_NAMESPACE
from infra.systems import REGISTRY, Guest
from infra.systems.eco2.projects import PROJECT
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.manifests import write_manifests
from tests.argo import absent, stand_ins
from tests.argo.inside import Inside, egress
from tests.argo.outside import Outside, outside
from tests.cluster.api_server import ApiServer
from tests.cluster.controllers import rollouts_controller
from tests.mesh.manifests import Manifest, read
from tests.mesh.processes import KEEPS_ITS_GARBAGE, Program, wait_until
from tests.mesh.servers import get
from tests.ports import free_port
from tests.stacks import ACCOUNT, REGION, ROOT, changed_stack, program
from tests.tools import required_command, required_tool
from tests.trial.control_plane import Cluster, cluster
from tests.trial.standing import nodes
from tools import modules

APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{ARGO_NAMESPACE}/applications"
PATIENCE = 1800.0
"""Seconds until everything is delivered on a machine that is busy with other things: a bound, not an expectation."""

BRANCH = "rendered/prod"
WRAPPERS = ("git-verify-wrapper.sh", "gpg-wrapper.sh")
CLOUD = {"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"}


@dataclass
class Key:
    """A publisher's key, in a GnuPG home of its own."""

    home: Path
    id: str
    public: str
    secret: str


def key(folder: Path) -> Key:
    """A new one, as docs/delivery.md has it made."""
    home = folder / "gnupg"
    home.mkdir(mode=0o700, parents=True)

    def gpg(*arguments: str) -> str:
        command: list[str | Path] = [
            required_command("gpg"),
            "--homedir",
            home,
            "--batch",
            "--quiet",
            "--passphrase",
            "",
            *arguments,
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    gpg("--quick-generate-key", "publisher", "ed25519", "sign", "1d")
    listed = gpg("--list-secret-keys", "--with-colons").splitlines()
    fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr"))
    return Key(home, fingerprint[-16:], gpg("--armor", "--export"), gpg("--armor", "--export-secret-keys"))


@dataclass
class Rendered:
    """What a stack gives the cluster: the folder of manifests, and the bundle that the master fetches."""

    folder: Path
    bundle: bytes

    @property
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
    timeline: list[str] = field(default_factory=list)
    _seen: dict[str, str] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)

    @property
    def server(self) -> ApiServer:
        return self.cluster.server

    def applications(self) -> dict[str, Manifest]:
        found = self.server.request("GET", APPLICATIONS).body["items"]
        return {one["metadata"]["name"]: one for one in found}

    def look(self) -> dict[str, Manifest]:
        """The Applications; what changed since the last look goes to the time line."""
        found = self.applications()
        for name, one in found.items():
            said = state(one)
            if self._seen.get(name) != said:
                self._seen[name] = said
                self.timeline.append(f"{time.monotonic() - self._started:7.1f} s  {name:32} {said}")
        return found

    def wait_for(self, ready: Callable[[dict[str, Manifest]], bool], what: str, patience: float = PATIENCE) -> None:
        """Until the Applications are so; else an error that says what each says."""

        def there() -> bool:
            time.sleep(2)
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


def publish(remote: Path, manifests: Path, message: str, publisher: Key) -> str:
    """A commit of just these manifests on prod's branch, by the workflow's own script."""
    if not remote.exists():
        remote.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([required_command("git"), "init", "--quiet", "--bare", remote], check=True)
    settings = {"REMOTE": str(remote), "BRANCH": BRANCH, "MESSAGE": message, "SIGNING_KEY": publisher.secret}
    script = ROOT / ".github/scripts/publish.sh"
    done = subprocess.run(
        [script, manifests], env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = subprocess.run(
        [required_command("git"), "-C", remote, "rev-parse", BRANCH], check=True, capture_output=True, text=True
    )
    return told.stdout.strip()


@contextmanager
def delivery(folder: Path, first: Callable[[Path], object] = lambda _: None) -> Iterator[Delivered]:
    """A cluster whose master has run its script; Argo CD has just been pointed at the rendered manifests.

    `first` changes the manifests that are published before that.
    """
    with ExitStack() as stack:
        # GnuPG's sockets have paths of a hundred characters at most.
        short = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="argo-", ignore_cleanup_errors=True)))
        publisher = key(short)
        rendered = render(folder / "rendered", publisher)
        objects = rendered.objects
        urls = {one["spec"]["source"]["repoURL"] for one in objects if one["kind"] == "Application"}
        namespaces = {one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"} | {"kube-system"}
        world = stack.enter_context(outside(folder, short / "door.sock", sorted(urls), sorted(namespaces)))
        sums = stand_ins.publish(world, objects)
        shutil.copytree(rendered.folder, folder / "first")
        first(folder / "first")
        publish(world.place(repository(objects)), folder / "first", "the first", publisher)
        flags = [f"--egress-selector-config-file={egress(folder, world.socket)}"]
        running = stack.enter_context(cluster(folder, [], {"kube-apiserver": flags}))
        world.inside = Inside(running.server).answer
        for one in nodes():
            assert running.server.create(one).status == 201
        rollouts = partial(rollouts_controller, folder, stack, running.kubeconfig, ["--leader-elect=false"])
        stack.enter_context(absent.operators(running.server, world.authority.read_bytes(), rollouts))
        said = bootstrap(folder / "master", rendered, world, running, sums)
        argo = Argo(stack, folder, short, running, world)
        argo.start()
        yield Delivered(
            cluster=running, world=world, rendered=rendered, publisher=publisher, folder=folder, said=said,
            programs=argo.programs, configured=argo.configured, restart_controller=argo.restart_controller,
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


class Argo:
    """Argo CD's programs, as their pods would start them with what their ConfigMaps say."""

    def __init__(self, stack: ExitStack, folder: Path, short: Path, running: Cluster, world: Outside) -> None:
        self._stack, self._folder, self._short, self._running, self._world = stack, folder, short, running, world
        self._redis, self._repositories = free_port(), free_port()
        self._source = modules.download("argocd", stand_ins.ARGO_MODULE)
        self.programs: dict[str, Program] = {}
        self.configured = configured(running.server, self._source, CONTROLLER)

    def start(self) -> None:
        redis = ["--port", str(self._redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._run("redis", [required_command("redis-server"), *redis], {})
        self._start_repositories()
        self.restart_controller({})

    def _start_repositories(self) -> None:
        short = self._short
        # As its image has it: itself, Helm, Git, GnuPG, and two scripts.
        (short / "bin").mkdir()
        (short / "bin/helm").symlink_to(required_tool("helm"))
        for name in WRAPPERS:
            shutil.copyfile(self._source / "hack" / name, short / "bin" / name)
            (short / "bin" / name).chmod(0o755)
        # As its pod mounts it.
        (short / "keys").mkdir()
        known = self._running.server.request("GET", f"{_SETTINGS}/argocd-gpg-keys-cm").body.get("data", {})
        for name, text in known.items():
            (short / "keys" / name).write_text(text)
        (short / "keyring").mkdir(mode=0o700)
        metrics = free_port()
        flags = [
            "--address=127.0.0.1", f"--port={self._repositories}",
            "--metrics-address=127.0.0.1", f"--metrics-port={metrics}", f"--redis=127.0.0.1:{self._redis}",
        ]  # fmt: skip
        environment = {
            **self._world.environment,
            **configured(self._running.server, self._source, REPOSITORIES),
            "PATH": f"{short / 'bin'}:{os.environ['PATH']}",
            "HOME": str(short),
            "ARGOCD_GNUPGHOME": str(short / "keyring"),
            "ARGOCD_GPG_DATA_PATH": str(short / "keys"),
            "ARGOCD_ASK_PASS_SOCK": str(short / "ask.sock"),
        }
        self._run("argocd-repo-server", [required_tool("argocd"), "argocd-repo-server", *flags], environment)
        self.programs["argocd-repo-server"].wait(lambda: get(f"http://127.0.0.1:{metrics}/healthz") is not None)

    def restart_controller(self, settings: Mapping[str, str]) -> None:
        """In the place of the one that runs, if one does."""
        name = "argocd-application-controller"
        if name in self.programs:
            self.programs[name].stop()
        metrics = free_port()
        flags = [
            f"--kubeconfig={self._running.kubeconfig}", f"--namespace={ARGO_NAMESPACE}", f"--metrics-port={metrics}",
            f"--repo-server=127.0.0.1:{self._repositories}", f"--redis=127.0.0.1:{self._redis}",
        ]  # fmt: skip
        # The address in every Application is the cluster's own, which a pod there knows by heart.
        here = {"ARGOCD_FAKE_IN_CLUSTER": "true", "KUBECONFIG": str(self._running.kubeconfig)}
        self._run(name, [required_tool("argocd"), name, *flags], {**self.configured, **here, **settings})
        self.programs[name].wait(lambda: get(f"http://127.0.0.1:{metrics}/healthz") is not None)

    def _run(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        number = len(list(self._folder.glob(f"{name}*.log")))
        shared = {**KEEPS_ITS_GARBAGE, "TMPDIR": str(self._short)}
        program = Program(command, self._folder / f"{name}-{number}.log", environment={**shared, **environment})
        self._stack.callback(program.stop)
        self.programs[name] = program


CONTROLLER = "application-controller/argocd-application-controller-statefulset.yaml"
REPOSITORIES = "repo-server/argocd-repo-server-deployment.yaml"
_SETTINGS = f"/api/v1/namespaces/{ARGO_NAMESPACE}/configmaps"


def configured(server: ApiServer, source: Path, manifest: str) -> dict[str, str]:
    """The environment that a pod of Argo CD's has from its ConfigMaps."""
    (container,) = yaml.safe_load((source / "manifests/base" / manifest).read_text())["spec"]["template"]["spec"][
        "containers"
    ]
    found = {}
    for one in container["env"]:
        if told := one.get("valueFrom", {}).get("configMapKeyRef"):
            data = server.request("GET", f"{_SETTINGS}/{told['name']}").body.get("data") or {}
            if told["key"] in data:
                found[one["name"]] = data[told["key"]]
    return found
