"""CodeDeploy bundles and hooks, executed: wealist.md §7 for both services."""

import hashlib
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.deploy.pretend_machine import SETTINGS, WEALIST, Machine, Result, assert_no_secret
from tests.tools import required_tool

CODEDEPLOY = WEALIST / "codedeploy"
TAG = "3f2a9c1"
REGISTRY = SETTINGS["REGISTRY"]
BUNDLE_SETTINGS = {name: SETTINGS[name] for name in ("REGION", "REGISTRY", "NAME_PREFIX", "PARAMETER_PREFIX")}
SERVICES = {
    "user-service": ("8080", "/api/users/actuator/health", "user"),
    "board-service": ("8000", "/api/boards/health", "board"),
}
HOOKS = ["ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"]

# Answers `docker inspect` with the image of the release that was last started.
DOCKER = """
case "$1 $2" in
  "login --username") cat >"$FAKE/login-input" ;;
  "inspect --type") cat "$FAKE/running-image" ;;
esac
"""


def make_bundle(output: Path, service: str = "user-service", tag: str = TAG, **env: str) -> Result:
    done = subprocess.run(
        [CODEDEPLOY / "bundle.sh", service, tag, output],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **BUNDLE_SETTINGS, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Result(done.returncode, done.stdout)


@pytest.fixture(scope="module", params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def bundle(service: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("bundle") / f"{service}.zip"
    result = make_bundle(output, service)
    assert result.status == 0, result.output
    return output


class Deployment:
    """One revision on one instance: unpacked like the agent does, hook by hook."""

    def __init__(self, machine: Machine, bundle: Path, service: str) -> None:
        self.machine, self.service = machine, service
        self.archive = machine.root / "opt/codedeploy-agent/deployment-root/g/d-1/deployment-archive"
        self.app = machine.root / "home/ec2-user/app" / service
        with zipfile.ZipFile(bundle) as archive:
            for info in archive.infolist():
                Path(archive.extract(info, self.archive)).chmod(info.external_attr >> 16 & 0o777)
        self.hooks = yaml.safe_load((self.archive / "appspec.yml").read_text())["hooks"]

    def hook(self, name: str, **env: str) -> Result:
        (entry,) = self.hooks[name]
        return self.machine.run(self.archive / entry["location"], env=env)

    def install(self) -> None:
        for path in sorted(self.archive.rglob("*")):
            target = self.app / path.relative_to(self.archive)
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.write_bytes(path.read_bytes())

    def deploy(self) -> dict[str, Result]:
        results = {name: self.hook(name) for name in HOOKS[:2]}
        self.install()
        return results | {name: self.hook(name) for name in HOOKS[2:]}


@pytest.fixture
def deployment(machine: Machine, bundle: Path, service: str, parameters: dict[str, str]) -> Deployment:
    machine.stub("docker", DOCKER)
    (machine.fake / "running-image").write_text(f"{REGISTRY}/wealist-prod-{service}:{TAG}\n")
    return Deployment(machine, bundle, service)


def env_file(machine: Machine, service: str) -> dict[str, str]:
    """The raw env file as `docker run --env-file` and Compose's `format: raw` read it."""
    values = {}
    for line in machine.read(f"run/wealist/{service}.env").split("\n"):
        stripped = line.lstrip()
        if stripped and not stripped.startswith("#"):
            name, _, value = stripped.partition("=")
            values[name] = value
    return values


# --- a deployment


def test_a_whole_deployment_succeeds_and_leaks_nothing(deployment: Deployment) -> None:
    results = deployment.deploy()
    for name, result in results.items():
        assert result.status == 0, f"{name}: {result.output}"
    assert_no_secret(deployment.machine, *(result.output for result in results.values()))


def test_the_environment_has_the_documented_names_and_exact_values(
    deployment: Deployment, parameters: dict[str, str]
) -> None:
    deployment.deploy()
    service = deployment.service
    key = SERVICES[service][2]
    assert env_file(deployment.machine, service) == {
        "DB_HOST": parameters["db/endpoint"],
        "DB_PORT": "5432",
        "DB_NAME": f"wealist_{key}_db",
        "DB_USER": f"{key}_service",
        "DB_PASSWORD": parameters[f"db/{key}_db_password"],
        "DB_SSLMODE": "verify-full",
        "DB_SSLROOTCERT": "/etc/ssl/rds-ca.pem",
        "REDIS_HOST": parameters["redis/endpoint"],
        "REDIS_PORT": "6379",
        "REDIS_AUTH_TOKEN": parameters["redis/auth_token"],
        "REDIS_TLS": "true",
        "GOOGLE_CLIENT_ID": parameters["google/client_id"],
        "GOOGLE_CLIENT_SECRET": parameters["google/client_secret"],
        "JWT_SECRET": parameters["jwt/secret"],
    }
    assert deployment.machine.mode(f"run/wealist/{service}.env") == 0o600


def test_the_other_services_database_password_is_never_read(deployment: Deployment) -> None:
    deployment.deploy()
    other = {"user": "board", "board": "user"}[SERVICES[deployment.service][2]]
    asked = [call[call.index("--name") + 1] for call in deployment.machine.calls("aws") if "--name" in call]
    assert asked
    assert not [name for name in asked if f"/{other}_db" in name or "master" in name]


def test_the_image_is_pulled_before_the_temporary_server_goes(deployment: Deployment) -> None:
    deployment.hook("BeforeInstall")
    deployment.install()
    assert deployment.hook("ApplicationStart").status == 0
    docker = [call[1:] for call in deployment.machine.calls("docker")]
    compose = ["compose", "--project-directory", str(deployment.app), "--env-file", f"{deployment.app}/release.env"]
    assert docker == [
        ["login", "--username", "AWS", "--password-stdin", REGISTRY],
        [*compose, "pull"],
        ["rm", "--force", f"placeholder-{deployment.service}"],
        [*compose, "up", "--detach", "--force-recreate", "--remove-orphans"],
    ]


def test_the_ecr_token_goes_through_stdin_and_is_forgotten(deployment: Deployment) -> None:
    deployment.deploy()
    assert (deployment.machine.fake / "login-input").read_text() == "ecr-token-secret\n"
    assert ["aws", "ecr", "get-login-password", "--region", "ap-northeast-2"] in deployment.machine.calls("aws")
    assert sorted(path.name for path in (deployment.machine.root / "run/wealist").iterdir()) == [
        f"{deployment.service}.env"
    ]


def test_stopping_works_without_any_file_of_the_deployment(deployment: Deployment) -> None:
    assert deployment.hook("ApplicationStop").status == 0
    (call,) = deployment.machine.calls("docker")
    assert call[1:5] == ["compose", "--project-name", f"wealist-{deployment.service}", "down"]


def test_files_are_roots_and_only_scripts_are_executable(deployment: Deployment) -> None:
    deployment.hook("BeforeInstall")
    deployment.install()
    assert deployment.hook("AfterInstall").status == 0
    assert ["chown", "-R", "root:root", str(deployment.app)] in deployment.machine.calls()
    for path in deployment.app.rglob("*"):
        expected = 0o755 if path.is_dir() or path.suffix == ".sh" else 0o644
        assert path.stat().st_mode & 0o777 == expected, path


def test_the_old_deployment_is_backed_up_and_cleaned_away(deployment: Deployment) -> None:
    deployment.app.mkdir(parents=True)
    (deployment.app / "old.txt").write_text("previous")
    assert deployment.hook("BeforeInstall").status == 0
    assert list(deployment.app.iterdir()) == []
    (backup,) = (deployment.machine.root / "var/lib/wealist/backups" / deployment.service).iterdir()
    with tarfile.open(backup) as archive:
        member = archive.extractfile("./old.txt")
        assert member is not None
        assert member.read() == b"previous"


def test_only_the_newest_backups_are_kept(deployment: Deployment) -> None:
    for number in range(5):
        deployment.app.mkdir(parents=True, exist_ok=True)
        (deployment.app / str(number)).write_text("")
        assert deployment.hook("BeforeInstall").status == 0
    backups = sorted((deployment.machine.root / "var/lib/wealist/backups" / deployment.service).iterdir())
    kept = []
    for path in backups:
        with tarfile.open(path) as archive:
            kept.append(archive.getnames()[-1])
    assert kept == ["./2", "./3", "./4"]


def test_a_first_deployment_has_nothing_to_back_up(deployment: Deployment) -> None:
    result = deployment.hook("BeforeInstall")
    assert result.status == 0
    assert "no deployment to back up" in result.output
    assert not (deployment.machine.root / "var/lib/wealist").exists()


# --- failures


@pytest.mark.parametrize("missing", ["db/endpoint", "jwt/secret"])
def test_a_missing_parameter_is_named(deployment: Deployment, missing: str) -> None:
    del deployment.machine.parameters[f"/wealist/prod/{missing}"]
    deployment.hook("BeforeInstall")
    deployment.install()
    result = deployment.hook("AfterInstall")
    assert result.status == 1
    assert f"cannot read the SSM parameter /wealist/prod/{missing}" in result.output
    assert list((deployment.machine.root / "run/wealist").iterdir()) == []
    assert_no_secret(deployment.machine, result.output)


def test_a_parameter_of_two_lines_is_refused_without_showing_it(deployment: Deployment) -> None:
    deployment.machine.parameters["/wealist/prod/jwt/secret"] = "lead'single\nADMIN=true"
    deployment.hook("BeforeInstall")
    deployment.install()
    result = deployment.hook("AfterInstall")
    assert result.status == 1
    assert "/wealist/prod/jwt/secret must be a single line" in result.output
    assert_no_secret(deployment.machine, result.output)


def test_a_failed_parameter_leaves_the_previous_environment_whole(deployment: Deployment) -> None:
    deployment.deploy()
    before = deployment.machine.read(f"run/wealist/{deployment.service}.env")
    del deployment.machine.parameters["/wealist/prod/redis/port"]
    assert deployment.hook("AfterInstall").status == 1
    assert deployment.machine.read(f"run/wealist/{deployment.service}.env") == before


def test_a_failed_pull_names_the_image_and_leaves_the_temporary_server(deployment: Deployment) -> None:
    deployment.machine.stub("docker", 'case "$*" in *" pull") exit 18 ;; esac')
    deployment.hook("BeforeInstall")
    deployment.install()
    result = deployment.hook("ApplicationStart")
    assert result.status == 1
    assert f"cannot pull {REGISTRY}/wealist-prod-{deployment.service}:{TAG}" in result.output
    assert not [call for call in deployment.machine.calls("docker") if "rm" in call or "up" in call]


def test_a_refused_ecr_login_stops_the_deployment(deployment: Deployment) -> None:
    deployment.machine.stub("docker", 'case "$1" in login) exit 1 ;; esac')
    result = deployment.hook("ApplicationStart")
    assert result.status == 1
    assert f"cannot log in to {REGISTRY}" in result.output
    assert len(deployment.machine.calls("docker")) == 1


def test_health_that_never_comes_fails_after_thirty_seconds(deployment: Deployment) -> None:
    deployment.machine.stub("curl", "exit 7")
    result = deployment.hook("ValidateService")
    port, path, _ = SERVICES[deployment.service]
    assert result.status == 1
    assert f"not healthy at http://localhost:{port}{path} after 30 seconds" in result.output
    assert sum(int(call[1]) for call in deployment.machine.calls("sleep")) == 30
    assert not [call for call in deployment.machine.calls("docker") if "prune" in call]


def test_health_that_comes_late_is_waited_for(deployment: Deployment) -> None:
    deployment.machine.stub("curl", 'echo x >>"$FAKE/tries"; [ "$(wc -l <"$FAKE/tries")" -gt 3 ] || exit 22')
    assert deployment.hook("ValidateService").status == 0
    assert len(deployment.machine.calls("sleep")) == 3


@pytest.mark.parametrize("image", ["", f"{REGISTRY}/wealist-prod-user-service:older", "nginx"])
def test_an_answer_from_anything_but_this_release_fails(deployment: Deployment, image: str) -> None:
    (deployment.machine.fake / "running-image").write_text(image + "\n")
    result = deployment.hook("ValidateService")
    assert result.status == 1
    assert "not from a running container of this release" in result.output


def test_an_unhealthy_neighbour_is_only_a_warning(deployment: Deployment) -> None:
    other = {"8080": "8000", "8000": "8080"}[SERVICES[deployment.service][0]]
    deployment.machine.stub("curl", f'case "${{*: -1}}" in http://localhost:{other}/*) exit 7 ;; esac')
    result = deployment.hook("ValidateService")
    assert result.status == 0
    neighbour = next(name for name in SERVICES if name != deployment.service)
    assert f"warning: {neighbour} is not healthy" in result.output


# --- the bundle


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, bundle: Path, service: str) -> None:
    again = tmp_path / "again.zip"
    assert make_bundle(again, service, TZ="Asia/Seoul", LC_ALL="C").status == 0
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (bundle, again)}
    assert len(digests) == 1


def test_a_bundle_holds_the_release_and_every_hook(bundle: Path, service: str) -> None:
    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {"appspec.yml", "compose.yaml", "service.env", "release.env", "scripts/lib.sh"} <= set(names)
        assert archive.read("release.env").decode() == (
            f"IMAGE_TAG={TAG}\nREGION=ap-northeast-2\nREGISTRY={REGISTRY}\n"
            "NAME_PREFIX=wealist-prod\nPARAMETER_PREFIX=/wealist/prod\n"
        )
        spec = yaml.safe_load(archive.read("appspec.yml"))
        for hook in HOOKS:
            (entry,) = spec["hooks"][hook]
            assert archive.getinfo(entry["location"]).external_attr >> 16 & stat.S_IXUSR


def test_another_tag_is_another_bundle(tmp_path: Path, bundle: Path, service: str) -> None:
    other = tmp_path / "other.zip"
    assert make_bundle(other, service, "other").status == 0
    assert other.read_bytes() != bundle.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "env", "message"),
    [
        (("user-service", "latest"), {}, "'latest' cannot be rolled back"),
        (("mail-service", TAG), {}, "unknown service 'mail-service'"),
        (("../user-service", TAG), {}, "unknown service"),
        (("user-service", "a b"), {}, "'a b' is not an image tag"),
        (("user-service", "$(id)"), {}, "is not an image tag"),
        (("user-service", TAG), {"REGISTRY": ""}, "set REGISTRY"),
        (("user-service", TAG), {"REGION": "x;id"}, "set REGION"),
        (("user-service", TAG), {"PARAMETER_PREFIX": "wealist"}, "set PARAMETER_PREFIX"),
    ],
)
def test_a_bad_bundle_is_refused_and_leaves_nothing(
    tmp_path: Path, arguments: tuple[str, str], env: dict[str, str], message: str
) -> None:
    result = make_bundle(tmp_path / "out.zip", *arguments, **env)
    assert result.status == 1
    assert message in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_leaves_no_working_files(bundle: Path) -> None:
    assert list(bundle.parent.iterdir()) == [bundle]


# --- the files


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_the_appspec_installs_beside_the_other_service_and_runs_every_documented_hook(name: str) -> None:
    spec = yaml.safe_load((CODEDEPLOY / name / "appspec.yml").read_text())
    assert spec["os"] == "linux"
    assert spec["files"] == [{"source": "/", "destination": f"/home/ec2-user/app/{name}"}]
    assert list(spec["hooks"]) == HOOKS
    for (entry,) in spec["hooks"].values():
        script = CODEDEPLOY / entry["location"]
        assert script.stat().st_mode & stat.S_IXUSR, f"{script} is not executable"
        assert entry["runas"] == "root"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_the_container_is_hardened(name: str) -> None:
    port, path, _ = SERVICES[name]
    compose = yaml.safe_load((CODEDEPLOY / name / "compose.yaml").read_text())
    assert compose["name"] == f"wealist-{name}"
    (key,) = compose["services"]
    container = compose["services"][key]
    assert key == container["container_name"] == name
    assert container["image"] == f"${{REGISTRY:?}}/${{NAME_PREFIX:?}}-{name}:${{IMAGE_TAG:?}}"
    assert container["ports"] == [f"{port}:{port}"]
    assert container["env_file"] == [{"path": f"/run/wealist/{name}.env", "format": "raw"}]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["restart"] == "unless-stopped"
    assert container["stop_grace_period"] == "30s"
    assert container["logging"]["options"]["max-size"]
    assert f"http://localhost:{port}{path}" in container["healthcheck"]["test"][1]


def test_both_services_fit_on_a_t3_small() -> None:
    limits = [
        yaml.safe_load((CODEDEPLOY / name / "compose.yaml").read_text())["services"][name]["mem_limit"]
        for name in SERVICES
    ]
    assert sum(int(limit.removesuffix("m")) for limit in limits) <= 1280


@pytest.mark.judges
def test_compose_itself_reads_the_environment_literally(deployment: Deployment, tmp_path: Path) -> None:
    compose_program = required_tool("docker-compose")
    deployment.deploy()
    service = deployment.service
    written = str(deployment.machine.root / f"run/wealist/{service}.env")
    compose = tmp_path / "compose.yaml"
    text = (deployment.app / "compose.yaml").read_text()
    compose.write_text(text.replace(f"/run/wealist/{service}.env", written))
    done = subprocess.run(
        [compose_program, "-f", compose, "--env-file", deployment.app / "release.env", "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    container = yaml.safe_load(done.stdout)["services"][service]
    assert container["image"] == f"{REGISTRY}/wealist-prod-{service}:{TAG}"
    for name, value in env_file(deployment.machine, service).items():
        assert container["environment"][name] == value.replace("$", "$$"), name


COMPOSE_FILES = (WEALIST / "monitoring", *(CODEDEPLOY / name for name in SERVICES))


def by_the_specification(file: Path) -> subprocess.CompletedProcess[str]:
    """As check-jsonschema judges it, whose package has the Compose specification's schema."""
    program = Path(sys.executable).with_name("check-jsonschema")
    command: list[str | Path] = [program, "--builtin-schema", "vendor.compose-spec", file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.verify
@pytest.mark.parametrize("folder", COMPOSE_FILES, ids=lambda folder: folder.name)
def test_a_compose_file_keeps_to_the_specification(folder: Path, tmp_path: Path) -> None:
    file = folder / "compose.yaml"
    done = by_the_specification(file)
    assert done.returncode == 0, done.stdout
    (spoiled := tmp_path / "compose.yaml").write_text(file.read_text().replace("read_only:", "readonly:"))
    assert "readonly" in by_the_specification(spoiled).stdout


@pytest.mark.judges
def test_compose_accepts_the_monitoring_file() -> None:
    done = subprocess.run(
        [required_tool("docker-compose"), "--project-directory", WEALIST / "monitoring", "config", "--quiet"],
        env={"PATH": os.environ["PATH"], "API_HOST": "api.wealist.co.kr"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
