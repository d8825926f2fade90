"""A webhook's URL and the mail's password, set anew: from the cluster's Secret to the next message."""

from __future__ import annotations

import base64
import copy
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3
import yaml

from rehearsal.recording import Recording
from tests.alerts.receivers import SLACK_HOST, Config, Receivers, alertmanager, raised, receivers
from tests.alerts.routes import PASSWORD, RECORD, merged, objects_of, question
from tests.alerts.test_arrival import ALARMS, HEARTBEAT
from tests.mesh.processes import wait_until
from tests.stacks import ROOT
from tests.tools import required_command

PAGE = (ROOT / "docs/runbooks/rotate-secrets.md").read_text()
(TRY,) = re.findall(r"^amtool .*$", PAGE, re.MULTILINE)
ON = "http://127.0.0.1:9093"
"""Where the page's commands find Alertmanager, by its port-forward."""
NEW = f"{SLACK_HOST}/gateway/new"
# Of the first the alert AlertUndelivered tells.
FAILED, TRIED_IN_VAIN = "alertmanager_notifications_failed_total", "alertmanager_notification_requests_failed_total"
EXCHANGE, LAB, MAILBOX = "slack:#exchange-alerts", "slack:#gateway-lab", "mail:gateway-lab@example.com"


@dataclass(frozen=True)
class Pod:
    """Alertmanager's: its file, which the operator's reloader has it read again when it is another one."""

    url: str
    file: Path
    told: Receivers

    def written(self, config: Config) -> None:
        self.file.write_text(yaml.safe_dump(self.told.on_loopback(config)))

    def reloaded(self) -> None:
        said = urllib3.request("POST", f"{self.url}/-/reload")
        assert said.status == 200, said.data

    def counted(self, metric: str, integration: str) -> float:
        text = urllib3.request("GET", f"{self.url}/metrics").data.decode()
        found = re.findall(rf'^{metric}{{.*integration="{integration}".*}} (\S+)$', text, re.MULTILINE)
        assert found, metric
        return sum(map(float, found))

    def warns(self, name: str, namespace: str) -> None:
        raised(self.url, [{"alertname": name, "severity": "warning", "namespace": namespace}])

    def heard(self, receiver: str) -> list[str]:
        return self.told.heard().get(receiver, [])


@contextmanager
def pod(folder: Path) -> Iterator[Pod]:
    with receivers(folder, [ALARMS, HEARTBEAT], PASSWORD) as told, alertmanager(folder, told, recorded()) as url:
        yield Pod(url, folder / "alertmanager.yml", told)


def recorded(webhook: str = f"{SLACK_HOST}/gateway", password: str = PASSWORD) -> Config:
    """What the operator makes of prod's Secrets, with these values in them."""
    text = RECORD.read_text()
    assert text.count(f"{SLACK_HOST}/gateway\n") == text.count(f"{PASSWORD}\n") == 1
    config: Config = yaml.safe_load(
        text.replace(f"{SLACK_HOST}/gateway\n", f"{webhook}\n").replace(f"{PASSWORD}\n", f"{password}\n")
    )
    return config


@pytest.mark.verify
def test_a_new_webhook_is_gone_by_from_the_next_message_on(tmp_path: Path) -> None:
    with pod(tmp_path) as running:
        told = running.told
        running.warns("Before", "gateway")
        wait_until(lambda: told.webhooks == ["/gateway"], "the first message")
        running.written(recorded(webhook=NEW))
        running.warns("Meanwhile", "gateway")
        wait_until(lambda: told.webhooks == ["/gateway", "/gateway"], "a message by the old one")
        running.reloaded()
        told.revoked.add("/gateway")
        running.warns("After", "gateway")
        running.warns("Elsewhere", "gateway-lab")
        wait_until(lambda: len(told.webhooks) == 4, "two messages more")
        assert sorted(told.webhooks[2:]) == ["/gateway-lab", "/gateway/new"]
        assert running.heard(EXCHANGE) == [f"FIRING {name} (warning)" for name in ("After", "Before", "Meanwhile")]
        assert running.counted(FAILED, "slack") == 0


@pytest.mark.verify
def test_of_a_wrong_webhook_its_people_hear_nothing_the_heartbeat_goes_on_and_it_is_counted(tmp_path: Path) -> None:
    with pod(tmp_path) as running:
        running.told.revoked.add("/gateway/new")
        running.written(recorded(webhook=NEW))
        running.reloaded()
        running.warns("Unheard", "gateway")
        raised(running.url, [{"alertname": "Watchdog", "severity": "none"}])
        wait_until(lambda: running.counted(FAILED, "slack") > 0, "a failure that is counted")
        wait_until(lambda: running.heard(f"sns:{HEARTBEAT}") == ["Watchdog"], "the heartbeat")
        assert running.heard(EXCHANGE) == []
        assert running.counted(FAILED, "sns") == 0


@pytest.mark.verify
def test_the_pages_command_says_something_to_those_people_and_to_no_others(tmp_path: Path) -> None:
    with pod(tmp_path) as running:
        program, *arguments = TRY.replace(ON, running.url).split()
        subprocess.run([required_command(program), *arguments], check=True, capture_output=True)
        wait_until(lambda: running.heard(EXCHANGE) == ["FIRING TestOfAWebhook (warning)"], "the test alert")
        assert {*running.told.heard()} == {EXCHANGE}


@pytest.mark.verify
def test_a_new_password_of_the_mail_is_used_from_the_next_message_on(tmp_path: Path) -> None:
    with pod(tmp_path) as running:
        running.told.password = "drawn anew"
        running.warns("Meanwhile", "gateway-lab")
        wait_until(lambda: running.counted(TRIED_IN_VAIN, "email") > 0, "a refusal")
        assert running.heard(MAILBOX) == []
        assert running.heard(LAB) == ["FIRING Meanwhile (warning)"]
        running.written(recorded(password=running.told.password))
        running.reloaded()
        running.warns("After", "gateway-lab")
        wait_until(lambda: any("After" in one for one in running.heard(MAILBOX)), "the mail")


@pytest.mark.judges
def test_the_operator_takes_the_new_value_over_and_changes_nothing_else(prod: Recording) -> None:
    asked = copy.deepcopy(question(objects_of(prod)))
    before = yaml.safe_load(merged(asked))
    (secret,) = [one for one in asked["secrets"] if one["metadata"]["namespace"] == "gateway"]
    secret["data"]["slack-url"] = base64.b64encode(NEW.encode()).decode()
    after = yaml.safe_load(merged(asked))
    assert differences(before, after) == {(f"{SLACK_HOST}/gateway", NEW)}


def differences(one: object, other: object) -> set[tuple[str, str]]:
    """The values in which two documents of the same shape differ."""
    match one, other:
        case Mapping(), Mapping() if one.keys() == other.keys():
            return set().union(*(differences(value, other[key]) for key, value in one.items()))
        case list(), list() if len(one) == len(other):
            return set().union(*map(differences, one, other))
        case _:
            return set() if one == other else {(str(one), str(other))}
