#!/bin/sh
# Writes Redis' users before it starts, each by its password's digest: those of the file `users`, and nobody else.
# Environment: SECRETS (folder with a <user>-password for each), USERS (that file), ACL_FILE.
set -eu

umask 077
new=$ACL_FILE.new
echo 'user default off' >"$new"
grep -v '^#' "$USERS" | while read -r user rules; do
  [ -s "$SECRETS/$user-password" ] || {
    echo "acl: the secret $user-password is missing or empty" >&2
    exit 1
  }
  # $(…) drops a final newline, as clients that read the file do.
  digest=$(printf %s "$(cat "$SECRETS/$user-password")" | sha256sum | cut -d ' ' -f 1)
  printf 'user %s on #%s %s\n' "$user" "$digest" "$rules" >>"$new"
done || exit 1
mv -f "$new" "$ACL_FILE"
