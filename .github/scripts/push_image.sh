#!/usr/bin/env bash
# Copies the image that build_image.sh left to REGISTRY/REPOSITORY, byte for byte, under its commit's name: `push_image.sh FOLDER`.
set -euo pipefail

: "${SERVICE:?}" "${REGISTRY:?}" "${REPOSITORY:?}" "${GITHUB_SHA:?}" "${GITHUB_STEP_SUMMARY:?}"
readonly FOLDER=${1:?the folder with the image}
readonly TAG="sha-${GITHUB_SHA::12}"
wanted=$(<"$FOLDER/digest")

# Tags are immutable: whoever runs this a second time finds the first image, with the same content.
there=$(
  aws ecr describe-images --repository-name "$REPOSITORY" --filter tagStatus=TAGGED --output json |
    jq --raw-output --arg tag "$TAG" '[.imageDetails[] | select(.imageTags | index($tag)) | .imageDigest] | first // empty'
)
if [[ -n $there ]]; then
  echo "$REPOSITORY has $TAG already: $there"
  exit 0
fi

aws ecr get-login-password | skopeo login --username AWS --password-stdin "$REGISTRY"
trap 'skopeo logout "$REGISTRY"' EXIT
skopeo copy --all --preserve-digests --digestfile "$FOLDER/pushed" \
  "oci-archive:$FOLDER/image.tar" "docker://$REGISTRY/$REPOSITORY:$TAG"
pushed=$(<"$FOLDER/pushed")
if [[ $pushed != "$wanted" ]]; then
  echo "pushed $pushed, built $wanted: another image" >&2
  exit 1
fi
# shellcheck disable=SC2016 # backquotes of Markdown
printf '`%s/%s:%s`\n`%s`\n\nTo run it, in the stack file: `eco2.image_tags.%s: %s`.\n' \
  "$REGISTRY" "$REPOSITORY" "$TAG" "$pushed" "$SERVICE" "$TAG" >>"$GITHUB_STEP_SUMMARY"
