"""A nightly dump: each server's dump into a folder of the pod, then the folder into a bucket. Scripts: deploy/data/postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.components.cluster.data_server import OWNER, SCRIPTS, TLS, TMP, DataHome
from infra.components.cluster.jobs import Schedule, TaskArgs
from infra.components.cluster.metadata import Identity
from infra.components.cluster.pods import (
    ConfigFiles,
    Container,
    Pod,
    Resources,
    Scratch,
    SecretFiles,
    Volume,
)
from infra.components.cluster.postgresql import Connection
from infra.components.cluster.secrets import FOLDER
from infra.deploy_files import deploy_files

DUMPS = "/dumps"


@dataclass(frozen=True, kw_only=True)
class NightlyArgs:
    """`dumpers` in their turn, then `upload`; `room` is for what all of them write.

    `volumes` and `files` (below `deploy/`) are what dumpers have beside the folder, their Secret, which is named like the task, and
    PostgreSQL's scripts. The role of `role_arn` may write where `upload` does.
    """

    identity: Identity
    dumpers: Sequence[Container]
    upload: Container
    room: str
    home: DataHome
    schedule: Schedule
    deadline_seconds: int
    role_arn: str
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    files: Sequence[str] = ()


def nightly(args: NightlyArgs) -> TaskArgs:
    """The task: what was dumped is read back before it is sent."""
    own = args.identity.name
    return TaskArgs(
        identity=args.identity,
        pod=Pod(
            first=args.dumpers,
            containers=[args.upload],
            volumes={
                "scripts": ConfigFiles(config_map=own),
                "secrets": SecretFiles(secret=own),
                **args.volumes,
                "dumps": Scratch(size=args.room),
                "tmp": Scratch(size="64Mi"),
            },
            placement=args.home.placement,
            user=OWNER,
            sidecar=args.home.sidecar,
            restart="Never",
        ),
        files=deploy_files("data/postgres/dump.sh", "data/postgres/upload.sh", *args.files),
        deadline_seconds=args.deadline_seconds,
        retries=2,
        schedule=args.schedule,
        role_arn=args.role_arn,
    )


def dump(name: str, image: str, connection: Connection, resources: Resources) -> Container:
    """Every database of a PostgreSQL, dumped and read back; over TLS where it has an authority, from the volume of that name."""
    tls = {TLS: "authority"} if connection.authority else {}
    return Container(
        name=name,
        image=image,
        command=("sh", f"{SCRIPTS}/dump.sh"),
        env={**connection.env, "DUMPS": DUMPS},
        mounts={SCRIPTS: "scripts", FOLDER: "secrets", DUMPS: "dumps", TMP: "tmp", **tls},
        resources=resources,
    )


def uploader(image: str, region: str, bucket: str, resources: Resources) -> Container:
    """Sends what was dumped to the bucket, by the pod's IAM role."""
    return Container(
        name="upload",
        image=image,
        command=("sh", f"{SCRIPTS}/upload.sh"),
        env={
            "AWS_REGION": region,
            "AWS_STS_REGIONAL_ENDPOINTS": "regional",
            "BUCKET": bucket,
            "DUMPS": DUMPS,
            "HOME": TMP,
        },
        mounts={SCRIPTS: "scripts", DUMPS: "dumps", TMP: "tmp"},
        resources=resources,
    )
