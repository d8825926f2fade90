#!/bin/sh
# Whether Redis answers to its password and has loaded its data. Environment: SECRETS (folder).
set -eu

REDISCLI_AUTH=$(cat "$SECRETS/redis-password")
export REDISCLI_AUTH
[ "$(redis-cli ping)" = PONG ]
