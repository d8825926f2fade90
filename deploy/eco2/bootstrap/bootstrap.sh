#!/bin/bash
# Makes this machine the node that /etc/eco2/node.env says. Every step is skipped where it is done: it may run any number of times.
set -euo pipefail

# shellcheck source=deploy/eco2/bootstrap/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deploy/eco2/bootstrap/prepare.sh
. "$BUNDLE/prepare.sh"
# shellcheck source=deploy/eco2/bootstrap/etcd.sh
. "$BUNDLE/etcd.sh"
# shellcheck source=deploy/eco2/bootstrap/keys.sh
. "$BUNDLE/keys.sh"
# shellcheck source=deploy/eco2/bootstrap/control-plane.sh
. "$BUNDLE/control-plane.sh"
# shellcheck source=deploy/eco2/bootstrap/addons.sh
. "$BUNDLE/addons.sh"
# shellcheck source=deploy/eco2/bootstrap/worker.sh
. "$BUNDLE/worker.sh"

REMOVE_AT_END+=("$RUN/kubeadm.yaml")
prepare_node
if is_control_plane; then
  control_plane
  install_addons
else
  worker
fi
say "==> $NODE_NAME stands"
