#!/bin/bash
# Alertmanager's keys: containers cannot ask the machine for any, and its own can do more than tell of alerts.
set -euo pipefail

ROOT=${ROOT:-}
FILE=$ROOT/run/wealist/alertmanager/credentials
# shellcheck source=/dev/null
. "$ROOT/opt/wealist/monitoring/.env"

install -d -m 0711 "$(dirname "$FILE")"
temp=$(mktemp "$FILE.XXXXXX")
trap 'rm -f "$temp"' EXIT
keys=$(aws sts assume-role --region "$REGION" --role-arn "$ALERTMANAGER_ROLE" --role-session-name alertmanager \
  --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
read -r id secret token <<<"$keys"
printf '[default]\naws_access_key_id=%s\naws_secret_access_key=%s\naws_session_token=%s\n' "$id" "$secret" "$token" >"$temp"
chmod 0400 "$temp"
chown 65534:65534 "$temp" # Alertmanager's user inside its image
mv -f "$temp" "$FILE"
