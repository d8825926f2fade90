#!/bin/sh
# Writes Redis' users before it starts: one, by the password's digest, without the commands that administer the server.
# Environment: SECRETS (folder), ACL_FILE.
set -eu

[ -s "$SECRETS/redis-password" ] || {
  echo "acl: the secret redis-password is missing or empty" >&2
  exit 1
}
# $(…) drops a final newline, as clients that read the file do.
digest=$(printf %s "$(cat "$SECRETS/redis-password")" | sha256sum | cut -d ' ' -f 1)
umask 077
# Celery asks INFO for the server's version.
printf 'user default on #%s ~* &* +@all -@admin -@dangerous +info\n' "$digest" >"$ACL_FILE"
