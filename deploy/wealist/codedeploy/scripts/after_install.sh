#!/bin/bash
# AfterInstall (wealist.md §7): permissions, environment from SSM (§4 names), proof that ECR lets us in.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ENV_FILE=$RUN_DIR/$SERVICE.env

set_permissions() {
  chown -R root:root "$APP_DIR"
  find "$APP_DIR" -type d -exec chmod 0755 {} +
  find "$APP_DIR" -type f -exec chmod 0644 {} +
  chmod 0755 "$APP_DIR"/scripts/*.sh
}

parameter() { # NAME: print its value, one line of any characters
  local name=$PARAMETER_PREFIX/$1 value
  value=$(aws ssm get-parameter --region "$REGION" --name "$name" --with-decryption \
    --query Parameter.Value --output text) || die "cannot read the SSM parameter $name"
  [ -n "$value" ] || die "the SSM parameter $name is empty"
  [[ $value != *$'\n'* && $value != *$'\r'* ]] || die "the SSM parameter $name must be a single line"
  printf '%s' "$value"
}

line() { # VARIABLE PARAMETER: raw format, so the value stands as it is
  local value
  value=$(parameter "$2") || exit 1
  printf '%s=%s\n' "$1" "$value"
}

environment() {
  line DB_HOST db/endpoint
  line DB_PORT db/port
  line DB_NAME "db/${DB_KEY}_db_name"
  line DB_USER "db/${DB_KEY}_db_user"
  line DB_PASSWORD "db/${DB_KEY}_db_password"
  echo DB_SSLMODE=verify-full
  echo DB_SSLROOTCERT=/etc/ssl/rds-ca.pem
  line REDIS_HOST redis/endpoint
  line REDIS_PORT redis/port
  line REDIS_AUTH_TOKEN redis/auth_token
  echo REDIS_TLS=true
  line GOOGLE_CLIENT_ID google/client_id
  line GOOGLE_CLIENT_SECRET google/client_secret
  line JWT_SECRET jwt/secret
}

write_environment() {
  local temp
  install -d -m 0711 "$RUN_DIR"
  temp=$(mktemp "$ENV_FILE.XXXXXX")
  if ! (environment) >"$temp"; then
    rm -f "$temp"
    exit 1
  fi
  mv -f "$temp" "$ENV_FILE"
  say "wrote $ENV_FILE"
}

set_permissions
write_environment
ecr_login
