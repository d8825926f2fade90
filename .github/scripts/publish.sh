#!/usr/bin/env bash
# Puts a stack's manifests on the branch that Argo CD follows: `<stack>/` becomes just the given folder, in one commit, and in none
# when nothing changed. `publish.sh FOLDER`, with REMOTE, BRANCH, STACK and MESSAGE in the environment.
set -euo pipefail

: "${REMOTE:?}" "${BRANCH:?}" "${STACK:?}" "${MESSAGE:?}"
readonly MANIFESTS=${1:?the folder with the manifests}
readonly TRIES=5

if [[ ! $STACK =~ ^[a-z][a-z0-9-]*$ ]]; then
  echo "'$STACK' is no name of a stack" >&2
  exit 1
fi
if [[ -z $(find "$MANIFESTS" -type f -name '*.yaml' -print -quit) ]]; then
  echo "no manifest in $MANIFESTS: Argo CD would remove everything of $STACK" >&2
  exit 1
fi

checkout=$(mktemp -d)
trap 'rm -rf "$checkout"' EXIT
git init --quiet --initial-branch "$BRANCH" "$checkout"
cd "$checkout"
git config user.name 'github-actions[bot]'
git config user.email '41898282+github-actions[bot]@users.noreply.github.com'
git remote add origin "$REMOTE"

for ((try = 1; try <= TRIES; try++)); do
  # The branch as it is now; the first time there is none.
  if git ls-remote --exit-code --heads origin "$BRANCH" >/dev/null; then
    git fetch --quiet --depth 1 origin "$BRANCH"
    git reset --quiet --hard FETCH_HEAD
  fi
  rm -rf "${checkout:?}/$STACK"
  cp -R "$MANIFESTS" "$checkout/$STACK"
  git add --all -- "$STACK"
  if git diff --cached --quiet; then
    echo "$BRANCH has these manifests of $STACK already"
    exit 0
  fi
  git commit --quiet --message "$MESSAGE"
  if git push --quiet origin "HEAD:refs/heads/$BRANCH"; then
    git show --stat --format='%h %s' HEAD | tail -n 20
    exit 0
  fi
  echo "somebody else pushed to $BRANCH: try $try of $TRIES failed" >&2
  sleep "$((RANDOM % 3 + 1))"
done
exit 1
