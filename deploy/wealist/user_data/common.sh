#!/bin/bash
# Every Wealist instance (wealist.md §4): logging, Docker and Docker Compose V2.
# Settings come first when rendered: REGION STACK NAME_PREFIX PARAMETER_PREFIX REGISTRY DOMAIN API_HOST.
set -euo pipefail
umask 022

ROOT=${ROOT:-} # file system root; only tests set it
COMPOSE_VERSION=${COMPOSE_VERSION:-v2.40.3}
CURRENT_STEP="starting"
PACKAGER=""

start_logging() {
  local log=$ROOT/var/log/wealist-user-data.log
  touch "$log" && chmod 0600 "$log"
  exec > >(tee -a "$log" "$ROOT/dev/console") 2>&1
}

report_end() {
  local status=$?
  if [ "$status" -eq 0 ]; then
    echo "==> user data finished"
  else
    echo "==> FAILED (exit $status) while: $CURRENT_STEP" >&2
  fi
}

step() { # DESCRIPTION COMMAND...
  CURRENT_STEP=$1
  echo "==> $CURRENT_STEP"
  shift
  "$@"
}

retry() { # COMMAND...: five attempts, 5, 10, 20 and 40 seconds apart
  local attempt delay=5
  for attempt in 1 2 3 4; do
    "$@" && return 0
    echo "attempt $attempt of 5 failed, next one in ${delay}s: $*" >&2
    sleep "$delay"
    delay=$((delay * 2))
  done
  "$@" && return 0
  echo "gave up after 5 attempts: $*" >&2
  return 1
}

write_file() { # MODE PATH: standard input becomes the file, whole or not at all
  local temp
  mkdir -p "$(dirname "$2")"
  temp=$(mktemp "$2.XXXXXX")
  cat >"$temp"
  chmod "$1" "$temp"
  mv -f "$temp" "$2"
}

detect_os() {
  local release
  # shellcheck source=/dev/null
  release=$(. "$ROOT/etc/os-release" && echo "$ID $VERSION_ID")
  case $release in
    "amzn 2023"*) PACKAGER=dnf ;;
    "amzn 2") PACKAGER=yum ;;
    *)
      echo "unsupported operating system '$release': use Amazon Linux 2023 or Amazon Linux 2" >&2
      return 1
      ;;
  esac
}

install_package() { retry "$PACKAGER" install -y -q "$1"; }

install_docker() {
  if [ "$PACKAGER" = yum ]; then
    retry amazon-linux-extras install -y docker
  else
    install_package docker
  fi
  write_file 0644 "$ROOT/etc/docker/daemon.json" <<'JSON'
{"live-restore": true, "log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "3"}}
JSON
  systemctl enable --now docker
}

compose_sha256() { # ARCHITECTURE: the checksum published with release v2.40.3
  case $1 in
    x86_64) echo dba9d98e1ba5bfe11d88c99b9bd32fc4a0624a30fafe68eea34d61a3e42fd372 ;;
    aarch64) echo d26373b19e89160546d15407516cc59f453030d9bc5b43ba7faf16f7b4980137 ;;
    *)
      echo "no pinned Docker Compose checksum for architecture '$1'" >&2
      return 1
      ;;
  esac
}

# Neither Amazon Linux packages Compose V2, so it is the upstream release, held to a pinned checksum.
install_compose() {
  local plugin=$ROOT/usr/local/lib/docker/cli-plugins/docker-compose arch sum temp
  arch=$(uname -m)
  sum=${COMPOSE_SHA256:-$(compose_sha256 "$arch")}
  if echo "$sum  $plugin" | sha256sum --check --status 2>/dev/null; then
    echo "Docker Compose $COMPOSE_VERSION is installed already"
    return 0
  fi
  mkdir -p "$(dirname "$plugin")"
  temp=$(mktemp "$plugin.XXXXXX")
  retry curl -fsSL --max-time 300 -o "$temp" \
    "https://github.com/docker/compose/releases/download/$COMPOSE_VERSION/docker-compose-linux-$arch"
  if ! echo "$sum  $temp" | sha256sum --check --status; then
    rm -f "$temp"
    echo "Docker Compose $COMPOSE_VERSION for $arch does not match its pinned checksum $sum" >&2
    return 1
  fi
  chmod 0755 "$temp"
  mv -f "$temp" "$plugin"
  docker compose version
}

start_logging
trap report_end EXIT
step "detect the operating system" detect_os
step "install Docker" install_docker
step "install Docker Compose V2" install_compose
