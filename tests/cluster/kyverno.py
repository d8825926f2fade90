"""Kyverno's own admission controller before a real API server: with its chart's objects, its account's rights and its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.systems.eco2.needs.chart_versions import KYVERNO
from tests.cluster.api_server import ApiServer, api_server, wait_for_kind
from tests.cluster.charts import objects_of, template
from tests.cluster.controllers import controller_manager
from tests.mesh.manifests import Manifest, chart_values
from tests.mesh.processes import KEEPS_ITS_GARBAGE, Program, wait_until
from tests.ports import free_port
from tests.tools import required_definitions, required_tool
from tools.definitions import definitions

PATIENCE = 180.0
POLICIES = "policies.kyverno.io"
LATER = ("Deployment", "Job", "CronJob", "NetworkPolicy")
"""Of the chart's objects: what others would make pods of, or is made after its account."""


@dataclass
class Kyverno:
    """The controller and the server that asks it."""

    server: ApiServer
    folder: Path
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    programs: list[Program] = field(default_factory=list)

    def start(self) -> None:
        log = self.folder / f"kyverno-{len(self.programs)}.log"
        self.programs.append(Program(self.command, log, environment=self.environment))

    def kill(self) -> None:
        """As its node's loss would: it takes nothing away before."""
        self.programs[-1].kill()

    def stop(self) -> None:
        self.programs[-1].stop()

    def log(self) -> str:
        return self.programs[-1].text()[-4000:]


@contextmanager
def kyverno(folder: Path, objects: Sequence[Manifest]) -> Iterator[Kyverno]:
    """With the definitions and rights of its chart, as prod's Application installs it; it runs beside the cluster, not in it."""
    chart = objects_of(KYVERNO.release, template(KYVERNO.release, chart_values(objects, KYVERNO.chart)))
    with api_server(folder, [*objects, *_policies()]) as server, ExitStack() as stack:
        _create(server, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": KYVERNO.namespace}})
        definitions = [one for one in chart if one["kind"] == "CustomResourceDefinition"]
        for one in chart:
            if one["kind"] not in LATER or one["metadata"]["name"] == "kyverno-admission-controller":
                _create(server, one)
        for one in definitions:
            wait_for_kind(server, one["metadata"]["name"])
        _gather_rights(folder, server, stack)
        found = Kyverno(server, folder, *_command(folder, server, chart))
        found.start()
        stack.callback(found.stop)
        yield found


def _policies() -> list[Manifest]:
    """The kinds of policies in CEL, whose definitions the chart has from another one that its module lacks."""
    found = definitions([required_definitions()], lambda text: f"group: {POLICIES}\n" in text)
    names = [one["spec"]["names"]["kind"] for one in found]
    assert len(names) > 5
    return [{"apiVersion": f"{POLICIES}/v1", "kind": name} for name in names]


def _gather_rights(folder: Path, server: ApiServer, stack: ExitStack) -> None:
    """The chart's roles are made of others' rules, by label: Kubernetes' own controller gathers them."""
    controller_manager(folder, stack, server.kubeconfig(folder), "clusterrole-aggregation-controller")
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"

    def gathered() -> bool:
        roles = server.request("GET", path).body["items"]
        made = [
            one for one in roles if "aggregationRule" in one and one["metadata"]["name"].startswith(KYVERNO.release)
        ]
        return bool(made) and all(one.get("rules") for one in made)

    wait_until(gathered, "the account's rights to be gathered", patience=PATIENCE)


def _create(server: ApiServer, one: Manifest) -> None:
    verdict = server.create(one)
    assert verdict.status == 201, f"{one['kind']} {one['metadata']['name']}: {verdict.message}"


def _command(folder: Path, server: ApiServer, chart: Sequence[Manifest]) -> tuple[list[str | Path], dict[str, str]]:
    """The container's, but for where the API server finds it, and where it finds the API server."""
    (deployment,) = (one for one in chart if one["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    environment |= {"KYVERNO_NAMESPACE": KYVERNO.namespace, "KYVERNO_POD_NAME": "kyverno-0"}
    port = free_port()
    here = {
        "kubeconfig": server.kubeconfig(folder, account=(KYVERNO.namespace, pod["serviceAccountName"])),
        "serverIP": f"127.0.0.1:{port}",
        "webhookServerHost": "127.0.0.1",
        "webhookServerPort": port,
        "metricsHost": "127.0.0.1",
        "metricsPort": free_port(),
        "controllerRuntimeMetricsAddress": f"127.0.0.1:{free_port()}",
    }
    told = [one for one in container["args"] if one.removeprefix("--").partition("=")[0] not in here]
    command = [required_tool("kyverno"), *told, *(f"--{key}={value}" for key, value in here.items())]
    return command, {**KEEPS_ITS_GARBAGE, **environment}
