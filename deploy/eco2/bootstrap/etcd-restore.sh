#!/bin/bash
# k8s-master, by hand: put etcd back to a snapshot. `etcd-restore.sh list`, `etcd-restore.sh latest`, `etcd-restore.sh 20260102T030405Z`.
# The data of now is kept beside the restored one. docs/runbooks/eco2-control-plane-restore.md
set -euo pipefail

# shellcheck source=deploy/eco2/bootstrap/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deploy/eco2/bootstrap/etcd.sh
. "$BUNDLE/etcd.sh"

(($# == 1)) || die "say which snapshot: $0 list | latest | <time>"
is_control_plane || die "this is $NODE_NAME: etcd is on k8s-master"
if [[ "$1" = list ]]; then
  list_snapshots
  exit 0
fi
read_machine
step "restore etcd" restore_snapshot "$1"
step "wait for the API server" wait_for_api
say "restored; the data of before is in $ETCD_DATA.before-*"
