"""Files that are never half written."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str, mode: int = 0o666) -> None:
    """The file has all of the text, or is as it was before; `mode` is what the umask takes its part from."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    draft.touch(mode=mode)
    draft.write_text(text)
    os.replace(draft, path)
