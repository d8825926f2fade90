"""Every file of the room is well formed."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deploy.pretend_machine import REPOSITORY, WEALIST
from tests.tools import missing

SCRIPTS = sorted(WEALIST.rglob("*.sh"))
YAML = sorted(path for path in WEALIST.rglob("*") if path.suffix in (".yml", ".yaml"))
MONITORING = WEALIST / "monitoring"


def test_shellcheck_finds_nothing() -> None:
    beside_python = Path(sys.executable).parent / "shellcheck"
    shellcheck = str(beside_python) if beside_python.exists() else shutil.which("shellcheck")
    if shellcheck is None:
        missing("shellcheck is not installed")
    done = subprocess.run([str(shellcheck), "-x", *SCRIPTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(WEALIST)))
def test_scripts_are_executable_and_strict(script: Path) -> None:
    text = script.read_text()
    assert text.startswith("#!/bin/bash\n")
    assert script.stat().st_mode & stat.S_IXUSR
    assert "set -euo pipefail" in text or "/lib.sh" in text


@pytest.mark.parametrize("path", YAML, ids=lambda path: str(path.relative_to(WEALIST)))
def test_yaml_parses(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_every_image_is_pinned() -> None:
    images = [
        service["image"]
        for path in YAML
        if path.name == "compose.yaml"
        for service in yaml.safe_load(path.read_text())["services"].values()
    ]
    assert len(images) == 6
    for image in images:
        tag = image.rpartition(":")[2] if not image.endswith("?}") else "release"
        assert tag not in ("", "latest"), image
        assert tag == "release" or any(character.isdigit() for character in tag), image


def test_grafana_is_private_and_under_its_sub_path() -> None:
    services = yaml.safe_load((MONITORING / "compose.yaml").read_text())["services"]
    grafana = services["grafana"]
    environment = grafana["environment"]
    assert grafana["ports"] == ["3001:3000"]
    assert environment["GF_SERVER_SERVE_FROM_SUB_PATH"] == "true"
    assert environment["GF_SERVER_ROOT_URL"].endswith("/monitoring/")
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_admin_password"
    assert not [name for name in environment if name == "GF_SECURITY_ADMIN_PASSWORD"]
    assert [name for name, service in services.items() if "ports" in service] == ["grafana"]
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_the_rules_prometheus_loads_are_the_rules_that_are_mounted() -> None:
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    compose = yaml.safe_load((MONITORING / "compose.yaml").read_text())
    mounts = dict(volume.split(":")[:2] for volume in compose["services"]["prometheus"]["volumes"])
    assert config["rule_files"] == [mounts["./alerts.yml"]]
    for source in mounts:
        assert not source.startswith("./") or (MONITORING / source).exists()


def test_nothing_here_is_named_latest() -> None:
    for path in WEALIST.rglob("*"):
        if path.is_file() and path.suffix in (".yaml", ".yml", ".json"):
            assert ":latest" not in path.read_text(), path.relative_to(REPOSITORY)


@pytest.mark.verify
def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        missing("promtool is not installed")
    text = (MONITORING / "prometheus.yml").read_text()
    config = tmp_path / "prometheus.yml"
    config.write_text(text.replace("@API_HOST@", "api.wealist.co.kr").replace("/etc/prometheus/", f"{MONITORING}/"))
    done = subprocess.run([str(promtool), "check", "config", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
