#!/bin/bash
# Started by wealist-monitoring.service at every boot: the password lives on tmpfs only, so it is fetched anew.
set -euo pipefail

ROOT=${ROOT:-}
DIR=$ROOT/opt/wealist/monitoring
SECRET=$ROOT/run/wealist/grafana_admin_password
# shellcheck source=/dev/null
. "$DIR/.env"

fetch_password() {
  local name=$PARAMETER_PREFIX/monitoring/grafana_admin_password temp
  install -d -m 0711 "$(dirname "$SECRET")"
  temp=$(mktemp "$SECRET.XXXXXX")
  if ! aws ssm get-parameter --region "$REGION" --name "$name" --with-decryption \
    --query Parameter.Value --output text >"$temp"; then
    rm -f "$temp"
    echo "cannot read the SSM parameter $name" >&2
    return 1
  fi
  chmod 0400 "$temp"
  chown 472:0 "$temp" # Grafana's user inside its image
  mv -f "$temp" "$SECRET"
}

fetch_password
# Recreated because a container keeps the old inode of a replaced file.
docker compose --project-directory "$DIR" up --detach --force-recreate --remove-orphans
