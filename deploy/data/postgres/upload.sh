#!/bin/sh
# Uploads what dump.sh left to s3://BUCKET/<UTC time>/. SHA256SUMS goes last: a folder without it is not complete.
# Environment: DUMPS (folder), BUCKET, AWS_REGION; the credentials are the service account's role.
set -eu

die() {
  echo "upload: $*" >&2
  exit 1
}

[ -s "$DUMPS/SHA256SUMS" ] || die "there is no complete dump in $DUMPS"
target=s3://$BUCKET/$(date -u +%Y-%m-%dT%H%M%SZ)

aws s3 cp --only-show-errors --recursive --exclude SHA256SUMS "$DUMPS" "$target/" || die "could not upload to $target"
aws s3 cp --only-show-errors "$DUMPS/SHA256SUMS" "$target/SHA256SUMS" || die "could not complete $target"
echo "upload: $target is complete"
