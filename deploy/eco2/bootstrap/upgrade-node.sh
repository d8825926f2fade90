#!/bin/bash
# One node, by hand, after it was drained: another Kubernetes. `upgrade-node.sh 1.36.4`. docs/runbooks/eco2-kubernetes-upgrade.md
set -euo pipefail

# shellcheck source=deploy/eco2/bootstrap/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

VERSION=${1:-}
[[ "$VERSION" =~ ^1\.[0-9]+\.[0-9]+$ ]] || die "say which version: $0 1.36.4"

install_version() { # PACKAGE...: of a minor version's own repository
  local -a packages=()
  local package
  for package in "$@"; do packages+=("$package-$VERSION"); done
  sed -i -E "s#/v1\.[0-9]+/rpm/#/v${VERSION%.*}/rpm/#" "$ROOT/etc/yum.repos.d/kubernetes.repo"
  retry dnf install --assumeyes --quiet --disableexcludes kubernetes "${packages[@]}"
}

restart_kubelet() {
  systemctl daemon-reload
  systemctl restart kubelet
}

read_machine
if is_control_plane; then
  step "save etcd first" "$BUNDLE/etcd-snapshot.sh"
  step "install kubeadm $VERSION" install_version kubeadm
  step "look at what would change" kubeadm upgrade plan "v$VERSION"
  step "upgrade the control plane" kubeadm upgrade apply "v$VERSION" --yes
else
  step "install kubeadm $VERSION" install_version kubeadm
  step "upgrade the node's configuration" kubeadm upgrade node
fi
step "install kubelet and kubectl $VERSION" install_version kubelet kubectl
step "restart kubelet" restart_kubelet
say "$NODE_NAME runs Kubernetes $VERSION: kubectl uncordon $NODE_NAME"
