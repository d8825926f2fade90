#!/bin/bash
# ApplicationStop (wealist.md §7): stop this service's containers; nothing running is fine.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# By project name, without its files: the env file is gone after a reboot and `down` must still work.
cd "$ROOT/" || exit 1
docker compose --project-name "wealist-$SERVICE" down --remove-orphans --timeout 30
say "stopped"
