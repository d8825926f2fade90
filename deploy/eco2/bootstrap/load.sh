#!/bin/bash
# User data of every eco2 node (eco2.md, "노드 배치 (EC2)"): fetch the bundle that is pinned here, and run it until the node stands.
# Settings come first when rendered: REGION BUNDLE_BUCKET BUNDLE_KEY BUNDLE_SHA256 NODE_NAME NODE_ROLE NODE_TAINTS.
# cloud-init runs it once: it then installs itself as a service, which systemd starts again after a failure and at every boot.
set -euo pipefail
umask 077

ROOT=${ROOT:-} # file system root; only tests set it
PROGRAM=$ROOT/usr/local/sbin/eco2-node
BUNDLES=$ROOT/opt/eco2/bundles
ATTEMPTS=8

say() { echo "eco2-node: $*"; }

install_service() {
  mkdir -p "$ROOT/usr/local/sbin" "$ROOT/etc/systemd/system"
  install -m 0700 "$0" "$PROGRAM"
  cat >"$ROOT/etc/systemd/system/eco2-node.service" <<'UNIT'
[Unit]
Description=Eco2: make this machine a node of the cluster
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/eco2-node run
Restart=on-failure
RestartSec=30
TimeoutStartSec=90min
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=multi-user.target
UNIT
  chmod 0644 "$ROOT/etc/systemd/system/eco2-node.service"
  systemctl daemon-reload
  systemctl enable eco2-node.service
  systemctl start --no-block eco2-node.service
  say "installed; follow it with: journalctl --follow --unit eco2-node"
}

download() { # PATH
  local attempt delay=5
  for ((attempt = 1; attempt <= ATTEMPTS; attempt++)); do
    if aws s3 cp --only-show-errors --region "$REGION" "s3://$BUNDLE_BUCKET/$BUNDLE_KEY" "$1"; then
      return 0
    fi
    if ((attempt < ATTEMPTS)); then
      say "waiting for s3://$BUNDLE_BUCKET/$BUNDLE_KEY (attempt $attempt of $ATTEMPTS, next one in ${delay}s)" >&2
      sleep "$delay"
      delay=$((delay * 2 > 60 ? 60 : delay * 2))
    fi
  done
  say "cannot download s3://$BUNDLE_BUCKET/$BUNDLE_KEY: is it published, and may this node's role read it?" >&2
  return 1
}

fetch_bundle() {
  local target=$BUNDLES/$BUNDLE_SHA256 work
  if [[ ! -d "$target" ]]; then
    mkdir -p "$BUNDLES"
    work=$(mktemp -d "$BUNDLES/.new.XXXXXX")
    # shellcheck disable=SC2064  # the path of now
    trap "rm -rf '$work'" EXIT
    download "$work/bundle.tar.gz"
    if ! echo "$BUNDLE_SHA256  $work/bundle.tar.gz" | sha256sum --check --status; then
      say "s3://$BUNDLE_BUCKET/$BUNDLE_KEY is not the bundle that this node was made for (sha256 $BUNDLE_SHA256): refused" >&2
      return 1
    fi
    mkdir "$work/bundle"
    tar --extract --gzip --no-same-owner --file "$work/bundle.tar.gz" --directory "$work/bundle"
    mv "$work/bundle" "$target"
    rm -rf "$work"
  fi
  ln -sfn "bundles/$BUNDLE_SHA256" "$ROOT/opt/eco2/bootstrap"
}

write_node() {
  local name temp
  mkdir -p "$ROOT/etc/eco2"
  temp=$(mktemp "$ROOT/etc/eco2/node.env.XXXXXX")
  for name in NODE_NAME NODE_ROLE NODE_TAINTS; do
    printf '%s=%q\n' "$name" "${!name}"
  done >"$temp"
  mv -f "$temp" "$ROOT/etc/eco2/node.env"
}

if [[ "${1:-}" = run ]]; then
  fetch_bundle
  write_node
  exec "$ROOT/opt/eco2/bootstrap/bootstrap.sh"
fi
install_service
