"""A picture of the page as a file of its own, such as a document can show."""

from __future__ import annotations

import re

from rehearsal.html.style import picture_style

_GROUND = '<rect class="ground" width="100%" height="100%"/>'


def picture_of(page: str, figure: str) -> str:
    """The SVG of a figure of the page, with its style inside; LookupError where there is none."""
    found = re.search(rf'<figure class="graph" id="{re.escape(figure)}">.*?(<svg .*?</svg>)', page, re.DOTALL)
    if found is None:
        raise LookupError(f"the page has no picture {figure}")
    opened, body = found[1].split(">", 1)
    named = opened.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return f"{named}>\n<style>{picture_style()}</style>\n{_GROUND}{body}\n"
