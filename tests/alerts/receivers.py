"""Who is told, on loopback: SNS of the embedded cloud with a queue behind each topic, Slack's webhooks, a relay of mail."""

from __future__ import annotations

import copy
import json
import os
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import urllib3
import yaml
from moto.server import ThreadedMotoServer

from tests.mesh.certificates import Authority
from tests.mesh.processes import Program, wait_until
from tests.ports import free_port
from tests.stacks import ACCOUNT, REGION
from tests.tools import required_command

Config = dict[str, Any]
Heard = dict[str, list[str]]
"""What each receiver was told, a line for a message; a receiver is `sns:<topic>`, `slack:<channel>` or `mail:<address>`."""

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
SLACK_HOST = "https://slack.example"
"""What webhooks' URLs begin with, until they are brought to loopback."""


@dataclass(kw_only=True)
class Receivers:
    """All of them. Nothing leaves the machine: a receiver that is not here is an error of `on_loopback`."""

    sns: str
    slack: str
    relay: str
    roots: Path
    password: str
    queues: Mapping[str, str]
    webhooks: list[str] = field(default_factory=list)
    """By which path each message to Slack came."""
    revoked: set[str] = field(default_factory=set)
    """Paths that Slack no longer takes messages at."""
    _heard: Heard = field(default_factory=dict)
    _sqs: Any = None

    def heard(self) -> Heard:
        """What was told so far."""
        for topic, queue in self.queues.items():
            for one in self._sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ()):
                self.tell(f"sns:{topic}", json.loads(one["Body"])["Subject"])
                self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return {receiver: sorted(told) for receiver, told in self._heard.items()}

    def tell(self, receiver: str, message: str) -> None:
        self._heard.setdefault(receiver, []).append(message)

    def on_loopback(self, config: Config) -> Config:
        """The configuration with these receivers at the other end, and without waiting for more of a group."""
        changed = copy.deepcopy(config)
        for receiver in changed["receivers"]:
            for one in receiver.get("sns_configs", ()):
                one["api_url"] = self.sns
            for one in receiver.get("slack_configs", ()):
                assert one["api_url"].startswith(SLACK_HOST), one["api_url"]
                one["api_url"] = one["api_url"].replace(SLACK_HOST, self.slack)
            for one in receiver.get("email_configs", ()):
                assert one["auth_password"] == self.password
                one["smarthost"] = self.relay
            assert {*receiver} <= {"name", "sns_configs", "slack_configs", "email_configs"}, receiver
        at_once(changed["route"])
        return changed


def at_once(route: Config) -> None:
    if "group_wait" in route:
        route["group_wait"] = "0s"
    for one in route.get("routes", ()):
        at_once(one)


@contextmanager
def receivers(folder: Path, topics: Sequence[str], password: str) -> Iterator[Receivers]:
    """SNS with the topics, each heard by a queue; a channel for each webhook; a relay that wants STARTTLS and the password."""
    certificate = Authority(folder, "mail").issue("relay", "mail", ["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.chain, certificate.key)
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
    cloud = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    cloud.start()
    sns, port = "http://{}:{}".format(*cloud.get_host_and_port()), free_port()
    made = Receivers(
        sns=sns,
        slack="",
        relay=f"127.0.0.1:{port}",
        roots=certificate.roots,
        password=password,
        queues=_queues(sns, topics),
    )
    made._sqs = _client("sqs", sns)
    slack = ThreadingHTTPServer(("127.0.0.1", 0), _slack(made))
    made.slack = f"http://127.0.0.1:{slack.server_port}"
    threading.Thread(target=slack.serve_forever, daemon=True).start()
    # A judge's package, which the quick tests that share this file do without.
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    mail = Controller(
        _Mailbox(made),
        hostname="127.0.0.1",
        port=port,
        tls_context=tls,
        require_starttls=True,
        auth_required=True,
        # Its words of this mechanism are others than those that Alertmanager waits for.
        auth_exclude_mechanism=["LOGIN"],
        # What is not handled is refused by the server itself.
        authenticator=lambda *_: AuthResult(success=bool(_[-1].password == made.password.encode()), handled=False),
    )
    mail.start()
    try:
        yield made
    finally:
        mail.stop()
        slack.shutdown()
        slack.server_close()
        cloud.stop()


def _client(service: str, url: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service, endpoint_url=url, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
    )


def _queues(url: str, topics: Sequence[str]) -> dict[str, str]:
    """A queue that hears each topic, by the topic's name."""
    sns, sqs, found = _client("sns", url), _client("sqs", url), {}
    for topic in topics:
        arn = sns.create_topic(Name=topic)["TopicArn"]
        found[topic] = sqs.create_queue(QueueName=topic)["QueueUrl"]
        (of,) = sqs.get_queue_attributes(QueueUrl=found[topic], AttributeNames=["QueueArn"])["Attributes"].values()
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=of)
    return found


def _slack(told: Receivers) -> type[BaseHTTPRequestHandler]:
    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = (404, b"no_service") if self.path in told.revoked else (200, b"ok")
            if status == 200:
                told.webhooks.append(self.path)
                told.tell(f"slack:{said['channel']}", said["attachments"][0]["title"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Says nothing: it would be in the tests' output."""

    return Webhook


class _Mailbox:
    """What came in, by address."""

    def __init__(self, told: Receivers) -> None:
        self._told = told

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        (subject,) = [
            line.removeprefix("Subject: ")
            for line in envelope.content.decode().splitlines()
            if line.startswith("Subject: ")
        ]
        for address in envelope.rcpt_tos:
            self._told.tell(f"mail:{address}", subject)
        return "250 OK"


@contextmanager
def alertmanager(folder: Path, told: Receivers, config: Config, keys: Mapping[str, str] = CREDENTIALS) -> Iterator[str]:
    """Debian's, running with the configuration brought to loopback; its URL. It stands for the chart's, which is newer."""
    path, address = folder / "alertmanager.yml", f"127.0.0.1:{free_port()}"
    path.write_text(yaml.safe_dump(told.on_loopback(config)))
    program = Program(
        [required_command("prometheus-alertmanager"), f"--config.file={path}", f"--storage.path={folder}",
         f"--web.listen-address={address}", "--cluster.listen-address="],
        folder / "alertmanager.log",
        environment={**keys, "SSL_CERT_FILE": str(told.roots)},
    )  # fmt: skip

    def ready() -> bool:
        try:
            return urllib3.request("GET", f"http://{address}/-/ready", retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    try:
        program.wait(ready)
        yield f"http://{address}"
    except TimeoutError as error:
        raise TimeoutError(f"{error}; told: {told.heard()}; its log ends in\n{program.text()[-1500:]}") from None
    finally:
        program.stop()


def raised(url: str, alerts: Sequence[Mapping[str, str]]) -> None:
    """As Prometheus says that they are up; each is its labels."""
    body = [{"labels": dict(one), "annotations": {"summary": f"{one['alertname']} is up"}} for one in alerts]
    said = urllib3.request("POST", f"{url}/api/v2/alerts", json=body)
    assert said.status == 200, said.data


def heard_of(
    folder: Path, told: Receivers, config: Config, alerts: Sequence[Mapping[str, str]], expected: int
) -> Heard:
    """What is heard of the alerts, once as many messages as expected have come."""
    with alertmanager(folder, told, config) as url:
        raised(url, alerts)
        wait_until(lambda: sum(map(len, told.heard().values())) >= expected, f"{expected} messages", patience=90)
    return told.heard()
