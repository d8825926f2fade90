#!/bin/bash
# Creates both services' databases and roles (wealist.md §5). Run by SSM on the machine for it; safe to repeat.
# Settings come first when rendered: REGION PARAMETER_PREFIX; `init_sql` and `rds_ca` are embedded.
set -euo pipefail

ROOT=${ROOT:-} # file system root; only tests set it
POSTGRES_IMAGE=public.ecr.aws/docker/library/postgres:17.6-alpine
CA=$ROOT/run/wealist/rds-ca.pem
DOCKER_WAIT_ATTEMPTS=${DOCKER_WAIT_ATTEMPTS:-60}

die() {
  echo "database init: $*" >&2
  exit 1
}

# The association also runs while the machine's user data is still installing both.
wait_for_tools() {
  local attempt
  for ((attempt = 1; attempt <= DOCKER_WAIT_ATTEMPTS; attempt++)); do
    docker info >/dev/null 2>&1 && jq --version >/dev/null 2>&1 && return 0
    sleep 10
  done
  die "Docker or jq is not ready after $((DOCKER_WAIT_ATTEMPTS * 10)) seconds; see /var/log/wealist-user-data.log"
}

parameter() { # NAME: print its value
  local name=$PARAMETER_PREFIX/$1 value
  value=$(aws ssm get-parameter --region "$REGION" --name "$name" --with-decryption \
    --query Parameter.Value --output text) || die "cannot read the SSM parameter $name"
  [ -n "$value" ] || die "the SSM parameter $name is empty"
  printf '%s' "$value"
}

read_master() { # the user and the password that RDS keeps, and changes every seven days
  local id secret
  id=$(parameter db/master_arn)
  secret=$(aws secretsmanager get-secret-value --region "$REGION" --secret-id "$id" \
    --query SecretString --output text) || die "cannot read the master's password, the secret $id"
  if ! PGUSER=$(printf '%s' "$secret" | jq -er .username) || ! PGPASSWORD=$(printf '%s' "$secret" | jq -er .password); then
    die "the secret $id has no username and password"
  fi
}

write_ca() {
  install -d -m 0711 "$(dirname "$CA")"
  rds_ca >"$CA"
  chmod 0644 "$CA"
}

init_database() { # KEY: user or board
  APP_DB_NAME=$(parameter "db/$1_db_name")
  APP_DB_USER=$(parameter "db/$1_db_user")
  APP_DB_PASSWORD=$(parameter "db/$1_db_password")
  export APP_DB_NAME APP_DB_USER APP_DB_PASSWORD
  # Variables are named, not valued: their values must not show in the process list.
  init_sql | docker run --rm --interactive --network host --read-only --cap-drop ALL \
    --security-opt no-new-privileges:true --user 65534:65534 --memory 128m \
    --env PGHOST --env PGPORT --env PGUSER --env PGPASSWORD --env PGDATABASE --env PGCONNECT_TIMEOUT \
    --env PGSSLMODE --env PGSSLROOTCERT --env PGREQUIREAUTH --volume "$CA:/rds-ca.pem:ro" \
    --env APP_DB_NAME --env APP_DB_USER --env APP_DB_PASSWORD \
    "$POSTGRES_IMAGE" psql --no-psqlrc --quiet || die "could not set up the database $APP_DB_NAME"
  echo "database init: $APP_DB_NAME is ready, owned by $APP_DB_USER"
}

wait_for_tools
write_ca
read_master
PGHOST=$(parameter db/endpoint)
PGPORT=$(parameter db/port)
PGDATABASE=postgres PGCONNECT_TIMEOUT=10
# The password is for RDS's own server of that name, and is proved to it, not shown.
PGSSLMODE=verify-full PGSSLROOTCERT=/rds-ca.pem PGREQUIREAUTH=scram-sha-256
export PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGCONNECT_TIMEOUT PGSSLMODE PGSSLROOTCERT PGREQUIREAUTH
init_database user
init_database board
