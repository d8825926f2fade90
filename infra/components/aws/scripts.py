"""Turns the files of `deploy/` into what AWS takes: user data and SSM command documents.

Pure text functions. Settings are static strings known at preview time; a secret never belongs in them.
"""

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

USER_DATA_LIMIT = 16 * 1024
"""Bytes of plain user data that EC2 accepts."""

_SETTING = re.compile(r"[A-Z][A-Z0-9_]*")
_FUNCTION = re.compile(r"[a-z_][a-z0-9_]*")
_SHEBANG = "#!/bin/bash\n"


def render_script(parts: Sequence[Path | str], settings: Mapping[str, str]) -> str:
    """Join bash files (paths) and snippets (text) under one shebang, after one readonly line per setting.

    Raises ValueError naming a setting that is not a plain upper-case shell name.
    """
    lines = []
    for name, value in settings.items():
        if not _SETTING.fullmatch(name):
            raise ValueError(f"setting {name!r} must be upper-case letters, digits and underscores, like API_HOST")
        if "\0" in value:
            raise ValueError(f"setting {name} contains a NUL character, which a shell cannot hold")
        lines.append(f"readonly {name}={_quote(value)}\n")
    return _SHEBANG + "".join(lines) + "".join(_body(part) for part in parts)


def render_user_data(parts: Sequence[Path | str], settings: Mapping[str, str]) -> str:
    """The rendered script in base64, for a launch template.

    Raises ValueError where the plain script is larger than EC2's limit.
    """
    script = render_script(parts, settings).encode()
    if len(script) > USER_DATA_LIMIT:
        raise ValueError(
            f"user data is {len(script)} bytes, EC2 takes {USER_DATA_LIMIT}: shorten it, "
            "or put files on S3 and let the script fetch them"
        )
    return base64.b64encode(script).decode()


def render_command_document(script: str, description: str, timeout_seconds: int) -> str:
    """JSON of an SSM Command document that runs the script with its own shebang.

    Raises ValueError for `{{` in the script: SSM would take it for a document parameter.
    """
    if "{{" in script:
        raise ValueError("the script contains '{{', which SSM replaces as a document parameter")
    step = {
        "action": "aws:runShellScript",
        "name": "run",
        "inputs": {"timeoutSeconds": str(timeout_seconds), "runCommand": script.rstrip("\n").split("\n")},
    }
    return json.dumps({"schemaVersion": "2.2", "description": description, "mainSteps": [step]}, indent=2)


def embed(name: str, text: str) -> str:
    """Bash that defines the function `name`, which prints the text with a final newline.

    Raises ValueError for a name that is not a lower-case shell name, and for text a shell cannot hold.
    """
    if not _FUNCTION.fullmatch(name):
        raise ValueError(f"function name {name!r} must be lower-case letters, digits and underscores")
    if "\0" in text:
        raise ValueError(f"the text of {name} contains a NUL character, which a shell cannot hold")
    body = text if text.endswith("\n") else text + "\n"
    delimiter = _delimiter(body)
    return f"{name}() {{\n  cat <<'{delimiter}'\n{body}{delimiter}\n}}\n"


def embed_directory(directory: Path) -> list[str]:
    """One embedded function per file of a directory, in name order: `compose.yaml` becomes `file_compose_yaml`.

    Lines that are only a comment, or empty, stay behind: user data is small.
    """
    files = sorted(path for path in directory.iterdir() if path.is_file())
    return [
        embed("file_" + re.sub(r"[^a-z0-9]", "_", path.name.lower()), uncommented(path.read_text())) for path in files
    ]


def uncommented(text: str) -> str:
    """Without lines that are only a comment or empty; a script's first line stays."""
    first, *rest = text.splitlines(keepends=True)
    return "".join([first if first.startswith("#!") else _said(first), *map(_said, rest)])


def _said(line: str) -> str:
    return "" if line.isspace() or line.lstrip().startswith("#") else line


def _quote(value: str) -> str:
    quoted = shlex.quote(value)
    return quoted if quoted.startswith("'") else f"'{quoted}'"


def _body(part: Path | str) -> str:
    text = part.read_text() if isinstance(part, Path) else part
    if text.startswith("#!"):
        text = text.partition("\n")[2]
    return text if text.endswith("\n") else text + "\n"


def _delimiter(body: str) -> str:
    lines = set(body.split("\n"))
    salt = 0
    while True:
        delimiter = "END_" + hashlib.sha256(f"{salt}{body}".encode()).hexdigest()[:4]
        if delimiter not in lines:
            return delimiter
        salt += 1
