"""Bad stack files: each gives one readable error that names the key, the value and what is allowed."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import botocore
import pytest
from annotated_types import Ge, Le
from pydantic import BaseModel

from infra.settings import SECRETS, Settings, SettingsError, eco2, load_settings, wealist
from infra.settings.document import render
from infra.settings.eco2 import KUBECONFIG
from rehearsal.cloud import Cloud
from rehearsal.inprocess import run
from rehearsal.stack_file import StackFile, StackFileError, load_stack_file
from tests.stacks import ROOT, changed_stack, stack_file

WEALIST = "wealist"
NETWORK = f"{WEALIST}.network"


PRIVATE_KEY = (
    "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nc29tZWJvZHkncw==\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
)


@dataclass(frozen=True)
class Bad:
    """One edit of the prod stack file and the words its error must have."""

    key: str
    value: Any
    words: list[str] = field(default_factory=list)


BAD = [
    Bad("platform.systems", [], ["platform.systems: []", "at least 1 item"]),
    Bad("platform.systems", ["wealist", "netflix"], ["platform.systems.1: 'netflix'", "allowed: 'wealist'"]),
    Bad(
        "platform.systems",
        ["delivery"],
        ["platform.systems: ['delivery']", "at least one that it delivers: wealist or eco2"],
    ),
    Bad("platform.systems", ["eco2", "eco2"], ["platform.systems: ['eco2', 'eco2']", "each system once"]),
    Bad("platform.systems", "wealist", ["platform.systems: 'wealist'", "list"]),
    Bad("platform.account", "29000813118", ["platform.account: '29000813118'", r"^\d{12}$"]),
    Bad("platform.account", 290008131187, ["platform.account: 290008131187", "string"]),
    Bad("platform.protect", "yes", ["platform.protect: 'yes'", "boolean"]),
    Bad("platform.protekt", True, ["platform.protekt: unknown key", "did you mean 'protect'?"]),
    Bad("platform.tags", {"Owner": "a\tb"}, ["platform.tags.Owner: 'a\\tb'", "allowed"]),
    Bad("platform", ..., ["platform: missing"]),
    Bad("wealist", ..., ["wealist: missing; add the section"]),
    Bad("wealist", "prod", ["wealist: 'prod'", "a mapping"]),
    Bad("walist", {}, ["walist: unknown key; did you mean 'wealist'?"]),
    Bad("aws:region", ..., ["aws:region: missing"]),
    Bad("wealist.domain", ..., ["wealist.domain: missing; add it"]),
    Bad("wealist.domain", "wealist", ["wealist.domain: 'wealist'", "allowed: text of the form"]),
    Bad("wealist.domain", "Wealist.co.kr", ["wealist.domain: 'Wealist.co.kr'"]),
    Bad("wealist.bucket_prefix", "My_Bucket", ["wealist.bucket_prefix: 'My_Bucket'"]),
    Bad("wealist.enable_multi_az", "true", ["wealist.enable_multi_az: 'true'", "boolean"]),
    Bad("wealist.enable_multiaz", True, ["wealist.enable_multiaz: unknown key; did you mean 'enable_multi_az'?"]),
    Bad("wealist.alert_email", "nobody", ["wealist.alert_email: 'nobody'"]),
    Bad(f"{NETWORK}.nat", "double", [f"{NETWORK}.nat: 'double'", "'none', 'single' or 'per_zone'"]),
    Bad(f"{NETWORK}.nats", "single", [f"{NETWORK}.nats: unknown key; did you mean 'nat'?"]),
    Bad(f"{NETWORK}.cidr", "10.1.0.0/33", [f"{NETWORK}.cidr: '10.1.0.0/33'", "not an IPv4 CIDR block"]),
    Bad(f"{NETWORK}.cidr", "10.1.0.1/16", [f"{NETWORK}.cidr: '10.1.0.1/16'", "host bits"]),
    Bad(f"{NETWORK}.cidr", "8.8.0.0/16", [f"{NETWORK}.cidr: '8.8.0.0/16'", "private range"]),
    Bad(f"{NETWORK}.cidr", "10.1.0.0/24", [f"{NETWORK}.cidr: '10.1.0.0/24'", "/16 to /20"]),
    Bad(f"{NETWORK}.zones", {"a": 0}, [f"{NETWORK}.zones", "at least 2 items"]),
    Bad(f"{NETWORK}.zones", {"a": 0, "c": 0, "d": 1}, [f"{NETWORK}.zones", "different slot"]),
    Bad(f"{NETWORK}.zones", {"a": 0, "c": 12, "d": 1}, [f"{NETWORK}.zones.c: 12", "less than or equal to 9"]),
    Bad(f"{NETWORK}.zones", {"a": 0, "z": 1, "d": 2}, [f"{NETWORK}.zones.z", "^[a-f]$"]),
    Bad(f"{NETWORK}.zones", {"a": 0, "b": 1}, ["network.zones has a, b", "include c, d"]),
    Bad(f"{NETWORK}.flow_log_retention_days", 7, [f"{NETWORK}.flow_log_retention_days: 7", "30, 90, 180 or 365"]),
    Bad("wealist.github.repositories", [], ["wealist.github", "repositories is empty", "at least one"]),
    Bad("wealist.github.repositories", ["OrangesCloud/*"], ["wealist.github.repositories.0: 'OrangesCloud/*'"]),
    Bad("wealist.github.repositories", ["a@1/b"], ["wealist.github.repositories.0: 'a@1/b'"]),
    Bad("wealist.github.subjects_like", ["*"], ["wealist.github.subjects_like.0: '*'", "^repo:"]),
    Bad("wealist.database.deletion_protection", 1, ["wealist.database.deletion_protection: 1", "boolean"]),
    Bad("wealist.database.backup_retention_days", 0, ["backup_retention_days: 0", "greater than or equal to 1"]),
    Bad("wealist.database.engine_version", "16.4", ["engine_version: '16.4'", "17"]),
    Bad("wealist.database.max_storage_gib", 21, ["max_storage_gib 21 is too close to storage_gib 20", "10 %"]),
    Bad("wealist.backend", {"minimum": 7}, ["minimum 7 is above maximum 6"]),
    Bad("wealist.backend", {"instance_type": "huge"}, ["wealist.backend.instance_type: 'huge'"]),
    Bad("wealist.backend", {"cpu_target_percent": 99}, ["cpu_target_percent: 99", "less than or equal to 90"]),
    Bad("wealist.cache", {"engine_version": "6.2"}, ["wealist.cache.engine_version: '6.2'", "'7.0' or '7.1'"]),
    Bad("wealist.load_balancer.api_label", "api.", ["wealist.load_balancer.api_label: 'api.'"]),
    Bad("eco2", ..., ["eco2: missing; add the section"]),
    Bad("eco2.domain", ..., ["eco2.domain: missing; add it"]),
    Bad("eco2.delivery", "helm", ["eco2.delivery: 'helm'", "'render' or 'apply'"]),
    Bad("eco2.network.zones", {"a": 0, "c": 1}, ["network.zones has a, c", "include d", "fourteen nodes"]),
    Bad("eco2.network.cidr", "10.244.0.0/16", ["kubernetes.pod_cidr 10.244.0.0/16 overlaps network.cidr"]),
    Bad("eco2.kubernetes", {"service_cidr": "10.244.16.0/20"}, ["service_cidr 10.244.16.0/20 overlaps", "pod_cidr"]),
    Bad("eco2.kubernetes", {"pod_cidr": "10.244.0.0/24"}, ["eco2.kubernetes.pod_cidr: '10.244.0.0/24'", "/12 to /20"]),
    Bad("eco2.kubernetes", {"pod_cidr": "pods"}, ["eco2.kubernetes.pod_cidr: 'pods'", "not an IPv4 CIDR block"]),
    Bad("eco2.kubernetes", {"snapshot_minutes": 1}, ["snapshot_minutes: 1", "greater than or equal to 5"]),
    Bad("eco2.gitops.repository", "git@github.com:x/y", ["eco2.gitops.repository: 'git@github.com:x/y'", "https"]),
    Bad("eco2.gitops.signing_keys", {"0" * 16: "y"}, ["eco2.gitops.signing_keys.0000000000000000: 'y'"]),
    Bad("exchange.image_signers", ..., ["exchange.image_signers: missing; add it"]),
    Bad("exchange.image_signers", {}, ["exchange.image_signers: these values", "at least 1 item"]),
    Bad("exchange.image_signers", {"x": "y"}, ["exchange.image_signers.x: 'y'", "-----BEGIN PUBLIC KEY-----"]),
    Bad(
        "exchange.image_signers", {"x": PRIVATE_KEY}, ["exchange.image_signers.x: a private key, which is not repeated"]
    ),
    Bad("eco2.images.celery", "latest", ["eco2.images.celery: 'latest'", "the tag of a release"]),
    Bad("eco2.images.celery", f"latest@sha256:{'0' * 64}", ["the tag of a release"]),
    Bad("eco2.images.celery", ..., ["images has no celery", "a release for each of auth-api"]),
    Bad("eco2.images.nginx", "1.0", ["images has nginx", "allowed: auth-api"]),
    Bad(
        "eco2.images.celery",
        "1.0@sha256:0",
        ["eco2.images.celery: '1.0@sha256:0'", "<tag>@sha256:<64 hexadecimal digits>"],
    ),
    Bad(
        "wealist.backend",
        {"instance_type": "t2.small"},
        ["wealist.backend.instance_type: 't2.small'", "such as t3.small"],
    ),
    Bad("wealist.backend", {"instance_type": "mac2.metal"}, ["instance_type: 'mac2.metal'", "a type that runs Linux"]),
    Bad(
        "wealist.backend",
        {"instance_type": "t4g.small"},
        ["backend.instance_type t4g.small is arm64", "al2023-ami-kernel-default-x86_64) x86_64", "such as t3.small"],
    ),
    Bad("wealist.monitoring", {"instance_type": "m7g.large"}, ["monitoring.instance_type m7g.large is arm64"]),
    Bad(
        "eco2.tenant_workers",
        {"instance_type": "m7g.large"},
        ["eco2.tenant_workers: ", "instance_type m7g.large is arm64"],
    ),
    Bad("eco2.tenant_workers", {"minimum": 4}, ["minimum 4 is above maximum 3"]),
    Bad(
        "eco2.tenant_workers",
        {"image_id": "al2023"},
        ["eco2.tenant_workers.image_id: 'al2023'", "allowed: text of the form"],
    ),
    Bad("gateway_lab", ..., ["gateway_lab: missing; add the section"]),
    Bad("gateway_lab.weights", {"v1": 80, "v2": 30}, ["v1 80 and v2 30 are 110 percent", "100 together"]),
    Bad("gateway_lab.limits", {"per_minute": 100, "per_hour": 90}, ["per_minute 100 and per_hour 90", "both bind"]),
    Bad("gateway_lab.tokens.keys", {}, ["gateway_lab.tokens.keys", "at least 1 item"]),
    Bad("gateway_lab.tokens.keys", {"k": "AQAB"}, ["gateway_lab.tokens.keys.k: 'AQAB'"]),
    Bad("gateway_lab.tokens.issuer", "http://lab", ["gateway_lab.tokens.issuer: 'http://lab'"]),
    Bad("gateway_lab.admin.addresses", ["0.0.0.0/0"], ["gateway_lab.admin.addresses.0: '0.0.0.0/0'", "somebody's"]),
    Bad("gateway_lab.admin.addresses", ["office"], ["'office'", "not a block of addresses"]),
    Bad("gateway_lab.cors", {"origins": ["*", "https://a.example"]}, ["origins has * beside others"]),
    Bad("gateway_lab.cors", {"origins": ["http://a.example"]}, ["gateway_lab.cors.origins.0: 'http://a.example'"]),
    Bad("gateway_lab.images.user-service", ..., ["images has no user-service", "a release for each of"]),
    Bad("gateway_lab.images.nginx", "1.0", ["images has nginx", "allowed: auth-service"]),
    Bad("delivery", ..., ["delivery: missing; add the section"]),
    Bad("delivery.repository", "edge-platform", ["delivery.repository: 'edge-platform'", "allowed: text of the form"]),
    Bad("delivery.repository", "example/*", ["delivery.repository: 'example/*'"]),
    Bad("delivery.former_repository", "example@1/x", ["delivery.former_repository: 'example@1/x'"]),
    Bad("delivery.state_bucket", "s3://state", ["delivery.state_bucket: 's3://state'"]),
    Bad("delivery.secrets_key", "awskms://alias/x", ["delivery.secrets_key: 'awskms://alias/x'", "^alias/"]),
    Bad("eco2.edge", {"requests_per_5_minutes": 1}, ["eco2.edge.requests_per_5_minutes: 1"]),
]


def load(stack: StackFile) -> Settings:
    """What the program's first line gives for that file."""
    found: list[Settings] = []
    run(lambda: found.append(load_settings()), stack, Cloud({}))
    return found[0]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.key}={bad.value!r}"[:60])
def test_a_bad_value_is_one_readable_error(bad: Bad, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load(changed_stack(tmp_path, "prod", {bad.key: bad.value}))
    (problem,) = error.value.problems
    assert all(word in problem for word in bad.words), problem
    assert str(error.value).startswith("Pulumi.prod.yaml has 1 error:\n")
    assert PRIVATE_KEY.splitlines()[1] not in str(error.value)


def test_all_errors_come_out_at_once(tmp_path: Path) -> None:
    changes = {"wealist.network.nat": "double", "wealist.domain": "x", "platform.account": "1", "aws:region": ...}
    with pytest.raises(SettingsError) as error:
        load(changed_stack(tmp_path, "prod", changes))
    assert len(error.value.problems) == 4
    assert "Pulumi.prod.yaml has 4 errors" in str(error.value)


def test_a_missing_secret_says_how_to_set_it() -> None:
    stack = stack_file("prod")
    config = {key: value for key, value in stack.config.items() if key not in stack.secret_keys}
    bare = StackFile(
        project=stack.project, stack="prod", path=stack.path, config=config, secret_keys=frozenset(), stood_in=()
    )
    with pytest.raises(SettingsError) as error:
        load(bare)
    needed = [key for key in SECRETS if key != KUBECONFIG]
    assert [problem.split(":")[0] for problem in error.value.problems] == needed
    assert "pulumi config set --secret wealist-google-client-id" in str(error.value)


def test_applying_objects_needs_a_kubeconfig(tmp_path: Path) -> None:
    stack = changed_stack(tmp_path, "prod", {"eco2.delivery": "apply"})
    config = {key: value for key, value in stack.config.items() if not key.endswith(KUBECONFIG)}
    with pytest.raises(SettingsError) as error:
        load(replace(stack, config=config))
    assert list(error.value.problems) == [
        f"{KUBECONFIG}: missing secret; set it with `pulumi config set --secret {KUBECONFIG}`"
    ]


def test_an_error_never_shows_a_secret(tmp_path: Path) -> None:
    stack = changed_stack(tmp_path, "prod", {"wealist.network.nat": "double"})
    with pytest.raises(SettingsError) as error:
        load(stack)
    assert not any(stack.config[key] in str(error.value) for key in stack.secret_keys)


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_real_stack_files_are_good(stack: str) -> None:
    settings = load(stack_file(stack))
    assert settings.stack == stack
    assert settings.wealist is not None


def test_settings_are_frozen() -> None:
    settings = load(stack_file("prod"))
    with pytest.raises(ValueError, match="frozen"):
        settings.platform.protect = False  # type: ignore[misc]


def test_a_stack_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(StackFileError, match=r"no stack 'nope': the project has dev, prod"):
        load_stack_file(ROOT, "nope", secrets=())


def test_a_file_that_is_not_yaml_says_where(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: edge-platform\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  a: [1\n")
    with pytest.raises(StackFileError, match=r"Pulumi\.dev\.yaml, line \d+: not YAML"):
        load_stack_file(tmp_path, "dev", secrets=())


def test_only_settings_read_the_configuration() -> None:
    readers = [
        path.relative_to(ROOT)
        for path in (ROOT / "infra").rglob("*.py")
        if "pulumi.Config(" in path.read_text() and path.parent.name != "settings"
    ]
    assert readers == []


def test_the_configuration_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "config.md").read_text() == render(), "run `make docs`"


def test_a_section_that_may_be_left_out_is_described_like_any_other() -> None:
    page = render()
    _, _, section = page.partition("## `eco2.tenant_workers`\n")
    assert "| `minimum` | 0 to 50 | `1` |" in section.split("\n## ")[0]
    assert "Without this section there are none." in section
    assert "| `tenant_workers` |" not in page


@pytest.mark.parametrize("section", [wealist.LoadBalancer, eco2.Edge])
def test_a_load_balancers_idle_timeout_is_what_aws_takes(section: type[BaseModel]) -> None:
    """As its API's model has it, in words, which a rehearsal does not load."""
    model = gzip.decompress((Path(botocore.__file__).parent / "data/elbv2/2015-12-01/service-2.json.gz").read_bytes())
    words = json.loads(model)["shapes"]["LoadBalancerAttribute"]["members"]["Key"]["documentation"]
    (range_,) = re.findall(r"idle_timeout.timeout_seconds</code>.*?The valid range is (\d+)-(\d+) seconds", words)
    bounds = section.model_fields["idle_timeout_seconds"].metadata
    assert bounds == [Ge(int(range_[0])), Le(int(range_[1]))]


KUBECONFIG_TEXT = """
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://10.2.0.10:6443"}}]
users: [{name: u, user: {token: a-token-that-nobody-may-see}}]
"""


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("kind: Config", "kind: List", "a kubeconfig's whole text is needed"),
        (KUBECONFIG_TEXT, "/home/me/.kube/config", "not its path"),
        ("kind: Config", "kind: [", "it is not YAML"),
        ("current-context: here", "current-context: there", "`current-context` names none"),
        ("cluster: c,", "cluster: d,", "`cluster` is none of its `clusters`"),
        ("user: u", "user: v", "`user` is none of its `users`"),
        ("https://", "http://", "no https:// address"),
    ],
)
def test_a_kubeconfig_that_reaches_no_cluster_is_refused_unseen(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    stack = changed_stack(tmp_path, "prod", {"eco2.delivery": "apply"})
    text = KUBECONFIG_TEXT.replace(before, after)
    with pytest.raises(SettingsError) as error:
        load(replace(stack, config={**stack.config, f"edge-platform:{KUBECONFIG}": text}))
    (problem,) = error.value.problems
    assert problem.startswith(f"{KUBECONFIG}: ")
    assert words in problem
    assert "a-token-that-nobody-may-see" not in problem
    assert load(replace(stack, config={**stack.config, f"edge-platform:{KUBECONFIG}": KUBECONFIG_TEXT})).eco2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "prod-northeast",
            "the target group name 'wealist-prod-northeast-monitoring-tg' has 36 characters; AWS takes 32",
        ),
        ("Prod", "the stack's name: 'Prod' — allowed: text of the form"),
        ("my_stack", "the stack's name: 'my_stack' — allowed"),
    ],
)
def test_a_stack_whose_name_does_not_fit_is_refused_before_anything_is_made(name: str, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(replace(stack_file("prod"), stack=name))
    assert any(words in problem for problem in error.value.problems), error.value.problems
