#!/bin/sh
# Dumps MongoDB beside what PostgreSQL's dump.sh left in DUMPS, reads it back, and adds it to SHA256SUMS.
# Environment: SECRETS (folder), DUMPS (folder), MONGO_HOST, MONGO_PORT.
set -eu
umask 077

die() {
  echo "dump: $*" >&2
  exit 1
}

[ -s "$SECRETS/mongo-password" ] || die "the secret mongo-password is missing or empty"
# A password never becomes an argument of a program.
config=/tmp/mongodump.yaml
printf 'password: "%s"\n' "$(cat "$SECRETS/mongo-password")" >"$config"

set -- --config "$config" --host "$MONGO_HOST" --port "$MONGO_PORT" --username admin --authenticationDatabase admin --quiet
mongodump "$@" --gzip --archive="$DUMPS/mongo.archive.gz" || die "could not dump MongoDB"
mongorestore "$@" --dryRun --gzip --archive="$DUMPS/mongo.archive.gz" || die "the dump of MongoDB cannot be read back"
(cd "$DUMPS" && sha256sum mongo.archive.gz >>SHA256SUMS)
