"""The workflows' scripts, run with stand-ins for GitHub, Pulumi and AWS that write down what they are asked."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.tools import required_command
from tests.workflows.files import SCRIPTS

SHA = "0123456789abcdef0123456789abcdef01234567"
FAKE = """#!/usr/bin/env bash
printf '%s\\n' "$(basename "$0") $*" >>"$LOG"
# A file that it is handed, as `body=@FILE` or after `--body-file`, is gone when the script ends.
for word in "$@"; do
  if [[ $word == *=@* ]]; then cp "${word#*=@}" "$LOG.body"; fi
  if [[ ${before:-} == --body-file ]]; then cp "$word" "$LOG.body"; fi
  before=$word
done
for answer in "$ANSWERS/$(basename "$0")".*; do
  pattern=$(head -n 1 "$answer/pattern")
  if [[ "$*" == $pattern ]]; then
    cat "$answer/out"
    exit "$(cat "$answer/status")"
  fi
done
"""


@dataclass(kw_only=True)
class Machine:
    """A PATH whose first folder has the stand-ins; what they were asked is in `asked`."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    _answers: int = 0

    def __post_init__(self) -> None:
        (self.folder / "bin").mkdir()
        (self.folder / "answers").mkdir()
        (self.folder / "log").touch()

    def stand_in(self, program: str, pattern: str = "*", out: str | bytes = "", status: int = 0) -> None:
        """`program`, asked with words like `pattern`, says `out`; the first that fits is taken."""
        path = self.folder / "bin" / program
        path.write_text(FAKE)
        path.chmod(0o755)
        self._answers += 1
        answer = self.folder / "answers" / f"{program}.{self._answers:02}"
        answer.mkdir()
        (answer / "pattern").write_text(f"{pattern}\n")
        (answer / "status").write_text(str(status))
        (answer / "out").write_bytes(out if isinstance(out, bytes) else out.encode())

    def run(self, script: str, *arguments: Path | str, **more: str) -> subprocess.CompletedProcess[str]:
        for program in ("bash", "jq", "iconv", "unzip", "git"):
            required_command(program)
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LOG": str(self.folder / "log"),
            "ANSWERS": str(self.folder / "answers"),
            **self.environment,
            **more,
        }
        return subprocess.run(
            [SCRIPTS / script, *arguments],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()

    @property
    def body(self) -> str:
        """The last file that a stand-in was handed."""
        return (self.folder / "log.body").read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(folder=tmp_path)


class TestComment:
    """comment.sh: a stranger's text as one comment."""

    pulls = json.dumps([{"number": 6, "head": {"sha": "f" * 40}}, {"number": 7, "head": {"sha": SHA}}])
    environment: Mapping[str, str] = {
        "GH_TOKEN": "x",
        "REPOSITORY": "example/edge-platform",
        "RUN_ID": "99",
        "RUN_URL": "https://github.com/example/edge-platform/actions/runs/99",
        "HEAD_SHA": SHA,
        "HEAD_OWNER": "stranger",
        "HEAD_BRANCH": "$(touch pwned)",
    }

    def github(
        self, machine: Machine, content: str | bytes, *, comments: str = "[]", size: int = 500, file: str = "comment.md"
    ) -> None:
        packed = machine.folder / "preview.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(file, content)
        artefacts = {"artifacts": [{"id": 5, "size_in_bytes": size, "expired": False}]}
        machine.environment.update(self.environment)
        machine.stand_in("gh", "*repos/example/edge-platform/pulls *", self.pulls)
        machine.stand_in("gh", "*runs/99/artifacts*", json.dumps(artefacts))
        machine.stand_in("gh", "*artifacts/5/zip*", packed.read_bytes())
        machine.stand_in("gh", "*--method POST*")
        machine.stand_in("gh", "*--method PATCH*")
        machine.stand_in("gh", "*issues/7/comments*", comments)

    def test_the_first_preview_is_a_new_comment_on_the_runs_pull_request(self, machine: Machine) -> None:
        self.github(machine, "# Preview\n\n| a | b |\n")
        done = machine.run("comment.sh")
        assert done.stdout == "commented on pull request 7\n"
        assert machine.body.startswith(
            "<!-- edge-platform: preview -->\n_Written by the code of this pull request at 0123456789ab"
        )
        assert machine.body.endswith("# Preview\n\n| a | b |\n")

    def test_a_later_one_changes_the_comment_that_is_there(self, machine: Machine) -> None:
        mine = {"id": 3, "user": {"login": "github-actions[bot]"}, "body": "<!-- edge-platform: preview -->\nold"}
        others = {"id": 2, "user": {"login": "stranger"}, "body": "<!-- edge-platform: preview -->\nnot mine"}
        self.github(machine, "new", comments=json.dumps([others, mine]))
        assert machine.run("comment.sh").stdout == "changed the comment of pull request 7\n"
        assert any("--method PATCH repos/example/edge-platform/issues/comments/3 " in one for one in machine.asked)

    def test_a_branch_that_moved_on_gets_no_comment_of_an_old_run(self, machine: Machine) -> None:
        self.github(machine, "x")
        done = machine.run("comment.sh", HEAD_SHA="e" * 40)
        assert (done.returncode, "nothing to comment" in done.stdout) == (0, True)
        assert not any("--method POST" in one for one in machine.asked)

    def test_a_branchs_name_is_never_run(self, machine: Machine) -> None:
        self.github(machine, "x")
        machine.run("comment.sh")
        assert "head=stranger:$(touch pwned)" in machine.asked[0]
        assert not (machine.folder / "pwned").exists()

    def test_nobody_is_called_and_no_control_character_passes(self, machine: Machine) -> None:
        self.github(machine, "@team look\x1b[2J at (@all) image@sha256:1 a@b.c\x00\n한글\n")
        machine.run("comment.sh")
        text = machine.body.split("\n", 3)[3]
        assert text == "@\u200bteam look[2J at (@\u200ball) image@\u200bsha256:1 a@\u200bb.c\n한글\n"

    def test_a_long_one_is_cut_with_a_word_about_it(self, machine: Machine) -> None:
        self.github(machine, "한" * 100_000)
        machine.run("comment.sh")
        assert 60_000 < len(machine.body) < 65_000
        assert "_Cut: the rest is in the run._\n\n한한" in machine.body

    def test_what_unpacks_to_gigabytes_is_cut_while_it_is_unpacked(self, machine: Machine) -> None:
        self.github(machine, b"a" * 50_000_000)
        assert machine.run("comment.sh").returncode == 0
        assert len(machine.body) < 65_000

    def test_a_big_artefact_is_not_even_fetched(self, machine: Machine) -> None:
        self.github(machine, "x", size=20_000_001)
        done = machine.run("comment.sh")
        assert (done.returncode, "20000001 bytes" in done.stderr) == (1, True)
        assert not any("zip" in one for one in machine.asked)

    def test_an_artefact_without_the_file_is_an_error(self, machine: Machine) -> None:
        self.github(machine, "x", file="other.md")
        done = machine.run("comment.sh")
        assert (done.returncode, "holds no comment.md" in done.stderr) == (1, True)

    def test_a_run_that_left_nothing_is_no_error(self, machine: Machine) -> None:
        machine.environment.update(self.environment)
        machine.stand_in("gh", "*edge-platform/pulls *", self.pulls)
        machine.stand_in("gh", "*artifacts*", '{"artifacts": []}')
        assert machine.run("comment.sh").returncode == 0


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def made_key(folder: Path) -> tuple[str, str]:
    """A GnuPG key that signs: its secret half in ASCII, and its id as Argo CD names it."""
    required_command("gpg")
    home = folder / "gnupg"
    home.mkdir(mode=0o700, exist_ok=True)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-generate-key", "publisher <publisher@example.com>", "ed25519", "sign"], check=True)
    listed = subprocess.run([*gpg, "--list-keys", "--with-colons"], capture_output=True, text=True, check=True).stdout
    key = next(line.split(":")[4] for line in listed.splitlines() if line.startswith("pub"))
    secret = subprocess.run(
        [*gpg, "--armor", "--export-secret-keys"], capture_output=True, text=True, check=True
    ).stdout
    return secret, key


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return made_key(tmp_path_factory.mktemp("keys"))


class TestPublish:
    """publish.sh, on a real repository with real keys: the branch that Argo CD follows."""

    branch = "rendered/dev"

    @pytest.fixture
    def remote(self, tmp_path: Path) -> Path:
        path = tmp_path / "remote.git"
        subprocess.run(["git", "init", "--quiet", "--bare", path], check=True)
        return path

    def manifests(self, machine: Machine, **files: str) -> Path:
        folder = machine.folder / "manifests"
        subprocess.run(["rm", "-rf", folder], check=True)
        for name, text in files.items():
            path = folder / "eco2/1-manifest" / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        folder.mkdir(exist_ok=True)
        return folder

    def publish(
        self, machine: Machine, remote: Path, key: tuple[str, str], *, branch: str = branch, **files: str
    ) -> subprocess.CompletedProcess[str]:
        return machine.run(
            "publish.sh",
            self.manifests(machine, **files),
            REMOTE=str(remote),
            BRANCH=branch,
            MESSAGE="dev at x",
            SIGNING_KEY=key[0],
        )

    def on_branch(self, remote: Path, branch: str = branch) -> dict[str, str]:
        names = git(remote, "ls-tree", "-r", "--name-only", branch).split()
        return {name: git(remote, "show", f"{branch}:{name}") for name in names}

    def test_the_first_time_makes_the_branch(self, machine: Machine, remote: Path, key: tuple[str, str]) -> None:
        done = self.publish(machine, remote, key, a="1")
        assert done.returncode == 0, done.stderr
        assert self.on_branch(remote) == {"eco2/1-manifest/a.yaml": "1"}

    def test_each_commit_is_signed_by_the_key_that_argo_cd_knows(
        self, machine: Machine, remote: Path, key: tuple[str, str], tmp_path: Path
    ) -> None:
        self.publish(machine, remote, key, a="1")
        self.publish(machine, remote, key, a="2")
        keyring = tmp_path / "argocd"
        keyring.mkdir(mode=0o700)
        subprocess.run(
            ["gpg", "--homedir", keyring, "--batch", "--quiet", "--import"], input=key[0], text=True, check=True
        )
        log = subprocess.run(
            ["git", "log", "--format=%G? %GK", self.branch],
            cwd=remote, env={**os.environ, "GNUPGHOME": str(keyring)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        # U: a good signature, of a key that nobody vouches for; Argo CD asks no more.
        assert log.stdout.split("\n")[:-1] == [f"U {key[1]}"] * 2

    def test_the_key_stays_nowhere(self, machine: Machine, remote: Path, key: tuple[str, str]) -> None:
        machine.environment["TMPDIR"] = str(machine.folder)
        self.publish(machine, remote, key, a="1")
        assert not [path for path in machine.folder.rglob("*") if path.suffix == ".key" or path.name.startswith("tmp.")]

    def test_without_a_key_nothing_is_published(self, machine: Machine, remote: Path) -> None:
        done = self.publish(machine, remote, ("", ""), a="1")
        assert (done.returncode, "PUBLISHER_SIGNING_KEY" in done.stderr) == (1, True)
        assert git(remote, "branch", "--list") == ""

    @pytest.mark.parametrize("quote", ["", "'"])
    def test_a_key_that_the_cluster_does_not_know_signs_nothing(
        self, machine: Machine, remote: Path, key: tuple[str, str], quote: str
    ) -> None:
        """Argo CD would refuse the commit, and say so on the master alone."""
        name, listed = "argoproj.io_v1alpha1-appproject-argocd-eco2", "spec:\n  keys:\n  - {0}{1}{0}\n"
        done = self.publish(machine, remote, key, **{name: listed.format(quote, "0123456789ABCDEF")})
        assert done.returncode == 1
        assert f"{key[1]}, which eco2.gitops.signing_keys does not have" in done.stderr
        assert git(remote, "branch", "--list") == ""
        assert self.publish(machine, remote, key, **{name: listed.format(quote, key[1])}).returncode == 0

    def test_the_branch_is_replaced_as_a_whole_in_one_commit(
        self, machine: Machine, remote: Path, key: tuple[str, str]
    ) -> None:
        self.publish(machine, remote, key, branch="rendered/prod", a="1", b="1")
        self.publish(machine, remote, key, a="1", gone="1")
        self.publish(machine, remote, key, a="2", new="1")
        folder = "eco2/1-manifest"
        assert self.on_branch(remote) == {f"{folder}/a.yaml": "2", f"{folder}/new.yaml": "1"}
        assert self.on_branch(remote, "rendered/prod") == {f"{folder}/a.yaml": "1", f"{folder}/b.yaml": "1"}
        assert git(remote, "log", "--format=%s", self.branch).split("\n")[:-1] == ["dev at x", "dev at x"]

    def test_the_same_manifests_make_no_commit(self, machine: Machine, remote: Path, key: tuple[str, str]) -> None:
        self.publish(machine, remote, key, a="1")
        before = git(remote, "rev-parse", self.branch)
        assert "has these manifests already" in self.publish(machine, remote, key, a="1").stdout
        assert git(remote, "rev-parse", self.branch) == before

    def test_nothing_at_all_is_refused_because_argo_cd_would_remove_everything(
        self, machine: Machine, remote: Path, key: tuple[str, str]
    ) -> None:
        self.publish(machine, remote, key, a="1")
        done = self.publish(machine, remote, key)
        assert (done.returncode, "would remove everything of rendered/dev" in done.stderr) == (1, True)
        assert self.on_branch(remote)

    @pytest.mark.parametrize(
        "branch", ["main", "rendered", "rendered/..", "rendered/a/b", "rendered/-x", "x/rendered/dev"]
    )
    def test_a_branch_that_is_no_stacks_is_refused(
        self, machine: Machine, remote: Path, key: tuple[str, str], branch: str
    ) -> None:
        assert "no branch of a stack" in self.publish(machine, remote, key, branch=branch, a="1").stderr


class TestDrift:
    """drift.sh and report_drift.sh: what differs becomes one issue a stack."""

    expected = "error: no changes were expected but changes occurred\n"

    def compare(self, machine: Machine) -> subprocess.CompletedProcess[str]:
        return machine.run("drift.sh", machine.folder / "drift", STACK="prod")

    def report(self, machine: Machine, issues: str = "[]") -> subprocess.CompletedProcess[str]:
        machine.stand_in("gh", "issue list*", issues)
        machine.stand_in("gh", "*")
        environment = {"STACK": "prod", "RUN_URL": "https://run", "GH_TOKEN": "x", "GH_REPO": "example/edge-platform"}
        return machine.run("report_drift.sh", machine.folder / "drift", **environment)

    def test_agreement_is_a_job_that_succeeds_and_no_issue(self, machine: Machine) -> None:
        machine.stand_in("pulumi", out="no changes\n")
        assert self.compare(machine).returncode == 0
        assert "nothing differs" in self.report(machine).stdout
        assert not any("issue create" in one for one in machine.asked)

    def test_only_previews_are_asked_for(self, machine: Machine) -> None:
        machine.stand_in("pulumi")
        self.compare(machine)
        assert [one.split(" --", 1)[0] for one in machine.asked] == ["pulumi refresh", "pulumi preview"]
        assert all("--expect-no-changes" in one for one in machine.asked)
        assert "--preview-only" in machine.asked[0]

    def test_what_the_role_may_not_see_is_left_out(self, machine: Machine) -> None:
        machine.stand_in("pulumi")
        self.compare(machine)
        assert "--exclude **kubernetes:**" in machine.asked[0]
        assert "--exclude **aws:ssm/parameter:Parameter**" in machine.asked[0]

    def test_a_difference_opens_an_issue_with_what_pulumi_said(self, machine: Machine) -> None:
        machine.stand_in("pulumi", "refresh*", f"~ ingress changed\n{self.expected}", status=255)
        machine.stand_in("pulumi", "preview*", "ok\n")
        assert self.compare(machine).returncode == 0
        assert self.report(machine).returncode == 0
        assert any(one.startswith("gh issue create --title Drift: prod --label drift") for one in machine.asked)
        assert "~ ingress changed" in machine.body

    def test_an_error_is_no_difference_and_still_told(self, machine: Machine) -> None:
        machine.stand_in("pulumi", out="error: AccessDenied\n", status=255)
        assert self.compare(machine).returncode == 1
        self.report(machine)
        assert any("issue create" in one for one in machine.asked)
        assert "AccessDenied" in machine.body

    def test_the_issue_that_is_open_is_changed(self, machine: Machine) -> None:
        machine.stand_in("pulumi", out=self.expected, status=255)
        self.compare(machine)
        self.report(machine, json.dumps([{"number": 3, "title": "Drift: dev"}, {"number": 4, "title": "Drift: prod"}]))
        assert any(one.startswith("gh issue edit 4 ") for one in machine.asked)
        assert not any("create" in one for one in machine.asked)

    def test_the_issue_is_closed_when_all_agrees_again(self, machine: Machine) -> None:
        machine.stand_in("pulumi")
        self.compare(machine)
        self.report(machine, json.dumps([{"number": 4, "title": "Drift: prod"}]))
        assert any(one.startswith("gh issue close 4 ") for one in machine.asked)


class TestSignatures:
    """verify_images.sh; what cosign says of which image: tests/policy/test_signatures.py."""

    FILE = 'config:\n  aws:region: ap-northeast-2\n  x:\n    account: "111111111111"\n    state_bucket: bucket-of-the-state\n'

    @pytest.fixture
    def stack(self, tmp_path: Path) -> Machine:
        found = Machine(folder=tmp_path)
        (tmp_path / "Pulumi.prod.yaml").write_text(self.FILE)
        found.stand_in("aws", "ecr get-login-password --region ap-northeast-2", "the-password\n")
        (tmp_path / ".venv/bin").mkdir(parents=True)
        return found

    def verify(self, stack: Machine, status: int = 0) -> subprocess.CompletedProcess[str]:
        python = stack.folder / ".venv/bin/python"
        python.write_text(f'#!/usr/bin/env bash\necho "$*" >seen\ncp "$DOCKER_CONFIG/config.json" .\nexit {status}\n')
        python.chmod(0o755)
        return stack.run("verify_images.sh", "prod")

    def test_the_registry_is_told_who_asks_and_nothing_stays(self, stack: Machine) -> None:
        done = self.verify(stack)
        assert (done.returncode, done.stderr) == (0, "")
        assert (stack.folder / "seen").read_text() == "-m tools.signatures prod\n"
        (asked,) = json.loads((stack.folder / "config.json").read_text())["auths"].items()
        assert asked[0] == "111111111111.dkr.ecr.ap-northeast-2.amazonaws.com"
        assert base64.b64decode(asked[1]["auth"]).decode() == "AWS:the-password"
        assert "the-password" not in done.stdout + done.stderr
        assert [*stack.folder.glob("tmp*/config.json")] == []

    def test_an_image_that_is_not_signed_ends_the_deployment(self, stack: Machine) -> None:
        assert self.verify(stack, status=1).returncode == 1

    def test_without_a_password_nothing_is_verified(self, stack: Machine) -> None:
        stack.stand_in("aws", "*", status=255)
        (stack.folder / "answers/aws.01/status").write_text("255")
        assert self.verify(stack).returncode != 0
        assert not (stack.folder / "seen").exists()

    def test_a_stack_that_is_none_is_an_error(self, stack: Machine) -> None:
        assert stack.run("verify_images.sh", "staging").returncode == 1


class TestImages:
    """build_image.sh and push_image.sh."""

    digest = f"sha256:{'a' * 64}"

    def built(self, machine: Machine) -> Path:
        folder = machine.folder / "image"
        folder.mkdir()
        (folder / "digest").write_text(f"{self.digest}\n")
        (folder / "pushed").write_text(self.digest)
        machine.environment.update(
            SERVICE="ext-authz",
            REGISTRY="1.dkr.ecr.x",
            REPOSITORY="eco2-dev-ext-authz",
            STACK="dev",
            GITHUB_SHA=SHA,
            GITHUB_STEP_SUMMARY=str(machine.folder / "summary"),
        )
        return folder

    def test_an_image_is_pushed_under_its_commits_name(self, machine: Machine) -> None:
        folder = self.built(machine)
        machine.stand_in("aws", "ecr describe-images*", '{"imageDetails": []}')
        machine.stand_in("aws", "ecr get-login-password", "password")
        machine.stand_in("skopeo")
        done = machine.run("push_image.sh", folder)
        assert done.returncode == 0, done.stderr
        copied = next(one for one in machine.asked if one.startswith("skopeo copy"))
        assert copied.endswith("docker://1.dkr.ecr.x/eco2-dev-ext-authz:sha-0123456789ab")
        assert {"--all", "--preserve-digests"} <= set(copied.split())
        summary = (machine.folder / "summary").read_text()
        assert f"tools.release Pulumi.dev.yaml ext-authz sha-0123456789ab@{self.digest}\n" in summary
        assert not any("password" in one and "stdin" not in one and "get-login" not in one for one in machine.asked)

    def test_an_image_that_is_there_is_left_alone(self, machine: Machine) -> None:
        folder = self.built(machine)
        there = {"imageDetails": [{"imageTags": ["sha-0123456789ab"], "imageDigest": self.digest}]}
        machine.stand_in("aws", "ecr describe-images*", json.dumps(there))
        machine.stand_in("skopeo")
        assert "has sha-0123456789ab already" in machine.run("push_image.sh", folder).stdout
        assert not any(one.startswith("skopeo") for one in machine.asked)

    def test_a_tag_that_is_another_image_is_refused(self, machine: Machine) -> None:
        folder = self.built(machine)
        there = {"imageDetails": [{"imageTags": ["sha-0123456789ab"], "imageDigest": f"sha256:{'c' * 64}"}]}
        machine.stand_in("aws", "ecr describe-images*", json.dumps(there))
        machine.stand_in("skopeo")
        done = machine.run("push_image.sh", folder)
        assert (done.returncode, "it is another image" in done.stderr) == (1, True)
        assert not any(one.startswith("skopeo") for one in machine.asked)
        assert not (machine.folder / "summary").exists()

    def test_another_image_than_was_built_is_an_error(self, machine: Machine) -> None:
        folder = self.built(machine)
        (folder / "pushed").write_text(f"sha256:{'b' * 64}")
        machine.stand_in("aws", "ecr describe-images*", '{"imageDetails": []}')
        machine.stand_in("aws")
        machine.stand_in("skopeo")
        done = machine.run("push_image.sh", folder)
        assert (done.returncode, "another image" in done.stderr) == (1, True)

    def build(
        self,
        machine: Machine,
        *,
        says: str = "JWT_SECRET_FILE: required",
        status: int = 2,
        user: str = "65532:65532",
        digest: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        source = machine.folder / "services/ext-authz"
        source.mkdir(parents=True)
        (source / "Containerfile").write_text(
            "ARG BUILDER=docker.io/library/golang:1\nARG RUNTIME=gcr.io/distroless/static:nonroot\n"
        )
        machine.stand_in(
            "docker", "buildx imagetools*", json.dumps({"digest": self.digest if digest is None else digest})
        )
        machine.stand_in("docker", "run*", says, status)
        machine.stand_in("docker", "image inspect*", user)
        machine.stand_in("docker", "*")
        machine.stand_in("skopeo", "inspect*", "{}")
        machine.stand_in("skopeo", "*")
        return machine.run("build_image.sh", machine.folder / "image", SERVICE="ext-authz")

    def test_base_images_are_taken_by_digest_and_the_image_says_where_it_is_from(self, machine: Machine) -> None:
        done = self.build(machine)
        assert done.returncode == 0, done.stderr
        command = next(one for one in machine.asked if one.startswith("docker buildx build"))
        assert f"--build-arg BUILDER=docker.io/library/golang:1@{self.digest}" in command
        assert f"--build-arg RUNTIME=gcr.io/distroless/static:nonroot@{self.digest}" in command
        assert "--provenance mode=max" in command
        assert "--attest type=sbom,generator=" in command
        assert (machine.folder / "image/digest").read_text().startswith("sha256:")

    def test_a_base_without_a_digest_is_an_error(self, machine: Machine) -> None:
        done = self.build(machine, digest="none")
        assert (done.returncode, "has no digest" in done.stderr) == (1, True)

    @pytest.mark.parametrize(
        "bad", [{"status": 0}, {"says": "exec format error"}, {"user": ""}, {"user": "root"}, {"user": "0:0"}], ids=str
    )
    def test_an_image_that_does_not_start_or_runs_as_root_is_an_error(
        self, machine: Machine, bad: dict[str, str | int]
    ) -> None:
        assert self.build(machine, **bad).returncode == 1  # type: ignore[arg-type]
