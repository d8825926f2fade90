"""Redis as one pod with its volume. Scripts: deploy/data/redis."""

from __future__ import annotations

from infra.components.cluster.data_server import CONFIG, DATA, OWNER, TMP, DataServerArgs
from infra.components.cluster.pods import Claimed, ConfigFiles, Container, Pod, Resources, Scratch, SecretFiles
from infra.components.cluster.secrets import FOLDER
from infra.components.cluster.stateful import StatefulServerArgs
from infra.components.cluster.workload import Port
from infra.deploy_files import deploy_files

USERS = "/run/redis"


def redis(args: DataServerArgs, *, first: Resources, scratch: str = "16Mi") -> StatefulServerArgs:
    """An append-only file on a volume, and a user a workload, each for its own keys.

    `args.files` are `redis.conf` and `users`; the Secret of its name has `<user>-password` for each user, of which the pod makes
    digests, with the resources `first`, before the server starts.
    """
    acl = Container(
        name="acl",
        image=args.image,
        command=("sh", f"{CONFIG}/acl.sh"),
        env={"SECRETS": FOLDER, "USERS": f"{CONFIG}/users", "ACL_FILE": f"{USERS}/users.acl"},
        mounts={CONFIG: "config", FOLDER: "secrets", USERS: "users"},
        resources=first,
    )
    server = Container(
        name="redis",
        image=args.image,
        command=("redis-server", f"{CONFIG}/redis.conf"),
        env={"SECRETS": FOLDER},
        ports={"redis": args.port},
        mounts={"/data": DATA, CONFIG: "config", FOLDER: "secrets", USERS: "users", TMP: "tmp"},
        resources=args.resources,
        probes=args.patience.probes(("sh", f"{CONFIG}/ping.sh")),
    )
    return StatefulServerArgs(
        identity=args.identity,
        pod=Pod(
            first=[acl],
            containers=[server],
            volumes={
                DATA: Claimed(),
                "users": Scratch(size="1Mi", memory=True),
                "tmp": Scratch(size=scratch),
                "config": ConfigFiles(config_map=args.identity.name),
                "secrets": SecretFiles(secret=args.identity.name),
            },
            placement=args.home.placement,
            user=OWNER,
            sidecar=args.home.sidecar,
            grace_seconds=args.grace_seconds,
        ),
        port=Port(name="redis", number=args.port, protocol="tcp"),
        claim=args.claim,
        files={**args.files, **deploy_files("data/redis/acl.sh", "data/redis/ping.sh")},
        protect=args.home.protect,
    )
