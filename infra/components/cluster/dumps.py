"""The containers of a nightly dump: each server's dump into a folder of the pod, then the folder into a bucket.

Scripts: deploy/data/postgres. The pod has the volumes `scripts`, `secrets`, `dumps` and `tmp`, and `authority` for TLS.
"""

from __future__ import annotations

from infra.components.cluster.data_server import SCRIPTS, TLS, TMP
from infra.components.cluster.pods import Container, Resources
from infra.components.cluster.postgresql import Connection
from infra.components.cluster.secrets import FOLDER

DUMPS = "/dumps"


def dump(name: str, image: str, connection: Connection, resources: Resources) -> Container:
    """Every database of a PostgreSQL, dumped and read back."""
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
