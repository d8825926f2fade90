"""User data, executed: wealist.md §4 on Amazon Linux 2023 and 2, once and again."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from infra.components.aws.scripts import USER_DATA_LIMIT, render_script, uncommented
from infra.settings.wealist import Backend
from infra.systems.wealist.machines import agent_settings
from infra.systems.wealist.scripts import monitoring_parts
from tests.deploy.pretend_machine import SETTINGS, WEALIST, Machine, Result, assert_no_secret

USER_DATA = WEALIST / "user_data"
BACKEND: list[Path | str] = [USER_DATA / "common.sh", USER_DATA / "backend.sh"]
MONITORING = monitoring_parts({"receivers": [{"name": "alarms"}]})
DATABASE_INIT: list[Path | str] = [USER_DATA / "common.sh", USER_DATA / "database.sh"]

PLUGIN = "usr/local/lib/docker/cli-plugins/docker-compose"
COMPOSE_BINARY = "#!/bin/bash\necho pretend compose\n"
COMPOSE_SHA256 = hashlib.sha256(COMPOSE_BINARY.encode()).hexdigest()

DOCKER = r"""
case "$1" in
  ps) if [ -e "$FAKE/port-${4#publish=}" ]; then echo 0123456789ab; fi ;;
  run)
    while [ $# -gt 0 ]; do
      if [ "$1" = --publish ]; then touch "$FAKE/port-${2%%:*}"; fi
      shift
    done
    ;;
esac
"""

CURL = r"""
url=${*: -1}
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then out=$2; fi
  shift
done
case "$url" in
  */docker-compose-linux-*) cat "$FAKE/compose-binary" >"$out" ;;
  */releases/codedeploy-agent-*) printf 'the package' >"$out" ;;
esac
"""


@pytest.fixture
def fresh(machine: Machine, parameters: dict[str, str]) -> Machine:
    (machine.fake / "compose-binary").write_text(COMPOSE_BINARY)
    machine.stub("docker", DOCKER)
    machine.stub("curl", CURL)
    for manager in ("dnf", "yum"):
        machine.stub(manager, 'case "$*" in *codedeploy-agent.rpm) touch "$FAKE/agent" ;; esac')
    machine.stub("rpm", '[ -e "$FAKE/agent" ] || exit 1')
    return machine


@pytest.fixture(params=["2023", "2"])
def host(request: pytest.FixtureRequest, fresh: Machine) -> Machine:
    set_os(fresh, request.param)
    return fresh


@pytest.fixture
def al2023(fresh: Machine) -> Machine:
    set_os(fresh, "2023")
    return fresh


def set_os(machine: Machine, version: str, name: str = "amzn") -> None:
    (machine.root / "etc/os-release").write_text(f'NAME="Amazon Linux"\nID="{name}"\nVERSION_ID="{version}"\n')


AGENT = "codedeploy-agent-1.8.0-12.noarch.rpm"
RECORDED = (AGENT, hashlib.sha256(b"the package").hexdigest())


def boot(machine: Machine, parts: Sequence[Path | str], agent: tuple[str, str] = RECORDED, **env: str) -> Result:
    script = machine.fake / "user-data.sh"
    own = dict(zip(("CODEDEPLOY_AGENT", "CODEDEPLOY_AGENT_SHA256"), agent, strict=True))
    script.write_text(render_script(parts, {**SETTINGS, **own}))
    script.chmod(0o755)
    return machine.run(script, env={"COMPOSE_SHA256": COMPOSE_SHA256, **env})


def is_al2(machine: Machine) -> bool:
    return 'VERSION_ID="2"' in machine.read("etc/os-release")


def option(call: list[str], name: str) -> str:
    return call[call.index(name) + 1]


def test_both_kinds_of_user_data_fit_in_16_kib() -> None:
    for parts in (BACKEND, MONITORING):
        assert len(render_script(parts, SETTINGS).encode()) <= USER_DATA_LIMIT


def test_a_backend_instance_gets_everything_the_document_lists(host: Machine) -> None:
    result = boot(host, BACKEND)
    assert result.status == 0, result.output
    if is_al2(host):
        assert ["amazon-linux-extras", "install", "-y", "docker"] in host.calls()
        assert ["yum", "install", "-y", "-q", "amazon-ecr-credential-helper"] in host.calls()
        assert not host.calls("dnf")
    else:
        assert ["dnf", "install", "-y", "-q", "docker"] in host.calls()
        assert ["dnf", "install", "-y", "-q", "amazon-ecr-credential-helper"] in host.calls()
        assert not host.calls("yum")
        assert not host.calls("amazon-linux-extras")
    assert ["systemctl", "enable", "--now", "docker"] in host.calls()
    assert ["systemctl", "enable", "--now", "codedeploy-agent"] in host.calls()
    assert host.read(PLUGIN) == COMPOSE_BINARY
    assert host.mode(PLUGIN) == 0o755
    assert_no_secret(host, result.output)


def test_downloads_come_from_the_pinned_release_and_the_regional_bucket(host: Machine) -> None:
    boot(host, BACKEND)
    urls = [call[-1] for call in host.calls("curl")]
    assert "https://github.com/docker/compose/releases/download/v2.40.3/docker-compose-linux-x86_64" in urls
    assert f"https://aws-codedeploy-ap-northeast-2.s3.ap-northeast-2.amazonaws.com/releases/{AGENT}" in urls


def test_the_ecr_helper_serves_our_registry_only_for_root_and_ec2_user(host: Machine) -> None:
    boot(host, BACKEND)
    for home in ("root", "home/ec2-user"):
        config = json.loads(host.read(f"{home}/.docker/config.json"))
        assert config == {"credHelpers": {SETTINGS["REGISTRY"]: "ecr-login"}}
    assert ["chown", "-R", "ec2-user:ec2-user", str(host.root / "home/ec2-user/.docker")] in host.calls()


@pytest.mark.parametrize(
    ("service", "port", "path"),
    [("user-service", "8080", "/api/users/actuator/health"), ("board-service", "8000", "/api/boards/health")],
)
def test_a_hardened_temporary_server_answers_each_health_check(
    host: Machine, service: str, port: str, path: str
) -> None:
    boot(host, BACKEND)
    (run,) = [call for call in host.calls("docker") if call[1] == "run" and f"placeholder-{service}" in call]
    assert option(run, "--publish") == f"{port}:{port}"
    assert option(run, "--cap-drop") == "ALL"
    assert option(run, "--security-opt") == "no-new-privileges:true"
    assert option(run, "--user") == "101:101"
    assert option(run, "--restart") == "unless-stopped"
    assert "--read-only" in run
    config = host.read(f"etc/wealist/placeholder-{service}.conf")
    assert f"listen {port};" in config
    assert f"location = {path} {{" in config
    assert option(run, "--volume") == f"{host.root}/etc/wealist/placeholder-{service}.conf:/etc/nginx/nginx.conf:ro"
    assert f"http://localhost:{port}{path}" in [call[-1] for call in host.calls("curl")]


def test_the_agent_starts_only_when_the_rest_is_ready(host: Machine) -> None:
    boot(host, BACKEND)
    calls = host.calls()
    agent = calls.index(["systemctl", "enable", "--now", "codedeploy-agent"])
    last_placeholder = max(i for i, call in enumerate(calls) if call[:2] == ["docker", "run"])
    assert agent > last_placeholder
    assert agent == len(calls) - 1


def test_a_second_run_changes_nothing(host: Machine) -> None:
    first = boot(host, BACKEND)
    host.forget()
    second = boot(host, BACKEND)
    assert (first.status, second.status) == (0, 0), second.output
    assert not [call for call in host.calls("docker") if call[1] in ("run", "rm", "pull")]
    assert not [call for call in host.calls("curl") if "github.com" in call[-1] or "codedeploy" in call[-1]]
    assert "installed already" in second.output


def test_a_deployed_service_is_not_replaced_by_a_temporary_server(al2023: Machine) -> None:
    (al2023.fake / "port-8080").touch()
    assert boot(al2023, BACKEND).status == 0
    started = [option(call, "--name") for call in al2023.calls("docker") if call[1] == "run"]
    assert started == ["placeholder-board-service"]


def test_everything_printed_is_in_the_log_and_on_the_console(host: Machine) -> None:
    result = boot(host, BACKEND)
    assert "==> install Docker Compose V2" in result.output
    assert result.output.rstrip().endswith("==> user data finished")
    assert host.read("var/log/wealist-user-data.log") == result.output
    assert host.mode("var/log/wealist-user-data.log") == 0o600
    assert host.read("dev/console") == result.output


def test_a_compose_binary_with_another_checksum_is_not_installed(al2023: Machine) -> None:
    (al2023.fake / "compose-binary").write_text("tampered")
    result = boot(al2023, BACKEND, COMPOSE_SHA256="")
    assert result.status == 1
    assert "does not match its pinned checksum dba9d98e" in result.output
    assert "FAILED (exit 1) while: install Docker Compose V2" in result.output
    assert list((al2023.root / PLUGIN).parent.iterdir()) == []


def test_an_architecture_without_a_checksum_is_refused(al2023: Machine) -> None:
    al2023.stub("uname", "echo riscv64")
    result = boot(al2023, BACKEND, COMPOSE_SHA256="")
    assert result.status == 1
    assert "no pinned Docker Compose checksum for architecture 'riscv64'" in result.output


def test_the_agent_that_is_recorded_is_the_one_that_is_installed(host: Machine) -> None:
    updater = host.root / "etc/cron.d/codedeploy-agent-update"
    updater.parent.mkdir(parents=True, exist_ok=True)
    updater.write_text("@daily root /opt/codedeploy-agent/bin/install auto\n")
    result = boot(host, BACKEND)
    assert result.status == 0, result.output
    address = f"https://aws-codedeploy-ap-northeast-2.s3.ap-northeast-2.amazonaws.com/releases/{AGENT}"
    assert address in [call[-1] for call in host.calls("curl")]
    manager = "yum" if is_al2(host) else "dnf"
    assert [manager, "install", "-y", "-q", str(host.root / "tmp/codedeploy-agent.rpm")] in host.calls()
    assert not updater.exists()
    assert ["systemctl", "enable", "--now", "codedeploy-agent"] in host.calls()


def test_without_a_recorded_agent_none_is_installed_and_the_log_says_what_to_do(host: Machine) -> None:
    result = boot(host, BACKEND, ("", ""))
    assert result.status == 1
    assert "refused. `make agent` says what to record" in result.output
    assert "while: install the CodeDeploy agent" in result.output
    assert [call for call in host.calls("curl") if "codedeploy" in call[-1]] == []
    assert ["systemctl", "enable", "--now", "codedeploy-agent"] not in host.calls()


def test_the_stack_file_records_it_whole_or_not_at_all() -> None:
    told = {"package": AGENT, "sha256": "a" * 64}
    recorded = Backend.model_validate({"codedeploy_agent": told})
    assert agent_settings(recorded) == {"CODEDEPLOY_AGENT": AGENT, "CODEDEPLOY_AGENT_SHA256": "a" * 64}
    assert agent_settings(Backend()) == {"CODEDEPLOY_AGENT": "", "CODEDEPLOY_AGENT_SHA256": ""}
    for wrong in ({"sha256": ...}, {"package": "../latest/install"}, {"package": "agent.rpm"}, {"sha256": "abc"}):
        spoiled = {key: value for key, value in {**told, **wrong}.items() if value is not ...}
        with pytest.raises(ValidationError):
            Backend.model_validate({"codedeploy_agent": spoiled})


def test_another_agent_under_its_name_is_not_installed(al2023: Machine) -> None:
    result = boot(al2023, BACKEND, (AGENT, hashlib.sha256(b"as it was recorded").hexdigest()))
    assert result.status == 1
    assert f"{AGENT} does not match its recorded checksum" in result.output
    assert "while: install the CodeDeploy agent" in result.output
    assert [call for call in al2023.calls("dnf") if "rpm" in call[-1]] == []
    assert ["systemctl", "enable", "--now", "codedeploy-agent"] not in al2023.calls()
    assert not (al2023.root / "tmp/codedeploy-agent.rpm").exists()


def test_a_package_manager_that_recovers_is_asked_again_with_backoff(al2023: Machine) -> None:
    al2023.stub("dnf", 'echo x >>"$FAKE/tries"; [ "$(wc -l <"$FAKE/tries")" -gt 2 ] || exit 1')
    result = boot(al2023, BACKEND)
    assert result.status == 0, result.output
    assert al2023.calls("sleep") == [["sleep", "5"], ["sleep", "10"]]


def test_a_package_manager_that_stays_down_fails_the_named_step(host: Machine) -> None:
    host.stub("dnf", "exit 1")
    host.stub("amazon-linux-extras", "exit 1")
    result = boot(host, BACKEND)
    assert result.status == 1
    assert "gave up after 5 attempts" in result.output
    assert "FAILED (exit 1) while: install Docker\n" in result.output
    assert [call[1] for call in host.calls("sleep")] == ["5", "10", "20", "40"]
    assert not host.calls("systemctl")


def test_a_temporary_server_that_does_not_answer_fails_the_boot(al2023: Machine) -> None:
    al2023.stub("curl", 'case "${*: -1}" in http://localhost:8000/*) exit 7 ;; esac\n' + CURL)
    result = boot(al2023, BACKEND)
    assert result.status != 0
    assert "while: start the temporary board-service health server" in result.output
    assert ["systemctl", "enable", "--now", "codedeploy-agent"] not in al2023.calls()


@pytest.mark.parametrize(("name", "version"), [("ubuntu", "24.04"), ("amzn", "2018.03")])
def test_another_operating_system_is_refused(al2023: Machine, name: str, version: str) -> None:
    set_os(al2023, version, name)
    result = boot(al2023, BACKEND)
    assert result.status == 1
    assert f"unsupported operating system '{name} {version}'" in result.output


def test_docker_limits_its_logs(host: Machine) -> None:
    boot(host, BACKEND)
    assert json.loads(host.read("etc/docker/daemon.json"))["log-opts"] == {"max-size": "10m", "max-file": "3"}


# --- the machine that makes the databases


def test_the_machine_that_makes_databases_has_what_init_sh_needs(host: Machine) -> None:
    result = boot(host, DATABASE_INIT)
    assert result.status == 0, result.output
    assert [call[-1] for call in host.calls() if call[1:2] == ["install"] and call[0] in ("dnf", "yum")][-1] == "jq"
    assert ["systemctl", "enable", "--now", "docker"] in host.calls()


# --- monitoring


def test_a_monitoring_instance_serves_grafana_on_port_3001(host: Machine) -> None:
    result = boot(host, MONITORING)
    assert result.status == 0, result.output
    assert ["systemctl", "enable", "wealist-monitoring"] in host.calls()
    assert ["systemctl", "restart", "wealist-monitoring"] in host.calls()
    assert host.calls("curl")[-1][-1] == "http://localhost:3001/monitoring/api/health"
    assert not [call for call in host.calls() if "codedeploy" in " ".join(call)]


def test_monitoring_runs_twice(host: Machine) -> None:
    assert boot(host, MONITORING).status == 0
    before = {path: path.read_bytes() for path in (host.root / "opt").rglob("*") if path.is_file()}
    assert boot(host, MONITORING).status == 0
    assert before == {path: path.read_bytes() for path in (host.root / "opt").rglob("*") if path.is_file()}


def test_monitoring_files_arrive_whole(al2023: Machine) -> None:
    boot(al2023, MONITORING)
    for source in sorted((WEALIST / "monitoring").iterdir()):
        folder = "etc/systemd/system" if source.suffix in (".service", ".timer") else "opt/wealist/monitoring"
        expected = uncommented(source.read_text()).replace("@API_HOST@", SETTINGS["API_HOST"])
        assert al2023.read(f"{folder}/{source.name}") == expected
    assert [al2023.mode(f"opt/wealist/monitoring/{script}.sh") for script in ("up", "keys")] == [0o755, 0o755]
    assert yaml.safe_load(al2023.read("opt/wealist/monitoring/alertmanager.yml")) == {"receivers": [{"name": "alarms"}]}
    assert ["systemctl", "enable", "--now", "wealist-keys.timer"] in al2023.calls()


def test_alertmanager_gets_keys_of_its_own_role_and_nobody_else_sees_them(al2023: Machine) -> None:
    boot(al2023, MONITORING)
    al2023.forget()
    keys = "run/wealist/alertmanager/credentials"
    for _ in range(2):
        result = al2023.run(al2023.root / "opt/wealist/monitoring/keys.sh")
        assert result.status == 0, result.output
    assert al2023.read(keys).splitlines() == [
        "[default]",
        "aws_access_key_id=ASIAEXAMPLE",
        "aws_secret_access_key=sts-secret/key+1",
        "aws_session_token=sts-secret-token==",
    ]
    assert al2023.mode(keys) == 0o400
    assert [call[1] for call in al2023.calls("chown")] == ["65534:65534"] * 2
    assert {option(call, "--role-arn") for call in al2023.calls("aws")} == {SETTINGS["ALERTMANAGER_ROLE"]}
    assert [path.name for path in (al2023.root / keys).parent.iterdir()] == ["credentials"]
    assert_no_secret(al2023, result.output)


def test_keys_that_cannot_be_had_leave_those_that_are_there(al2023: Machine) -> None:
    boot(al2023, MONITORING)
    script = al2023.root / "opt/wealist/monitoring/keys.sh"
    assert al2023.run(script).status == 0
    keys = al2023.root / "run/wealist/alertmanager/credentials"
    before = keys.read_text()
    al2023.stub("aws", "echo denied >&2; exit 254")
    assert al2023.run(script).status == 254
    assert keys.read_text() == before
    assert [path.name for path in keys.parent.iterdir()] == ["credentials"]


def test_prometheus_probes_the_public_health_urls(al2023: Machine) -> None:
    boot(al2023, MONITORING)
    config = yaml.safe_load(al2023.read("opt/wealist/monitoring/prometheus.yml"))
    (probe,) = [job for job in config["scrape_configs"] if job["job_name"] == "probe"]
    assert [target for group in probe["static_configs"] for target in group["targets"]] == [
        "https://api.wealist.co.kr/api/users/actuator/health",
        "https://api.wealist.co.kr/api/boards/health",
        "http://grafana:3000/monitoring/api/health",
    ]


def test_the_password_goes_from_ssm_to_a_tmpfs_file_and_nowhere_else(
    al2023: Machine, parameters: dict[str, str]
) -> None:
    boot(al2023, MONITORING)
    al2023.forget()
    result = al2023.run(al2023.root / "opt/wealist/monitoring/up.sh")
    assert result.status == 0, result.output
    secret = "run/wealist/grafana_admin_password"
    assert al2023.read(secret) == parameters["monitoring/grafana_admin_password"] + "\n"
    assert al2023.mode(secret) == 0o400
    assert [call[1] for call in al2023.calls("chown")] == ["472:0"]
    (up,) = al2023.calls("docker")
    assert up[1:3] == ["compose", "--project-directory"]
    assert "up" in up
    assert_no_secret(al2023, result.output)


def test_a_missing_grafana_password_is_named(al2023: Machine) -> None:
    boot(al2023, MONITORING)
    al2023.forget()
    al2023.parameters.clear()
    result = al2023.run(al2023.root / "opt/wealist/monitoring/up.sh")
    assert result.status == 1
    assert "cannot read the SSM parameter /wealist/prod/monitoring/grafana_admin_password" in result.output
    assert not al2023.calls("docker")
    assert list((al2023.root / "run/wealist").iterdir()) == []
