"""wealist's monitoring machine on loopback: its Prometheus' own configuration, its Alertmanager as its user data writes it, SNS."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.systems.wealist.scripts import FILES
from rehearsal.recording import Recording
from tests.alerts.receivers import Config, Receivers, alertmanager, heard_of, raised, receivers
from tests.mesh.processes import Program, wait_until
from tests.ports import free_port
from tests.tools import required_command

pytestmark = pytest.mark.verify

ALARMS, HEARTBEAT = "wealist-prod-alarms", "wealist-prod-heartbeat"
MONITORING = FILES / "monitoring"
ALERTS = {
    rule["alert"]: rule["labels"]["severity"]
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Receivers]:
    with receivers(tmp_path, [ALARMS, HEARTBEAT], "") as all_of_them:
        yield all_of_them


@pytest.fixture(scope="module")
def config(prod: Recording) -> Config:
    """Alertmanager's, out of the machine's user data."""
    script = base64.b64decode(prod.one("LaunchTemplate", "wealist-monitoring-template")["userData"]).decode()
    (text,) = re.findall(r"^alertmanager_yml\(\) \{\n  cat <<'(END_\w+)'\n(.+?)^\1$", script, re.MULTILINE | re.DOTALL)
    found: Config = yaml.safe_load(text[1])
    return found


def prometheus(folder: Path, alertmanager_url: str) -> Program:
    """Debian's, with the machine's configuration: its Alertmanager is here, what it would ask is not, and it looks each second."""
    own = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    own["rule_files"] = [str(MONITORING / "alerts.yml")]
    (where,) = own["alerting"]["alertmanagers"]
    assert where["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    where["static_configs"] = [{"targets": [alertmanager_url.removeprefix("http://")]}]
    own["global"] = {"evaluation_interval": "1s"}
    own["scrape_configs"] = []
    (folder / "prometheus.yml").write_text(yaml.safe_dump(own))
    return Program(
        [required_command("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{free_port()}", "--rules.alert.resend-delay=1s"],
        folder / "prometheus.log",
    )  # fmt: skip


def test_what_its_prometheus_finds_alertmanager_tells(tmp_path: Path, told: Receivers, config: Config) -> None:
    with alertmanager(tmp_path, told, config) as url:
        program = prometheus(tmp_path, url)
        try:
            wait_until(lambda: bool(told.heard()), "the heartbeat", patience=90)
        finally:
            program.stop()
    assert told.heard() == {f"sns:{HEARTBEAT}": ["Watchdog"]}


def test_every_alert_arrives_where_the_alarms_do(tmp_path: Path, told: Receivers, config: Config) -> None:
    up = [{"alertname": name, "severity": severity} for name, severity in ALERTS.items()]
    others = sorted(f"FIRING {name} ({severity})" for name, severity in ALERTS.items() if name != "Watchdog")
    assert len(others) == 4
    assert heard_of(tmp_path, told, config, up, len(up)) == {
        f"sns:{ALARMS}": others,
        f"sns:{HEARTBEAT}": ["Watchdog"],
    }


def test_what_somebody_lets_grafana_watch_goes_to_that_alertmanager_and_arrives(
    tmp_path: Path, told: Receivers, config: Config
) -> None:
    """Grafana itself cannot be had here: its contact point is held to Alertmanager's address, and an alert comes as it sends one,
    with the folder that it is in and no severity."""
    contact, compose = (yaml.safe_load((MONITORING / name).read_text()) for name in ("contact.yaml", "compose.yaml"))
    (point,) = contact["contactPoints"]
    (receiver,) = point["receivers"]
    assert [one["receiver"] for one in contact["policies"]] == [point["name"]]
    assert (receiver["type"], receiver["settings"]) == ("prometheus-alertmanager", {"url": "http://alertmanager:9093"})
    assert "--cluster.listen-address=" in compose["services"]["alertmanager"]["command"]
    assert not any(one.startswith("--web.listen-address") for one in compose["services"]["alertmanager"]["command"])
    heard = heard_of(tmp_path, told, config, [{"alertname": "SlowQueries", "grafana_folder": "ours"}], 1)
    assert heard == {f"sns:{ALARMS}": ["FIRING SlowQueries ()"]}


def test_keys_are_read_anew_for_each_message(tmp_path: Path, told: Receivers, config: Config) -> None:
    """They end in an hour, and keys.sh writes others in time: Alertmanager is not started again for that."""
    keys, signed = tmp_path / "credentials", []

    class Sns(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            signed.append((self.headers["Authorization"], self.headers["X-Amz-Security-Token"]))
            said = b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Says nothing: it would be in the tests' output."""

    def written(name: str) -> None:
        draft = keys.with_suffix(".part")
        draft.write_text(
            f"[default]\naws_access_key_id={name}\naws_secret_access_key=secret\naws_session_token=token-of-{name}\n"
        )
        draft.replace(keys)

    def used() -> list[tuple[Any, Any]]:
        return [(re.search("Credential=([^/]+)/", sign)[1], token) for sign, token in signed]  # type: ignore[index]

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sns)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.sns = f"http://127.0.0.1:{server.server_port}"
    written("FIRST")
    try:
        with alertmanager(tmp_path, told, config, {"AWS_SHARED_CREDENTIALS_FILE": str(keys)}) as url:
            raised(url, [{"alertname": "ServiceDown", "severity": "critical"}])
            wait_until(lambda: len(signed) == 1, "the first message")
            written("SECOND")
            raised(url, [{"alertname": "ScrapeFails", "severity": "warning"}])
            wait_until(lambda: len(signed) == 2, "the second message")
    finally:
        server.shutdown()
        server.server_close()
    assert used() == [("FIRST", "token-of-FIRST"), ("SECOND", "token-of-SECOND")]
