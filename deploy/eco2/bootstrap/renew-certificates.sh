#!/bin/bash
# k8s-master, by hand: a new year for the control plane's certificates. docs/runbooks/eco2-certificate-rotation.md
set -euo pipefail

# shellcheck source=deploy/eco2/bootstrap/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deploy/eco2/bootstrap/etcd.sh
. "$BUNDLE/etcd.sh"

is_control_plane || die "this is $NODE_NAME: its kubelet renews its own certificate"
step "save etcd first" "$BUNDLE/etcd-snapshot.sh"
step "renew the certificates" kubeadm certs renew all
step "stop the control plane" stop_control_plane
step "start it with the new certificates" start_control_plane
step "wait for the API server" wait_for_api
kubeadm certs check-expiration
