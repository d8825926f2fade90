"""Names another release of one of the project's images: `python -m tools.release Pulumi.dev.yaml ext-authz <tag>@<digest>`.

One line of the stack file changes, and its comments stay; the settings say whether what stands there then is a release.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from infra.settings.eco2 import IMAGES
from infra.settings.images import ImageRelease

ALONE = {"auth": "immersiverse"}
"""The images that are a system's only one, in the line `image` of its section."""
_RELEASE: TypeAdapter[str] = TypeAdapter(ImageRelease)


class NotReleased(Exception):
    """Why the file stays as it is."""


def released(text: str, image: str, release: str) -> str:
    """The stack file's text with that release in `images`; `NotReleased` for what is no release or has no line there."""
    if image not in (*IMAGES, *ALONE):
        raise NotReleased(f"'{image}' is no image of this project: allowed: {', '.join((*IMAGES, *ALONE))}")
    try:
        _RELEASE.validate_python(release)
    except ValidationError as error:
        raise NotReleased(f"'{release}': {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    if "@" not in release:
        raise NotReleased(f"'{release}' has no digest: allowed: <tag>@sha256:<64 hexadecimal digits>")
    key, sections = (image, r"^( +)images:\n(?:\1 +.*\n)+")
    if image in ALONE:
        key, sections = "image", rf"^( +)edge-platform:{ALONE[image]}:\n(?:\1 +.*\n)+"
    for section in re.finditer(sections, text, re.MULTILINE):
        if line := re.search(rf"^( +{re.escape(key)}: ).*$", section[0], re.MULTILINE):
            start, end = (section.start() + place for place in line.span())
            return f"{text[:start]}{line[1]}{release}{text[end:]}"
    below = f"edge-platform:{ALONE[image]}" if image in ALONE else "images"
    raise NotReleased(f"the file has no line for {key} below `{below}`")


def main(arguments: list[str]) -> int:
    """Status 1 when the file stays as it is, and why."""
    if len(arguments) != 3:
        print("python -m tools.release Pulumi.<stack>.yaml <image> <tag>@<digest>", file=sys.stderr)
        return 2
    file = Path(arguments[0])
    try:
        file.write_text(released(file.read_text(), arguments[1], arguments[2]))
    except (NotReleased, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
