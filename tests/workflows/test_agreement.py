"""What the workflows name is there: the stacks, the Makefile's targets, the scripts. Their roles: systems/test_delivery.py."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from rehearsal.recording import Recording
from rehearsal.stack_file import stacks
from rehearsal.values import reveal
from tests.stacks import ROOT, changed_stack, stack_file
from tests.workflows.files import EVERYTHING, SCRIPTS, SHELL_SCRIPTS, WORKFLOWS, named
from tools.delivery_judges import JUDGES
from tools.go_tools import CONFTEST, KUBECONFORM, KYVERNO, OPA

STACKS = ["dev", "prod"]
KEYS = ("PUBLISHER_PRIVATE_KEY", "PUBLISHER_SIGNING_KEY")


def test_jobs_without_an_environment_assume_roles_on_main_alone() -> None:
    for name in ("deploy.yml", "drift.yml"):
        workflow = named(name)
        on_main = workflow.triggers.get("push") == {"branches": ["main"]}
        for job in workflow.jobs.values():
            if any("actions/pulumi" in str(step) for step in job.get("steps", [])) and "environment" not in job:
                assert on_main or "github.ref == 'refs/heads/main'" in job["if"], name


def test_every_stack_is_previewed_deployed_and_watched() -> None:
    assert stacks(ROOT) == STACKS
    assert [job["with"]["stack"] for job in named("deploy.yml").jobs.values() if "with" in job] == STACKS
    for name in ("engine-preview.yml", "drift.yml", "images.yml"):
        for job in named(name).jobs.values():
            if "stack" in job.get("strategy", {}).get("matrix", {}):
                assert job["strategy"]["matrix"]["stack"] == STACKS, name


def test_prod_comes_after_dev_and_after_its_plan() -> None:
    jobs = named("deploy.yml").jobs
    assert (jobs["plan"]["needs"], jobs["prod"]["needs"]) == ("dev", "plan")


def test_the_deploying_job_is_in_the_environment_of_its_stack_and_cannot_write_to_the_repository() -> None:
    guarded, deploy, judged, publish = named("deploy-stack.yml").jobs.values()
    assert deploy["environment"] == publish["environment"] == "${{ inputs.stack }}"
    assert (deploy["needs"], judged["needs"], publish["needs"]) == ("guarded", "deploy", ["deploy", "judged"])
    assert judged["permissions"] == {"contents": "read"}
    assert "environment" not in judged
    assert deploy["permissions"] == {"contents": "read", "id-token": "write"}
    assert publish["permissions"] == {"contents": "read"}
    assert "aws" not in json.dumps(publish).lower()
    assert guarded["permissions"] == {"actions": "read", "contents": "read"}


def test_who_does_not_deploy_has_a_copy_of_the_state_without_its_secrets() -> None:
    """No other job logs in to the state itself, and none makes a copy that it then leaves alone."""
    (action,) = [one for one in EVERYTHING if one.is_action]
    when = {
        name: step["if"]
        for _, step in action.steps()
        for name in ("pulumi login", "stand_in.sh")
        if name in step.get("run", "")
    }
    assert when == {
        "pulumi login": "${{ inputs.role == 'deploy' }}",
        "stand_in.sh": "${{ inputs.role != 'deploy' }}",
    }
    others = [script for one in EVERYTHING if not one.is_action for script in one.runs() if "pulumi login" in script]
    assert others == []


def test_what_is_published_goes_to_the_branch_that_the_stacks_own_cluster_follows(
    prod: Recording, dev: Recording
) -> None:
    branch = named("deploy-stack.yml").jobs["publish"]["env"]["BRANCH"]
    for stack, recording in (("prod", prod), ("dev", dev)):
        applications = [reveal(one.inputs) for one in recording if one.type.startswith("kubernetes:") and one.custom]
        sources = [one["spec"]["source"] for one in applications if one["kind"] == "Application"]
        followed = {one["targetRevision"] for one in sources if "path" in one}
        assert {branch.replace("${{ inputs.stack }}", stack)} == followed


def test_no_job_may_write_contents_by_the_repositorys_own_token() -> None:
    jobs = {f"{one.path.name}:{name}": job for one in WORKFLOWS for name, job in one.jobs.items()}
    assert [name for name, job in jobs.items() if job["permissions"].get("contents") == "write"] == []


def test_the_keys_of_publishing_are_in_the_environment_of_the_stack_alone() -> None:
    users = {
        f"{workflow.path.name}:{name}"
        for workflow in WORKFLOWS
        for name, job in workflow.jobs.items()
        if "secrets." in json.dumps(job)
    }
    # A caller has none: GitHub takes the environment's, but only for a name that the caller passes.
    assert users == {"deploy-stack.yml:publish", "deploy.yml:dev", "deploy.yml:prod"}
    for stack in STACKS:
        assert named("deploy.yml").jobs[stack]["secrets"] == {name: f"${{{{ secrets.{name} }}}}" for name in KEYS}
    assert set(named("deploy-stack.yml").triggers["workflow_call"]["secrets"]) == set(KEYS)


def test_what_an_environment_lets_through_is_guarded_first() -> None:
    """Each environment that a role trusts for a change is asked about, and prod's must ask somebody else than the author."""
    assert {name: job["with"]["reviewed"] for name, job in named("deploy.yml").jobs.items() if "with" in job} == {
        "dev": "false", "prod": "true",
    }  # fmt: skip
    jobs = named("images.yml").jobs
    assert jobs["push"]["needs"] == "guarded"
    assert jobs["guarded"]["steps"][-1]["env"]["ENVIRONMENT"] == jobs["push"]["environment"]
    assert jobs["guarded"]["strategy"]["matrix"]["include"] == [
        {"stack": "dev", "reviewed": "unreviewed"}, {"stack": "prod", "reviewed": "reviewed"},
    ]  # fmt: skip


def test_no_workflow_knows_an_account_or_a_region() -> None:
    """Each stack's file names its own: a variable of the repository would be one account for all of them."""
    text = "".join(workflow.path.read_text() for workflow in EVERYTHING)
    assert set(re.findall(r"vars\.(\w+)", text)) == {"DELIVERY", "PUBLISHER_APP_ID"}
    assert set(re.findall(r"[a-z]{2}-[a-z]+-\d\b|\b\d{12}\b", text)) == set()


@pytest.mark.parametrize("stack", STACKS)
def test_a_jobs_role_is_in_the_account_that_the_stacks_file_names(stack: str) -> None:
    config = stack_file(stack).config
    bucket = json.loads(config["edge-platform:delivery"])["state_bucket"]
    assert whose(ROOT, stack) == {
        "account": json.loads(config["edge-platform:platform"])["account"],
        "region": config["aws:region"],
        "state": f"s3://{bucket}?region={config['aws:region']}",
    }


def test_stacks_in_accounts_of_their_own_have_roles_of_their_own(tmp_path: Path) -> None:
    for stack, account in zip(STACKS, ("111111111111", "222222222222"), strict=True):
        changed_stack(tmp_path, stack, {"platform.account": account})
    assert [whose(tmp_path, stack)["account"] for stack in STACKS] == ["111111111111", "222222222222"]


@pytest.mark.parametrize("stack", ["../x", "Pulumi", "staging", "-x"])
def test_a_stack_that_is_none_has_no_account(stack: str) -> None:
    done = subprocess.run([SCRIPTS / "stack.sh", stack], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def whose(folder: Path, stack: str) -> dict[str, str]:
    done = subprocess.run([SCRIPTS / "stack.sh", stack], cwd=folder, capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_an_account_has_one_stack_that_makes_its_provider_for_github() -> None:
    """AWS takes one of an issuer: stacks in one account share it, and it stands in the file of one of them."""
    makers: dict[str, list[bool]] = {}
    for stack in STACKS:
        config = stack_file(stack).config
        github = json.loads(config["edge-platform:wealist"])["github"]
        account = json.loads(config["edge-platform:platform"])["account"]
        makers.setdefault(account, []).append(github.get("create_provider", True))
    assert {account: sum(made) for account, made in makers.items()} == dict.fromkeys(makers, 1)


def test_workflows_call_only_targets_that_the_makefile_has() -> None:
    targets = set(re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {target for one in EVERYTHING for run in one.runs() for target in re.findall(r"\bmake ([\w./-]+)", run)}
    assert {"lint", "test", "verify", "preview", ".venv/.packages"} <= called
    assert called - targets == set()


def test_scripts_that_workflows_call_are_there_and_all_of_them_are_called() -> None:
    called = {name for one in EVERYTHING for run in one.runs() for name in re.findall(r"\.github/scripts/(\S+)", run)}
    called |= {name for path in SHELL_SCRIPTS for name in re.findall(r'"\$here/(\S+)"', path.read_text())}
    there = [path for path in SCRIPTS.iterdir() if path.is_file()]
    assert called == {path.name for path in there}
    assert all(os.access(path, os.X_OK) for path in there)


def test_modules_that_workflows_run_are_there() -> None:
    runs = [run for one in EVERYTHING for run in one.runs()]
    modules = {name for run in runs for name in re.findall(r"python3? -m ([\w.]+)", run)}
    assert modules == {"rehearsal.rendered", "tools.delivery_judges", "tools.go_tools"}
    assert all((ROOT / Path(*name.split("."))).with_suffix(".py").exists() for name in modules)


def test_every_judge_of_the_delivery_is_a_step_and_its_programs_are_built_before() -> None:
    steps = [step.get("run", "") for step in named("deploy-stack.yml").jobs["judged"]["steps"]]
    asked = [re.findall(r"tools\.delivery_judges ([\w-]+) \"\$RUNNER_TEMP/manifests\"", run) for run in steps]
    assert [name for names in asked for name in names] == [*JUDGES]
    (built,) = [run for run in steps if "tools.go_tools" in run]
    assert all(tool.name in built for tool in (KUBECONFORM, CONFTEST, OPA, KYVERNO))
    assert steps.index(built) < min(number for number, names in enumerate(asked) if names)


def test_images_are_verified_before_a_stack_is_changed_and_what_verifies_is_built_without_a_role() -> None:
    steps = named("deploy-stack.yml").jobs["deploy"]["steps"]
    place = {
        what: next(number for number, step in enumerate(steps) if what in str(step.get("run") or step.get("uses")))
        for what in ("tools.go_tools cosign", "actions/pulumi", "verify_images.sh", "pulumi up")
    }
    assert list(place) == sorted(place, key=lambda what: place[what])
    assert not any("cache" in step.get("uses", "").partition("@")[0] for step in steps)


def test_the_cli_has_the_version_of_the_sdk() -> None:
    (version,) = re.findall(r"^pulumi==(\S+) \\$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    steps = [
        step for one in EVERYTHING for _, step in one.steps() if step.get("uses", "").startswith("pulumi/actions@")
    ]
    assert [step["with"] for step in steps] == [{"pulumi-version": version}]


def test_the_verifying_job_has_the_packages_of_ci() -> None:
    wanted = set(re.findall(r"packages\+=\(([^)]*)\)", (ROOT / ".ci/run").read_text()))
    wanted = {package for line in wanted for package in line.split()}
    (install,) = [run for run in named("checks.yml").runs() if "apt-get install" in run]
    installed = set(install.split("--no-install-recommends")[1].split())
    # GitHub's machines have these.
    assert wanted - installed == {"jq", "unzip"}
    assert installed <= wanted


def test_the_comment_takes_its_number_from_github_and_its_code_from_main() -> None:
    workflow = named("comment.yml")
    assert workflow.triggers["workflow_run"]["workflows"] == [named("preview.yml").content["name"]]
    (job,) = workflow.jobs.values()
    assert job["permissions"] == {"actions": "read", "contents": "read", "pull-requests": "write"}
    checkout, _ = job["steps"]
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
