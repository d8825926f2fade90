"""Prod's Alertmanager as Prometheus' operator configures it: `python -m tests.alerts.routes` records it in prod.yaml.

The operator's own code merges the tenants' AlertmanagerConfigs into what the chart is given. It takes a minute and a half of a
processor to build, so that every change is tried on the record, which says of what it is one, and `make judges` makes it anew.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from infra.systems.eco2.versions import PROMETHEUS
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.alerts.receivers import SLACK_HOST, Config
from tests.mesh.manifests import Manifest
from tests.tools import required_tool

RECORD = Path(__file__).parent / "prod.yaml"
SPEAKS = "0.25.0"
"""Debian's Alertmanager: the operator leaves out what it would not understand."""

PASSWORD = "mail-password"


def objects_of(recording: Recording) -> list[Manifest]:
    """All of its Kubernetes objects."""
    return [reveal(one.inputs) for one in recording if one.custom and one.type.startswith("kubernetes:")]


def question(objects: Sequence[Manifest]) -> Config:
    """What the operator finds in the cluster; each Secret as an ExternalSecret makes it, with a webhook's URL of its own."""
    (values,) = [
        one["spec"]["source"]["helm"]["valuesObject"]["alertmanager"]
        for one in objects
        if one["kind"] == "Application" and one["spec"].get("source", {}).get("chart") == PROMETHEUS.chart
    ]
    configs = [one for one in objects if one["kind"] == "AlertmanagerConfig"]
    spec = {key: value for key, value in values["alertmanagerSpec"].items() if key.startswith("alertmanagerConfig")}
    return {
        "alertmanager": {"metadata": {"namespace": PROMETHEUS.namespace}, "spec": {**spec, "version": SPEAKS}},
        "configuration": yaml.safe_dump(values["config"]),
        "configs": configs,
        "secrets": [_secret(one["metadata"]["namespace"]) for one in configs],
    }


def _secret(namespace: str) -> dict[str, Any]:
    data = {"slack-url": f"{SLACK_HOST}/{namespace}", "mail-password": PASSWORD}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": "alerts"},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def mark(asked: Config) -> str:
    """The record's first line: of which question it is the answer."""
    return f"# {hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()}\n"


def merged(asked: Config) -> str:
    """The configuration that the operator makes of it."""
    done = subprocess.run(
        [required_tool("alert-routes")], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def main() -> int:
    """Record prod's."""
    from tests.stacks import stack_up

    with tempfile.TemporaryDirectory() as folder, stack_up("prod", Path(folder)) as (recording, _):
        asked = question(objects_of(recording))
    draft = RECORD.with_suffix(".part")
    draft.write_text(mark(asked) + merged(asked))
    draft.replace(RECORD)
    return 0


if __name__ == "__main__":
    sys.exit(main())
