#!/usr/bin/env bash
# Whose a stack is, by its own file: its account, its region and where its state is, as a step's outputs: `stack.sh STACK`.
set -euo pipefail

readonly STACK=${1:?the stack}
readonly FILE=Pulumi.$STACK.yaml
if [[ ! $STACK =~ ^[a-z][a-z0-9-]*$ || ! -f $FILE ]]; then
  echo "there is no stack '$STACK' here" >&2
  exit 1
fi

# value KEY PATTERN: the one value of that key; GitHub's token is for no account that the file does not name.
value() {
  local found
  found=$(sed -nE "s/^ +$1: [\"']?($2)[\"']?$/\\1/p" "$FILE")
  if [[ -z $found || $found == *$'\n'* ]]; then
    echo "$FILE: $1 is '${found//$'\n'/, }': allowed: one value like $2" >&2
    return 1
  fi
  echo "$found"
}

account=$(value account '[0-9]{12}')
region=$(value aws:region '[a-z]{2}-[a-z]+-[0-9]')
bucket=$(value state_bucket '[a-z0-9][a-z0-9.-]+')
printf 'account=%s\nregion=%s\nstate=s3://%s?region=%s\n' "$account" "$region" "$bucket" "$region"
