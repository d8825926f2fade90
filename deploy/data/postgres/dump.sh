#!/bin/sh
# Dumps each service's database and the roles (without their passwords) into DUMPS, and reads every dump back before it counts.
# Environment: SERVICES, SECRETS (folder), DUMPS (folder), PGHOST, PGPORT, PGUSER, PGDATABASE.
set -eu

die() {
  echo "dump: $*" >&2
  exit 1
}

[ -s "$SECRETS/admin-password" ] || die "the secret admin-password is missing or empty"
PGPASSWORD=$(cat "$SECRETS/admin-password")
export PGPASSWORD
# A retry begins with an empty folder.
rm -f "$DUMPS"/*

pg_dumpall --globals-only --no-role-passwords --file "$DUMPS/roles.sql" || die "could not dump the roles"
[ -s "$DUMPS/roles.sql" ] || die "the dump of the roles is empty"
for service in $SERVICES; do
  pg_dump --format custom --compress 6 --file "$DUMPS/$service.dump" --dbname "$service" || die "could not dump $service"
  pg_restore --list "$DUMPS/$service.dump" >/dev/null || die "the dump of $service cannot be read back"
  echo "dump: $service, $(wc -c <"$DUMPS/$service.dump") bytes"
done
(cd "$DUMPS" && sha256sum ./*.dump roles.sql >SHA256SUMS)
