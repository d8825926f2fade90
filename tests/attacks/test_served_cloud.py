"""What `make up SERVE=1` keeps on loopback: no web page, no stranger and no command of moto gets in; nothing gets out."""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.stacks import ROOT

REGION = "ap-northeast-2"
OTHERS_KEY = "REHEARSAL0123456789ABCDEF0123456789ABCDEF"


class Target(NamedTuple):
    port: int
    key: str
    printed: str

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def client(self, service: str, key: str = "") -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=f"http://{self.address}",
            region_name=REGION,
            aws_access_key_id=key or self.key,
            aws_secret_access_key="rehearsal",
            config=Config(retries={"max_attempts": 0}, read_timeout=20),
        )


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    command = [sys.executable, "-m", "tests.attacks.served_cloud", str(tmp_path_factory.mktemp("manifests"))]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    printed = "".join(iter(process.stdout.readline, "---\n"))
    port, key = re.search(r"http://127\.0\.0\.1:(\d+)", printed), re.search(r"AWS_ACCESS_KEY_ID=(\w+)", printed)
    assert port
    assert key
    target = Target(int(port[1]), key[1], printed)
    target.client("s3").create_bucket(Bucket="held", CreateBucketConfiguration={"LocationConstraint": REGION})
    target.client("s3").put_object(Bucket="held", Key="secret", Body=b"well kept")
    yield target
    process.communicate()


def ask(
    target: Target, method: str, path: str, headers: dict[str, str] | None = None, *, key: str = "", body: str = ""
) -> Answer:
    """One request from a browser or another process; signed if there is a key. What `headers` says comes last, unsigned."""
    request = AWSRequest(method=method, url=f"http://{target.address}{path}", data=body)
    if key:
        SigV4Auth(Credentials(key, "rehearsal"), "s3", REGION).add_auth(request)
    sent = {"Host": target.address, **dict(request.headers.items()), **(headers or {})}
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=20)
    try:
        connection.request(method, path, body or None, sent)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read().decode())
    finally:
        connection.close()


def test_who_has_the_printed_key_looks_at_the_cloud(target: Target) -> None:
    answer = ask(target, "GET", "/held/secret", key=target.key)
    assert (answer.status, answer.body) == (200, "well kept")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert target.client("ec2").describe_vpcs()["Vpcs"]
    assert "Parameters" in target.client("ssm").describe_parameters()
    url = target.client("s3").generate_presigned_url("get_object", Params={"Bucket": "held", "Key": "secret"})
    assert f"X-Amz-Credential={target.key}" in url
    assert ask(target, "GET", url.removeprefix(f"http://{target.address}")).body == "well kept"


def test_the_key_is_of_one_run_and_cannot_be_guessed(target: Target) -> None:
    from rehearsal.guard import new_access_key

    assert re.fullmatch(r"REHEARSAL[0-9A-F]{32}", target.key)
    assert len({target.key, new_access_key(), new_access_key()}) == 3
    assert f"export AWS_ACCESS_KEY_ID={target.key} AWS_SECRET_ACCESS_KEY=" in target.printed


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost:{port}", "127.0.0.1", "held.127.0.0.1:{port}", ""]
)
def test_a_name_that_was_bound_to_loopback_is_refused(target: Target, host: str) -> None:
    answer = ask(target, "GET", "/held/secret", {"Host": host.format(port=target.port)}, key=target.key)
    assert answer.status == 403
    assert "another host" in answer.body


@pytest.mark.parametrize("line", ["GET http://evil.example/held/secret HTTP/1.1", "GET /held/secret HTTP/1.0"])
def test_a_request_line_gets_round_no_host(target: Target, line: str) -> None:
    host = f"Host: {target.address}\r\n" if "evil" in line else ""
    with socket.create_connection(("127.0.0.1", target.port), timeout=20) as attacker:
        attacker.sendall(f"{line}\r\n{host}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: attacker.recv(4096), b""))
    assert b" 403 " in answer.splitlines()[0]
    assert b"another host" in answer


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_web_page_is_refused_and_may_not_read_the_refusal(target: Target, method: str, origin: str) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = ask(target, method, "/held/secret", asked, key=target.key)
    assert answer.status == 403
    assert "Origin" in answer.body
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/moto-api/reset"),
        ("POST", "/moto-api/reset-auth"),
        ("POST", "/moto-api/config"),
        ("POST", "/moto-api/recorder/start-recording"),
        ("GET", "/moto-api/data.json"),
        ("GET", "/moto-api/"),
        ("GET", "/moto-api"),
        ("GET", "//moto-api/data.json"),
        ("GET", "/%6doto-api/data.json"),
    ],
)
def test_motos_own_control_is_closed_to_everybody(target: Target, method: str, path: str) -> None:
    answer = ask(target, method, path, key=target.key)
    assert answer.status == 403
    assert "moto's own control" in answer.body
    assert ask(target, "GET", "/held/secret", key=target.key).body == "well kept"


CALLS = {
    "s3": "list_buckets",
    "ec2": "describe_vpcs",
    "sts": "get_caller_identity",
    "sns": "list_topics",
    "ssm": "describe_parameters",
    "sqs": "list_queues",
    "eks": "list_clusters",
    "route53": "list_hosted_zones",
}


@pytest.mark.parametrize("service", CALLS)
def test_another_key_is_refused_as_aws_refuses_it(target: Target, service: str) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(target.client(service, OTHERS_KEY), CALLS[service])()
    assert refused.value.response["Error"]["Code"] == "InvalidClientTokenId"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


SIGNED = "AWS4-HMAC-SHA256 Credential={key}/20261128/ap-northeast-2/s3/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("path", "authorization"),
    [
        ("/held/secret", None),
        ("/held/secret", ""),
        ("/held/secret", "AWS {key}:0"),
        ("/held/secret", SIGNED.replace("{key}", OTHERS_KEY)),
        ("/held/secret", SIGNED.replace("{key}", "{key}X")),
        ("/held/secret", "AWS4-HMAC-SHA256"),
        ("/held/secret?X-Amz-Credential={key}/", SIGNED.replace("{key}", OTHERS_KEY)),
        (f"/held/secret?X-Amz-Credential={OTHERS_KEY}/20261128/ap-northeast-2/s3/aws4_request", None),
        (f"/held/secret?X-Amz-Credential={{key}}/&X-Amz-Credential={OTHERS_KEY}/", None),
        ("/held/secret?AWSAccessKeyId={key}", None),
        ("/latest/meta-data/iam/security-credentials/default-role", None),
    ],
)
def test_who_has_no_key_is_refused(target: Target, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.format(key=target.key)}
    answer = ask(target, "GET", path.format(key=target.key), headers)
    assert answer.status == 403
    assert "<Code>InvalidClientTokenId</Code>" in answer.body
    assert target.key not in answer.body


def test_an_unsigned_form_is_refused(target: Target) -> None:
    """What a page can send without asking first: a form, and the one action that AWS takes unsigned."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in ("Action=CreateTopic&Version=2010-03-31&Name=x", "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"):
        answer = ask(target, "POST", "/", form, body=body)
        assert (answer.status, "InvalidClientTokenId" in answer.body) == (403, True)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    got: list[str] = []

    class Listening(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Listening)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    awake = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    awake.request("POST", "/awake", "")
    awake.getresponse().close()
    yield url, got
    server.shutdown()
    server.server_close()


def test_a_topic_posts_to_no_subscriber(target: Target, listener: tuple[str, list[str]]) -> None:
    url, got = listener
    sns = target.client("sns")
    topic = sns.create_topic(Name="out")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{url}/sns")
    with pytest.raises(ClientError, match=r"OutgoingCallRefused.*calls nobody"):
        sns.publish(TopicArn=topic, Message="well kept")
    assert got == ["/awake"]


def test_a_stream_delivers_to_no_endpoint(target: Target, listener: tuple[str, list[str]]) -> None:
    url, got = listener
    bucket = {"RoleARN": "arn:aws:iam::111122223333:role/x", "BucketARN": "arn:aws:s3:::held"}
    firehose = target.client("firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName="out",
        HttpEndpointDestinationConfiguration={
            "EndpointConfiguration": {"Url": f"{url}/firehose"},
            "S3Configuration": bucket,
        },
    )
    with pytest.raises(ClientError, match=r"OutgoingCallRefused.*calls nobody"):
        firehose.put_record(DeliveryStreamName="out", Record={"Data": b"well kept"})
    assert got == ["/awake"]


def test_only_a_served_cloud_is_cut_off(listener: tuple[str, list[str]], tmp_path: Path) -> None:
    """Before and after, the process reaches what it needs: the engine's update ends by destroying."""
    script = tmp_path / "cut.py"
    script.write_text(
        "import sys, urllib.request\n"
        "from rehearsal.guard import calling_nobody\n"
        "post = lambda: urllib.request.urlopen(sys.argv[1], data=b'').status\n"
        "print(post())\n"
        "with calling_nobody():\n"
        "    try:\n"
        "        post()\n"
        "    except OSError as refused:\n"
        "        print(refused)\n"
        "print(post())\n"
    )
    done = subprocess.run(
        [sys.executable, script, f"{listener[0]}/cut"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.fullmatch(r"200\n.*a served cloud calls nobody.*\n200\n", done.stdout), done.stderr
    assert listener[1] == ["/awake", "/cut", "/cut"]
