#!/bin/bash
# Shared by the hooks: which service this bundle releases, and where its files live.
set -euo pipefail

ROOT=${ROOT:-} # file system root; only tests set it
BUNDLE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=/dev/null
. "$BUNDLE/service.env"
# shellcheck source=/dev/null
. "$BUNDLE/release.env"

# shellcheck disable=SC2034  # used by the hooks
APP_DIR=$ROOT/home/ec2-user/app/$SERVICE
# shellcheck disable=SC2034
BACKUP_DIR=$ROOT/var/lib/wealist/backups/$SERVICE
RUN_DIR=$ROOT/run/wealist # tmpfs: what is secret does not reach the disk as a file

say() { echo "[$SERVICE $IMAGE_TAG] $*"; }

die() {
  say "$*" >&2
  exit 1
}

# A login of its own folder: the ECR helper in /root/.docker refuses to store one. `ecr_logout` removes it.
ecr_login() {
  export DOCKER_CONFIG=$RUN_DIR/docker-$SERVICE
  install -d -m 0700 "$DOCKER_CONFIG"
  trap ecr_logout EXIT
  say "logging in to $REGISTRY"
  aws ecr get-login-password --region "$REGION" |
    docker login --username AWS --password-stdin "$REGISTRY" || die "cannot log in to $REGISTRY"
}

ecr_logout() { rm -rf "$RUN_DIR/docker-$SERVICE"; }
