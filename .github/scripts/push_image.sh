#!/usr/bin/env bash
# Copies the image that build_image.sh left to REGISTRY/REPOSITORY, byte for byte, under its commit's name: `push_image.sh FOLDER`.
set -euo pipefail

: "${SERVICE:?}" "${REGISTRY:?}" "${REPOSITORY:?}" "${STACK:?}" "${GITHUB_SHA:?}" "${GITHUB_STEP_SUMMARY:?}"
readonly FOLDER=${1:?the folder with the image}
readonly TAG="sha-${GITHUB_SHA::12}"
wanted=$(<"$FOLDER/digest")

# Tags are immutable: whoever runs this a second time finds the first image. It must be the one that was built, or somebody else's is run.
there=$(
  aws ecr describe-images --repository-name "$REPOSITORY" --filter tagStatus=TAGGED --output json |
    jq --raw-output --arg tag "$TAG" '[.imageDetails[] | select(.imageTags | index($tag)) | .imageDigest] | first // empty'
)
if [[ -n $there && $there != "$wanted" ]]; then
  echo "$REPOSITORY has $TAG already, and it is another image: there $there, built $wanted" >&2
  exit 1
fi

if [[ -n $there ]]; then
  echo "$REPOSITORY has $TAG already: $there"
else
  aws ecr get-login-password | skopeo login --username AWS --password-stdin "$REGISTRY"
  trap 'skopeo logout "$REGISTRY"' EXIT
  skopeo copy --all --preserve-digests --digestfile "$FOLDER/pushed" \
    "oci-archive:$FOLDER/image.tar" "docker://$REGISTRY/$REPOSITORY:$TAG"
  pushed=$(<"$FOLDER/pushed")
  if [[ $pushed != "$wanted" ]]; then
    echo "pushed $pushed, built $wanted: another image" >&2
    exit 1
  fi
fi
# shellcheck disable=SC2016 # backquotes of Markdown
printf '`%s/%s:%s`\n\nTo run it, in a pull request:\n\n```console\npython -m tools.release Pulumi.%s.yaml %s %s@%s\n```\n' \
  "$REGISTRY" "$REPOSITORY" "$TAG" "$STACK" "$SERVICE" "$TAG" "$wanted" >>"$GITHUB_STEP_SUMMARY"
