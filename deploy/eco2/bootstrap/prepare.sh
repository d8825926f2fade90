#!/bin/bash
# Every node: what Kubernetes asks of the machine. Sourced by bootstrap.sh, after lib.sh.

K8S_PACKAGES=(kubelet kubeadm kubectl)

check_machine() {
  local release arch
  # shellcheck source=/dev/null
  release=$(. "$ROOT/etc/os-release" && echo "$ID $VERSION_ID")
  arch=$(uname -m)
  [[ "$release" = "amzn 2023"* ]] || die "unsupported operating system '$release': use Amazon Linux 2023"
  [[ "$arch" = x86_64 ]] || die "unsupported architecture '$arch': the pinned programs are for x86_64"
}

set_kernel() {
  write_file 0644 "$ROOT/etc/modules-load.d/eco2.conf" <"$BUNDLE/files/modules.conf"
  modprobe overlay
  modprobe br_netfilter
  # Without it Calico says so in its log and sends the pods' packets as they are.
  modprobe wireguard || die "the kernel $(uname -r) has no WireGuard: a node without it would not encrypt, and does not join"
  write_file 0644 "$ROOT/etc/sysctl.d/90-eco2.conf" <"$BUNDLE/files/sysctl.conf"
  sysctl --quiet --load="$ROOT/etc/sysctl.d/90-eco2.conf"
  swapoff --all
  sed -i '/[[:space:]]swap[[:space:]]/d' "$ROOT/etc/fstab"
}

set_network() { # systemd-networkd leaves the CNI's links and routes alone
  local link
  write_file 0644 "$ROOT/etc/systemd/network/10-eco2-cni.link" <"$BUNDLE/files/cni.link"
  link=$CHANGED
  write_file 0644 "$ROOT/etc/systemd/networkd.conf.d/eco2.conf" <"$BUNDLE/files/networkd.conf"
  if [[ "$link$CHANGED" != nono ]]; then
    systemctl restart systemd-networkd
  fi
}

missing_packages() { # NAME-VERSION...: those that are not installed
  local package
  for package in "$@"; do
    rpm --query --quiet "$package" || echo "$package"
  done
}

install_packages() {
  local -a wanted=("containerd-$CONTAINERD_VERSION" "runc-$RUNC_VERSION" conntrack-tools ethtool iproute-tc iptables-nft)
  local -a missing
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  if ((${#missing[@]} > 0)); then
    retry dnf install --assumeyes --quiet --releasever "$AMAZON_LINUX_RELEASE" "${missing[@]}" 'dnf-command(versionlock)'
    dnf versionlock --quiet add containerd runc
  fi
}

trust_packages() { # the key that signs Kubernetes' packages, if it is the one that is pinned; dnf asks for no other
  local key=$ROOT/etc/pki/rpm-gpg/RPM-GPG-KEY-kubernetes new=$RUN/kubernetes.key found
  [[ ! -e "$key" ]] || return 0
  retry curl --fail --silent --show-error --location --proto '=https' --max-time 60 --output "$new" \
    "https://pkgs.k8s.io/core:/stable:/v${KUBERNETES_VERSION%.*}/rpm/repodata/repomd.xml.key"
  found=$(gpg --homedir "$RUN" --batch --show-keys --with-colons "$new" | awk -F: '$1 == "pub" { primary = 1 } $1 == "fpr" && primary { print $10; primary = 0 }')
  if [[ "$found" != "$KUBERNETES_KEY" ]]; then
    rm -f "$new"
    die "Kubernetes' packages are signed by ${found//$'\n'/ and }, not by $KUBERNETES_KEY, which is pinned: refused"
  fi
  write_file 0644 "$key" <"$new"
  rm -f "$new"
}

install_kubernetes() {
  local -a wanted=() missing
  local package
  for package in "${K8S_PACKAGES[@]}"; do
    wanted+=("$package-$KUBERNETES_VERSION")
  done
  # A node that was upgraded in place has what the runbook gave it: only a machine without any is given the pinned version.
  if rpm --query --quiet kubelet kubeadm kubectl; then
    mapfile -t missing < <(missing_packages "${wanted[@]}")
    if ((${#missing[@]} > 0)); then
      say "this node has another Kubernetes than $KUBERNETES_VERSION: left as it is (docs/runbooks/eco2-kubernetes-upgrade.md)"
    fi
  else
    trust_packages
    write_file 0644 "$ROOT/etc/yum.repos.d/kubernetes.repo" <"$BUNDLE/files/kubernetes.repo"
    retry dnf install --assumeyes --quiet --disableexcludes kubernetes "${wanted[@]}"
  fi
  systemctl enable kubelet
}

kubernetes_image() { # NAME: the image that kubeadm would use for it
  kubeadm config images list --kubernetes-version "v$KUBERNETES_VERSION" | grep "/$1:"
}

set_containerd() {
  local PAUSE_IMAGE config
  # shellcheck disable=SC2034  # filled into the configuration
  PAUSE_IMAGE=$(kubernetes_image pause)
  config=$(fill "$BUNDLE/files/containerd.toml" PAUSE_IMAGE)
  write_file 0644 "$ROOT/etc/containerd/config.toml" <<<"$config"
  systemctl enable containerd
  if [[ "$CHANGED" = yes ]]; then
    systemctl restart containerd
  else
    systemctl start containerd
  fi
}

install_credential_provider() { # images from ECR, with the node's own role
  fetch "https://artifacts.k8s.io/binaries/cloud-provider-aws/v$ECR_PROVIDER_VERSION/linux/amd64/ecr-credential-provider-linux-amd64" \
    "$ECR_PROVIDER_SHA256" "$ROOT/usr/local/libexec/eco2/credential-providers/ecr-credential-provider" 0755
  write_file 0644 "$ROOT/etc/eco2/credential-provider.yaml" <"$BUNDLE/files/credential-provider.yaml"
}

prepare_node() {
  step "check the machine" check_machine
  step "ask the instance metadata service who this is" read_machine
  say "this is $NODE_NAME ($NODE_ROLE), $INSTANCE_ID in $ZONE, $NODE_IP"
  step "set kernel modules, sysctls and swap" set_kernel
  step "set the network" set_network
  step "install containerd $CONTAINERD_VERSION and what kubelet needs" install_packages
  step "install Kubernetes $KUBERNETES_VERSION" install_kubernetes
  step "configure containerd" set_containerd
  step "install the ECR credential provider $ECR_PROVIDER_VERSION" install_credential_provider
}
