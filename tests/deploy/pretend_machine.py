"""A pretend machine: scripts really run, in a temporary root, with recording stand-ins for the tools of the host."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
WEALIST = REPOSITORY / "deploy" / "wealist"

SETTINGS = {
    "REGION": "ap-northeast-2",
    "STACK": "prod",
    "NAME_PREFIX": "wealist-prod",
    "PARAMETER_PREFIX": "/wealist/prod",
    "REGISTRY": "290008131187.dkr.ecr.ap-northeast-2.amazonaws.com",
    "DOMAIN": "wealist.co.kr",
    "API_HOST": "api.wealist.co.kr",
    "ALERTMANAGER_ROLE": "arn:aws:iam::290008131187:role/wealist-prod-alertmanager",
}

TOOLS = ["dnf", "yum", "amazon-linux-extras", "docker", "aws", "curl", "systemctl", "rpm", "chown", "sleep", "uname"]

# Arguments end with \x1f, calls with \x1e: neither occurs in what the scripts pass. One write per call: pipes run two.
RECORDER = """#!/bin/bash
name=${0##*/}
printf -v record '%s\\x1f' "$name" "$@"
printf '%s\\x1e' "$record" >>"$FAKE/calls"
if [ -e "$FAKE/$name.sh" ]; then . "$FAKE/$name.sh"; fi
IFS= read -r -d '' _ # the other end of a pipe must not die of it
exit 0
"""

# Values that break careless quoting in env files, shells, SQL and YAML.
NASTY = """ lead'single"double\\back$HOME${X}$(id)`id`#hash %s!;&|<>*?[]{}~^=\\' é한 end\\"""


@dataclass(frozen=True)
class Result:
    """How a script ended and everything it printed."""

    status: int
    output: str


@dataclass
class Machine:
    """A temporary root, its stand-ins, and the parameters of its Parameter Store."""

    root: Path
    fake: Path
    parameters: dict[str, str] = field(default_factory=dict)

    def stub(self, tool: str, body: str) -> None:
        """Give a stand-in behaviour: bash that sees the call's arguments."""
        (self.fake / f"{tool}.sh").write_text(body)

    def run(self, *command: Path | str, env: Mapping[str, str] | None = None) -> Result:
        store = self.fake / "parameters"
        shutil.rmtree(store, ignore_errors=True)
        for name, value in self.parameters.items():
            path = store / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(value)
        done = subprocess.run(
            [str(part) for part in command],
            env={
                "PATH": f"{self.fake}/bin:{os.environ['PATH']}",
                "HOME": str(self.root / "root"),
                "ROOT": str(self.root),
                "FAKE": str(self.fake),
                **(env or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout)

    def calls(self, tool: str | None = None) -> list[list[str]]:
        log = self.fake / "calls"
        records = log.read_text().split("\x1e")[:-1] if log.exists() else []
        calls = [record.split("\x1f")[:-1] for record in records]
        return [call for call in calls if tool is None or call[0] == tool]

    def forget(self) -> None:
        (self.fake / "calls").unlink(missing_ok=True)

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()

    def mode(self, path: str) -> int:
        return (self.root / path.lstrip("/")).stat().st_mode & 0o777


MASTER_SECRET = "arn:aws:secretsmanager:ap-northeast-2:290008131187:secret:rds!db-1-Ab12Cd"
"""What RDS keeps the master's user and password in."""

# `aws ssm get-parameter`, `aws secretsmanager get-secret-value`, `aws ecr get-login-password` and `aws sts assume-role`, as the
# real client answers.
AWS = """
case "$1 $2" in
  "ssm get-parameter")
    while [ $# -gt 0 ]; do
      if [ "$1" = --name ]; then wanted=$2; fi
      shift
    done
    if [ ! -e "$FAKE/parameters$wanted" ]; then
      echo "An error occurred (ParameterNotFound) when calling the GetParameter operation:" >&2
      exit 254
    fi
    cat "$FAKE/parameters$wanted"
    echo
    ;;
  "secretsmanager get-secret-value")
    while [ $# -gt 0 ]; do
      if [ "$1" = --secret-id ]; then wanted=$2; fi
      shift
    done
    cat "$FAKE/parameters/$wanted" || exit 254
    echo
    ;;
  "ecr get-login-password") echo ecr-token-secret ;;
  "sts assume-role") printf 'ASIAEXAMPLE\tsts-secret/key+1\tsts-secret-token==\n' ;;
  *) echo "unexpected: aws $*" >&2; exit 2 ;;
esac
"""


SECRETS = (
    "db/user_db_password",
    "db/board_db_password",
    "redis/auth_token",
    "google/client_id",
    "google/client_secret",
    "jwt/secret",
    "monitoring/grafana_admin_password",
)


def assert_no_secret(machine: Machine, *outputs: str) -> None:
    """No secret value, whole or recognisable, in any recorded argument or in anything printed."""
    seen = [argument for call in machine.calls() for argument in call] + list(outputs)
    for text in seen:
        assert "lead'single" not in text, f"a secret shows in: {text}"
        assert "ecr-token-secret" not in text, f"the ECR token shows in: {text}"
        assert "sts-secret" not in text, f"a key shows in: {text}"
