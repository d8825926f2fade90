#!/bin/sh
# Whether Redis answers to a password and has loaded its data. Environment: SECRETS (folder).
set -eu

REDISCLI_AUTH=$(cat "$SECRETS/probe-password")
export REDISCLI_AUTH
[ "$(redis-cli --user probe ping)" = PONG ]
