"""What runs to its end: at each sync, or by the clock. Istio's proxy is a native sidecar, so it ends with the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.accounts import service_account
from infra.components.cluster.config_files import config_files
from infra.components.cluster.metadata import Identity
from infra.components.cluster.objects import KubernetesObject
from infra.components.cluster.pods import Pod, pod_template
from infra.components.component import PlatformComponent


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A cron line in a time zone of the IANA database."""

    cron: str
    time_zone: str


@dataclass(frozen=True, kw_only=True)
class TaskArgs:
    """`files` become a ConfigMap named like the task; `deadline_seconds` is how long a run may take, retries included.

    Without a `schedule` the task runs whenever Argo CD syncs, so it must be safe to repeat.
    """

    identity: Identity
    pod: Pod
    files: Mapping[str, str]
    deadline_seconds: int
    retries: int = 3
    schedule: Schedule | None = None
    role_arn: str | None = None


class Task(PlatformComponent):
    """Resources: a ServiceAccount, a ConfigMap; a CronJob where there is a schedule, otherwise a Job."""

    pulumi_type: ClassVar[str] = "platform:cluster:Task"

    def __init__(self, name: str, args: TaskArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        identity = args.identity
        service_account(name, identity, self.child, args.role_arn)
        config_files(name, identity, args.files, self.child)
        if args.schedule:
            KubernetesObject(
                f"{name}-cronjob",
                "batch/v1/CronJob",
                metadata=identity.metadata(),
                body=cron_body(args, args.schedule),
                opts=self.child,
            )
        else:
            # A Job cannot be changed: Argo CD takes the last one away before it makes the next.
            hook = {
                "argocd.argoproj.io/hook": "Sync",
                "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
            }
            KubernetesObject(
                f"{name}-job",
                "batch/v1/Job",
                metadata=identity.metadata(hook),
                body={"spec": job_spec(args)},
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
        self.register_outputs({})


def job_spec(args: TaskArgs) -> dict[str, Any]:
    """The spec of a Job, or of a CronJob's template."""
    return {
        "backoffLimit": args.retries,
        "activeDeadlineSeconds": args.deadline_seconds,
        "template": pod_template(args.pod, account=args.identity.name, labels=args.identity.labels),
    }


def cron_body(args: TaskArgs, schedule: Schedule) -> dict[str, Any]:
    """The CronJob, without its metadata. Two runs never overlap; one that was missed for an hour is left out."""
    return {
        "spec": {
            "schedule": schedule.cron,
            "timeZone": schedule.time_zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "metadata": {"labels": args.identity.labels},
                "spec": job_spec(args),
            },
        }
    }
