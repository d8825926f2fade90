#!/bin/sh
# Creates each service's database and role, and gives each role its password again; safe to repeat.
# Environment: SERVICES, SECRETS and FILES (folders), PGHOST, PGPORT, PGUSER, PGDATABASE.
set -eu

WAIT_ATTEMPTS=${WAIT_ATTEMPTS:-30}

die() {
  echo "databases: $*" >&2
  exit 1
}

secret() { # NAME: print it; a password never becomes an argument of a program
  [ -s "$SECRETS/$1" ] || die "the secret $1 is missing or empty"
  cat "$SECRETS/$1"
}

wait_for_server() {
  attempt=0
  until pg_isready --quiet; do
    attempt=$((attempt + 1))
    [ "$attempt" -lt "$WAIT_ATTEMPTS" ] || die "PostgreSQL does not answer at $PGHOST:$PGPORT"
    sleep 2
  done
}

PGPASSWORD=$(secret admin-password)
export PGPASSWORD
wait_for_server
for service in $SERVICES; do
  SERVICE_NAME=$service
  SERVICE_PASSWORD=$(secret "$service-password")
  export SERVICE_NAME SERVICE_PASSWORD
  psql --no-psqlrc --quiet --file "$FILES/databases.sql" || die "could not set up the database $service"
  echo "databases: $service is ready"
done
