"""The style sheets of the page, and of a picture that stands alone: one set of colours, one way to draw."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def page_style() -> str:
    """Of the page, whose theme its script says."""
    # What is for paper comes last, so that it holds whatever the theme.
    return "".join(_sheet(name) for name in ("light", "dark", "svg", "page"))


def picture_style() -> str:
    """Of an SVG as a file, which follows the theme of who looks at it."""
    light, dark = (_sheet(name).partition(" ")[2] for name in ("light", "dark"))
    return f":root {light}@media (prefers-color-scheme: dark) {{ :root {dark}}}\n{_sheet('svg')}"


def _sheet(name: str) -> str:
    return (_FOLDER / f"{name}.css").read_text(encoding="utf-8")
