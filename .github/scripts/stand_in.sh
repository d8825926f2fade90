#!/usr/bin/env bash
# A stack's state as this job may see it, and Pulumi logged in to that: `stand_in.sh STACK STATE FOLDER`, where STATE is what `stack.sh` says.
# Each secret is a stand-in: the job's role opens none, and what it writes about the copy reaches nobody's state.
set -euo pipefail

readonly STACK=${1:?the stack} STATE=${2:?the address of the state} FOLDER=${3:?a folder of its own}
: "${GITHUB_ENV:?}"
bucket=${STATE#s3://}
bucket=${bucket%%\?*}
project=$(sed -nE 's/^name: ([a-z0-9-]+)$/\1/p' Pulumi.yaml)

mkdir -p "$FOLDER/backend"
aws s3 cp --only-show-errors "s3://$bucket/.pulumi/stacks/$project/$STACK.json" "$FOLDER/saved.json"

PULUMI_BACKEND_URL="file://$(cd "$FOLDER/backend" && pwd)"
# There is nothing to protect by it.
PULUMI_CONFIG_PASSPHRASE=stand-in
export PULUMI_BACKEND_URL PULUMI_CONFIG_PASSPHRASE
.venv/bin/python -m rehearsal.stood_in file "$STACK"
pulumi stack init "$STACK" --non-interactive
pulumi stack export --stack "$STACK" >"$FOLDER/empty.json"
.venv/bin/python -m rehearsal.stood_in state "$FOLDER/saved.json" "$FOLDER/empty.json" >"$FOLDER/imported.json"
pulumi stack import --stack "$STACK" --file "$FOLDER/imported.json" --non-interactive
printf '%s=%s\n' PULUMI_BACKEND_URL "$PULUMI_BACKEND_URL" PULUMI_CONFIG_PASSPHRASE "$PULUMI_CONFIG_PASSPHRASE" >>"$GITHUB_ENV"
