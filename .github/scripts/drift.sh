#!/usr/bin/env bash
# Compares a stack with its account, and main with the stack: `drift.sh FOLDER`, with STACK in the environment.
# It leaves `account.txt` and `main.txt` with what Pulumi said, and `differs` when something does; the job fails only when it cannot tell.
set -euo pipefail

: "${STACK:?}"
readonly FOLDER=${1:?the folder for the findings}
mkdir -p "$FOLDER"

# compare NAME COMMAND...: what it says goes to NAME.txt; with --expect-no-changes a difference is a failure that names it.
compare() {
  local name=$1 status=0
  shift
  "$@" >"$FOLDER/$name.txt" 2>&1 || status=$?
  cat "$FOLDER/$name.txt"
  if ((status == 0)); then
    return
  fi
  if ! grep --quiet --ignore-case 'no changes were expected' "$FOLDER/$name.txt"; then
    echo "comparing failed with status $status: see above" >&2
    touch "$FOLDER/failed"
  fi
  touch "$FOLDER/differs"
}

# Applied objects' API server is in the VPC, where this job is not; parameters' values are not this role's to see.
compare account pulumi refresh --stack "$STACK" --preview-only --expect-no-changes --diff --non-interactive \
  --exclude '**kubernetes:**' --exclude '**aws:ssm/parameter:Parameter**'
compare main pulumi preview --stack "$STACK" --expect-no-changes --diff --non-interactive --suppress-outputs

if [[ -e $FOLDER/failed ]]; then
  exit 1
fi
