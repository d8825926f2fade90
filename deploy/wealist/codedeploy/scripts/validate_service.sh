#!/bin/bash
# ValidateService (wealist.md §7): exit 1 rolls the deployment back.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

URL=http://localhost:$PORT$HEALTH_PATH

healthy() { curl -fsS --max-time 3 -o /dev/null "$1"; }

wait_until_healthy() {
  local waited=0
  until healthy "$URL"; do
    [ "$waited" -lt "$HEALTH_WAIT_SECONDS" ] || return 1
    sleep 2
    waited=$((waited + 2))
  done
}

# The temporary server answers the same URL, so a running container of this release is asked for first.
container_runs() {
  local image
  image=$(docker inspect --type container --format '{{if .State.Running}}{{.Config.Image}}{{end}}' "$SERVICE")
  [ "$image" = "$REGISTRY/$NAME_PREFIX-$SERVICE:$IMAGE_TAG" ]
}

wait_until_healthy || die "not healthy at $URL after $HEALTH_WAIT_SECONDS seconds; see: docker logs $SERVICE"
container_runs || die "port $PORT answers, but not from a running container of this release"
say "healthy at $URL"
# Only a warning: the neighbour is another application's release, and may not have been deployed here yet.
healthy "$NEIGHBOUR_URL" || say "warning: $NEIGHBOUR is not healthy at $NEIGHBOUR_URL" >&2
docker image prune --all --force --filter until=168h >/dev/null || say "warning: old images were not removed" >&2
