"""Run by the Python that has pixelmatch: how many pixels of pictures differ, as JSON.

`python compare_pictures.py ONE OTHER [ONE OTHER …]`. Pixels that only smooth an edge do not count; of another size all differ.
"""

import json
import sys

from PIL import Image
from pixelmatch.contrib.PIL import pixelmatch

THRESHOLD = 0.02
"""Of pixelmatch, from 0 to 1: white from the pale ground of a subnet is more than this."""


def differing(one: str, other: str) -> int:
    first, second = (Image.open(path).convert("RGBA") for path in (one, other))
    if first.size != second.size:
        return int(max(first.width * first.height, second.width * second.height))
    count: int = pixelmatch(first, second, threshold=THRESHOLD, includeAA=False)
    return count


if __name__ == "__main__":
    paths = sys.argv[1:]
    json.dump([differing(*pair) for pair in zip(paths[::2], paths[1::2], strict=True)], sys.stdout)
