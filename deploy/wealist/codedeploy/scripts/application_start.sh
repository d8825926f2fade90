#!/bin/bash
# ApplicationStart (wealist.md §7): log in to ECR, pull this release's image, replace what serves the port.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

compose() { docker compose --project-directory "$APP_DIR" --env-file "$APP_DIR/release.env" "$@"; }

ecr_login
compose pull || die "cannot pull $REGISTRY/$NAME_PREFIX-$SERVICE:$IMAGE_TAG"
# Only now: a failed pull leaves the temporary server where it is.
docker rm --force "placeholder-$SERVICE" >/dev/null 2>&1 || true
compose up --detach --force-recreate --remove-orphans || die "cannot start the containers"
say "started"
