#!/bin/bash
# Creates both services' databases and roles (wealist.md §5). Run by SSM on a backend instance; safe to repeat.
# Settings come first when rendered: REGION PARAMETER_PREFIX; `init_sql` is embedded.
set -euo pipefail

ROOT=${ROOT:-} # file system root; only tests set it
POSTGRES_IMAGE=public.ecr.aws/docker/library/postgres:17.6-alpine
DOCKER_WAIT_ATTEMPTS=${DOCKER_WAIT_ATTEMPTS:-60}

die() {
  echo "database init: $*" >&2
  exit 1
}

# The association also runs on an instance whose user data is still installing Docker.
wait_for_docker() {
  local attempt
  for ((attempt = 1; attempt <= DOCKER_WAIT_ATTEMPTS; attempt++)); do
    docker info >/dev/null 2>&1 && return 0
    sleep 10
  done
  die "Docker is not ready after $((DOCKER_WAIT_ATTEMPTS * 10)) seconds; see /var/log/wealist-user-data.log"
}

parameter() { # NAME: print its value
  local name=$PARAMETER_PREFIX/$1 value
  value=$(aws ssm get-parameter --region "$REGION" --name "$name" --with-decryption \
    --query Parameter.Value --output text) || die "cannot read the SSM parameter $name"
  [ -n "$value" ] || die "the SSM parameter $name is empty"
  printf '%s' "$value"
}

init_database() { # KEY: user or board
  APP_DB_NAME=$(parameter "db/$1_db_name")
  APP_DB_USER=$(parameter "db/$1_db_user")
  APP_DB_PASSWORD=$(parameter "db/$1_db_password")
  export APP_DB_NAME APP_DB_USER APP_DB_PASSWORD
  # Variables are named, not valued: their values must not show in the process list.
  init_sql | docker run --rm --interactive --network host --read-only --cap-drop ALL \
    --security-opt no-new-privileges:true --user 65534:65534 --memory 128m \
    --env PGHOST --env PGPORT --env PGUSER --env PGPASSWORD --env PGDATABASE --env PGSSLMODE --env PGCONNECT_TIMEOUT \
    --env APP_DB_NAME --env APP_DB_USER --env APP_DB_PASSWORD \
    "$POSTGRES_IMAGE" psql --no-psqlrc --quiet || die "could not set up the database $APP_DB_NAME"
  echo "database init: $APP_DB_NAME is ready, owned by $APP_DB_USER"
}

wait_for_docker
PGHOST=$(parameter db/endpoint)
PGPORT=$(parameter db/port)
PGUSER=$(parameter db/master_username)
PGPASSWORD=$(parameter db/master_password)
PGDATABASE=postgres PGSSLMODE=require PGCONNECT_TIMEOUT=10
export PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSSLMODE PGCONNECT_TIMEOUT
init_database user
init_database board
