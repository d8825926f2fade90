#!/usr/bin/env bash
# Ends a deployment whose exchange would run an image that none of its keys signed: `verify_images.sh STACK`.
set -euo pipefail

readonly STACK=${1:?the stack}
here=$(dirname "${BASH_SOURCE[0]}")
whose=$("$here/stack.sh" "$STACK")
account=$(sed -n 's/^account=//p' <<<"$whose")
region=$(sed -n 's/^region=//p' <<<"$whose")

# What the registry takes is in a folder that goes with this run; cosign is told of no other credential (tools/signatures.py).
DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT
aws ecr get-login-password --region "$region" | jq --raw-input --slurp --arg registry "$account.dkr.ecr.$region.amazonaws.com" \
  '{auths: {($registry): {auth: ("AWS:" + rtrimstr("\n") | @base64)}}}' >"$DOCKER_CONFIG/config.json"
.venv/bin/python -m tools.signatures "$STACK"
