"""A small cloud, served as `make up SERVE=1` serves it, until its input ends; it prints the lines for a person."""

from __future__ import annotations

import sys
from pathlib import Path

from rehearsal.cloud import open_cloud
from rehearsal.serve import looking_at, serving

with open_cloud(region="ap-northeast-2", account="111122223333", manifests=Path(sys.argv[1])), serving(0) as address:
    print("\n".join(looking_at(address, "ap-northeast-2", "dev")), flush=True)
    print("---", flush=True)
    sys.stdin.read()
