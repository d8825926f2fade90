#!/usr/bin/env bash
# Keeps one issue per stack: opens or changes it while something differs, closes it when nothing does any more.
# `report_drift.sh FOLDER` with what drift.sh left; STACK, RUN_URL, GH_TOKEN and GH_REPO in the environment.
set -euo pipefail

: "${STACK:?}" "${RUN_URL:?}" "${GH_TOKEN:?}" "${GH_REPO:?}"
readonly FOLDER=${1:?the folder with the findings}
readonly LABEL=drift
readonly TITLE="Drift: $STACK"
readonly LARGEST=25000 # characters of each of the two
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

body=$(mktemp)
trap 'rm -f "$body"' EXIT

# The label is what makes an issue this script's own: only those who may write to the repository can set it.
number=$(
  gh issue list --state open --label "$LABEL" --limit 100 --json number,title |
    jq --arg title "$TITLE" '[.[] | select(.title == $title) | .number] | first // empty'
)

if [[ ! -e $FOLDER/differs ]]; then
  if [[ -n $number ]]; then
    gh issue close "$number" --comment "Nothing differs any more ([run]($RUN_URL))."
  fi
  echo "$STACK: nothing differs"
  exit 0
fi

# part HEADING FILE: the end of what Pulumi said, where the summary is.
part() {
  if [[ -s $FOLDER/$2 ]]; then
    printf '### %s\n\n' "$1"
    "$here/defuse.py" log "$LARGEST" <"$FOLDER/$2"
    printf '\n'
  fi
}
{
  printf 'The stack %s, its account and main do not agree ([run](%s)). What to do: docs/delivery.md, "Drift".\n\n' "$STACK" "$RUN_URL"
  part 'The account against the state' account.txt
  part 'The state against main' main.txt
} >"$body"

if [[ -n $number ]]; then
  gh issue edit "$number" --body-file "$body"
else
  gh label create "$LABEL" --force --color b60205 --description 'A stack is not as main says'
  gh issue create --title "$TITLE" --label "$LABEL" --body-file "$body"
fi
echo "$STACK: reported"
