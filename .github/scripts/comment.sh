#!/usr/bin/env bash
# Posts a preview as the pull request's one comment, or changes the one that is there.
#
# The artefact is a stranger's: its size is bounded before and while it is unpacked, one file of it is read as text, people are
# not called by it, and the pull request is found by what GitHub says of the run and by nothing in the artefact.
set -euo pipefail

: "${GH_TOKEN:?}" "${REPOSITORY:?}" "${RUN_ID:?}" "${RUN_URL:?}" "${HEAD_SHA:?}" "${HEAD_OWNER:?}" "${HEAD_BRANCH:?}"
readonly MARK='<!-- edge-platform: preview -->'
readonly LARGEST_ARTEFACT=20000000
readonly LARGEST_COMMENT=60000 # in characters, of which GitHub takes 65,536
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The open pull request whose head this run was about; none when it was closed or pushed to meanwhile.
number=$(
  gh api --method GET "repos/$REPOSITORY/pulls" -f state=open -f "head=$HEAD_OWNER:$HEAD_BRANCH" |
    jq --arg sha "$HEAD_SHA" '[.[] | select(.head.sha == $sha) | .number] | first // empty'
)
if [[ ! $number =~ ^[0-9]+$ ]]; then
  echo "no open pull request has $HEAD_SHA as its head: nothing to comment"
  exit 0
fi

read -r artefact size < <(
  gh api --method GET "repos/$REPOSITORY/actions/runs/$RUN_ID/artifacts" -f name=preview |
    jq --raw-output '.artifacts | map(select(.expired | not)) | first // empty | "\(.id) \(.size_in_bytes)"'
) || true
if [[ ! ${artefact:-} =~ ^[0-9]+$ ]]; then
  echo "run $RUN_ID left no preview: nothing to comment"
  exit 0
fi
if ((size > LARGEST_ARTEFACT)); then
  echo "the preview of run $RUN_ID has $size bytes; at most $LARGEST_ARTEFACT are read" >&2
  exit 1
fi
gh api "repos/$REPOSITORY/actions/artifacts/$artefact/zip" >"$folder/preview.zip"

# No more is unpacked than could be shown: a character has at most four bytes.
{ unzip -p "$folder/preview.zip" comment.md 2>/dev/null || true; } |
  head --bytes=$((LARGEST_COMMENT * 4 + 4)) >"$folder/raw.md" || true
if [[ ! -s $folder/raw.md ]]; then
  echo "the preview of run $RUN_ID holds no comment.md" >&2
  exit 1
fi

{
  echo "$MARK"
  printf '_Written by the code of this pull request at %s ([run](%s)): take it as its word._\n\n' "${HEAD_SHA::12}" "$RUN_URL"
  "$here/defuse.py" preview "$LARGEST_COMMENT" <"$folder/raw.md"
} >"$folder/comment.md"

existing=$(
  gh api --paginate "repos/$REPOSITORY/issues/$number/comments" |
    jq --slurp --arg mark "$MARK" '
      [.[][] | select(.user.login == "github-actions[bot]" and (.body | startswith($mark))) | .id] | first // empty'
)
if [[ $existing =~ ^[0-9]+$ ]]; then
  gh api --method PATCH "repos/$REPOSITORY/issues/comments/$existing" -F "body=@$folder/comment.md" --silent
  echo "changed the comment of pull request $number"
else
  gh api --method POST "repos/$REPOSITORY/issues/$number/comments" -F "body=@$folder/comment.md" --silent
  echo "commented on pull request $number"
fi
