#!/usr/bin/env bash
# Builds services/$SERVICE as an OCI archive with its provenance and its bill of materials, and tries it: `build_image.sh FOLDER`.
# It leaves `image.tar` and `digest`. Base images are taken by the digest that their tag has now, which the provenance records.
set -euo pipefail

: "${SERVICE:?}"
readonly FOLDER=${1:?the folder for the image}
readonly SOURCE="services/$SERVICE"
readonly BUILDKIT=moby/buildkit:v0.29.0@sha256:0039c1d47e8748b5afea56f4e85f14febaf34452bd99d9552d2daa82262b5cc5
readonly SBOM=docker/buildkit-syft-scanner:1.11.0@sha256:79e7b013cbec16bbb436f312819a49a4a57752b2270c1a9332ae1a10fcc82a68

# base ARGUMENT: the image that the Containerfile names for it, with its digest of today.
base() {
  local name digest
  name=$(sed -n "s/^ARG $1=//p" "$SOURCE/Containerfile")
  digest=$(docker buildx imagetools inspect "$name" --format '{{json .Manifest}}' | jq --raw-output .digest)
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || {
    echo "$name has no digest: '$digest'" >&2
    return 1
  }
  echo "$name@$digest"
}

mkdir -p "$FOLDER"
builder=$(base BUILDER)
runtime=$(base RUNTIME)
echo "from $builder and $runtime"

docker buildx create --name attesting --driver docker-container --driver-opt "image=$BUILDKIT" >/dev/null
docker buildx build "$SOURCE" --builder attesting --file "$SOURCE/Containerfile" --platform linux/amd64 \
  --build-arg "BUILDER=$builder" --build-arg "RUNTIME=$runtime" \
  --provenance mode=max --attest "type=sbom,generator=$SBOM" \
  --output "type=oci,dest=$FOLDER/image.tar"
skopeo inspect --raw "oci-archive:$FOLDER/image.tar" | sha256sum | sed 's/^/sha256:/; s/ .*//' >"$FOLDER/digest"

# Without settings it names those that are missing, and ends with 2.
skopeo copy --quiet "oci-archive:$FOLDER/image.tar" "docker-daemon:$SERVICE:tried"
status=0
said=$(docker run --rm --read-only --network none --cap-drop ALL "$SERVICE:tried" 2>&1) || status=$?
if ((status != 2)) || [[ $said != *JWT_SECRET_FILE* ]]; then
  echo "the image does not start as it should: status $status, $said" >&2
  exit 1
fi
user=$(docker image inspect --format '{{.Config.User}}' "$SERVICE:tried")
if [[ ! $user =~ ^[1-9][0-9]*(:[0-9]+)?$ ]]; then
  echo "the image runs as '$user': allowed: a user by number that is not root" >&2
  exit 1
fi
echo "built $(cat "$FOLDER/digest")"
