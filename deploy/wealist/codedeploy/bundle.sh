#!/bin/bash
# Makes a CodeDeploy revision: bundle.sh <service> <image-tag> <output.zip>
# Environment: REGION, REGISTRY, NAME_PREFIX, PARAMETER_PREFIX. The same input gives the same bytes.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die() {
  echo "bundle.sh: $*" >&2
  exit 1
}

require() { # NAME PATTERN: an environment variable that is written into release.env
  [[ ${!1:-} =~ ^$2$ ]] || die "set $1 in the environment, matching $2 (it is '${!1:-}')"
}

[ $# -eq 3 ] || die "usage: bundle.sh <service> <image-tag> <output.zip>"
service=$1 tag=$2 output=$3
case $service in
  user-service | board-service) ;;
  *) die "unknown service '$service': user-service or board-service" ;;
esac
[ "$tag" != latest ] || die "'latest' cannot be rolled back: use the tag of one build, such as the commit"
[[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] || die "'$tag' is not an image tag"
[[ $output == *.zip ]] || die "the output must end in .zip (it is '$output')"
require REGION '[a-z0-9-]+'
require REGISTRY '[a-z0-9.:/-]+'
require NAME_PREFIX '[a-z0-9-]+'
require PARAMETER_PREFIX '/[A-Za-z0-9_./-]+'

out_dir=$(cd "$(dirname "$output")" && pwd)
work=$(mktemp -d "$out_dir/.bundle.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tree/scripts"
cp "$HERE/$service/appspec.yml" "$HERE/$service/compose.yaml" "$HERE/$service/service.env" "$work/tree/"
cp "$HERE"/scripts/*.sh "$work/tree/scripts/"
# The region's root alone, from its line on.
sed -n "/^# $REGION\$/,/^-----END/p" "$HERE/../database/rds-ca.pem" >"$work/tree/rds-ca.pem"
[ -s "$work/tree/rds-ca.pem" ] || die "rds-ca.pem has no root for $REGION: add RDS's rds-ca-rsa2048-g1 of it"
cat >"$work/tree/release.env" <<ENV
IMAGE_TAG=$tag
REGION=$REGION
REGISTRY=$REGISTRY
NAME_PREFIX=$NAME_PREFIX
PARAMETER_PREFIX=$PARAMETER_PREFIX
ENV

cd "$work/tree"
find . -type f -exec chmod 0644 {} +
chmod 0755 scripts/*.sh
find . -type f -exec touch -d 2000-01-01T00:00:00Z {} +
find . -type f | sed 's|^\./||' | LC_ALL=C sort | TZ=UTC zip -q -X -@ "$work/bundle.zip"
chmod 0644 "$work/bundle.zip"
mv -f "$work/bundle.zip" "$out_dir/$(basename "$output")"
