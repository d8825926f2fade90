#!/usr/bin/env bash
# Makes the branch that a stack's Argo CD follows just the given folder, in one signed commit, and in none when nothing changed:
# `publish.sh FOLDER`, with REMOTE, BRANCH, MESSAGE and SIGNING_KEY (a secret GnuPG key in ASCII) in the environment.
set -euo pipefail

: "${REMOTE:?}" "${BRANCH:?}" "${MESSAGE:?}"
: "${SIGNING_KEY:?is not there: the environment has no PUBLISHER_SIGNING_KEY, and Argo CD takes no commit without its signature}"
readonly MANIFESTS=${1:?the folder with the manifests}

if [[ ! $BRANCH =~ ^rendered/[a-z][a-z0-9-]*$ ]]; then
  echo "'$BRANCH' is no branch of a stack: allowed: rendered/<stack>" >&2
  exit 1
fi
if [[ -z $(find "$MANIFESTS" -type f -name '*.yaml' -print -quit) ]]; then
  echo "no manifest in $MANIFESTS: Argo CD would remove everything of $BRANCH" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GNUPGHOME=$work/keys
mkdir -m 0700 "$GNUPGHOME"
gpg --batch --quiet --import <<<"$SIGNING_KEY"
unset SIGNING_KEY
key=$(gpg --batch --list-secret-keys --with-colons | awk -F: '$1 == "fpr" { print $10; exit }')
# A key that the cluster does not know would be a commit that it refuses, which nobody would see here.
known=$(find "$MANIFESTS" -name '*appproject*.yaml' -exec sed -En "s/^ *- '?([0-9A-F]{16})'?\$/\1/p" {} +)
if [[ -n $known ]] && ! grep --quiet --line-regexp --fixed-strings "${key: -16}" <<<"$known"; then
  echo "PUBLISHER_SIGNING_KEY is ${key: -16}, which eco2.gitops.signing_keys does not have: add its public half, and deploy first" >&2
  exit 1
fi

git init --quiet --initial-branch "$BRANCH" "$work/branch"
cd "$work/branch"
git config user.name 'github-actions[bot]'
git config user.email '41898282+github-actions[bot]@users.noreply.github.com'
git remote add origin "$REMOTE"
# The branch as it is now; the first time there is none.
if git ls-remote --exit-code --heads origin "$BRANCH" >/dev/null; then
  git fetch --quiet --depth 1 origin "$BRANCH"
  git reset --quiet --hard FETCH_HEAD
  git rm --quiet -r --ignore-unmatch .
fi
cp -R "$MANIFESTS/." .
git add --all
if git rev-parse --quiet --verify HEAD >/dev/null && git diff --cached --quiet; then
  echo "$BRANCH has these manifests already"
  exit 0
fi
git commit --quiet --gpg-sign="$key" --message "$MESSAGE"
git push --quiet origin "HEAD:refs/heads/$BRANCH"
git show --stat --format='%h %s' HEAD | tail -n 20
