#!/bin/bash
# k8s-master: kubeadm init with the cluster's own keys, on new, restored or half-made data. Sourced, after lib.sh, etcd.sh and keys.sh.

DECISION=kubernetes/restore

# An SSM parameter names this very instance: a decision for a master that is gone does not bind its successor.
decide_data() {
  local snapshots decision status=0 how
  if etcd_has_data; then
    say "etcd has data on this machine: kubeadm goes on with it, and nothing is reset"
    return 0
  fi
  snapshots=$(list_snapshots) || die "cannot list s3://$SNAPSHOT_BUCKET/snapshots/: without it an existing cluster could be overlooked"
  if [[ -z "$snapshots" ]]; then
    say "there is no snapshot of an earlier master: this is a new cluster"
    return 0
  fi
  decision=$(read_parameter "$DECISION") || status=$?
  ((status == 0 || status == 3)) || die "cannot read the SSM parameter $PARAMETER_PATH/$DECISION"
  how=${decision#"$INSTANCE_ID "}
  if ((status == 3)) || [[ "$how" = "$decision" ]]; then
    say "s3://$SNAPSHOT_BUCKET holds snapshots of this cluster, and this master has no data: a new, empty cluster is not made by itself." >&2
    say "Decide (docs/runbooks/eco2-control-plane-restore.md), and this machine goes on within a minute:" >&2
    say "  aws ssm put-parameter --overwrite --type String --name $PARAMETER_PATH/$DECISION --value '$INSTANCE_ID latest'" >&2
    die "newest snapshot: $(tail -n 1 <<<"$snapshots"); instead of latest: one of them, or new-cluster"
  fi
  if [[ "$how" = new-cluster ]]; then
    say "an operator decided for a new, empty cluster on $INSTANCE_ID"
    return 0
  fi
  restore_snapshot "$how"
}

place_keys() { # before kubeadm, which keeps the keys that it finds
  place_signing_keys
  place_encryption_keys
}

place_policies() {
  write_file 0600 "$KUBERNETES/policies/audit.yaml" <"$BUNDLE/files/audit-policy.yaml"
  write_file 0600 "$KUBERNETES/policies/authentication.yaml" <"$BUNDLE/files/authentication.yaml"
}

half_done() { compgen -G "$KUBERNETES/manifests/*.yaml" >/dev/null || compgen -G "$KUBERNETES/*.conf" >/dev/null; }

write_init_config() {
  fill "$BUNDLE/config/kubeadm-init.yaml" NODE_NAME NODE_IP PROVIDER_ID NODE_TAINTS >"$RUN/kubeadm.yaml"
}

run_init() {
  local -a options=(--config "$RUN/kubeadm.yaml" --skip-token-print --skip-certificate-key-print)
  if etcd_has_data; then
    # What an attempt that stopped half way, or a restore, leaves; every phase of kubeadm keeps what it finds.
    options+=(--ignore-preflight-errors "DirAvailable--var-lib-etcd,FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml,\
FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml,FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml,\
FileAvailable--etc-kubernetes-manifests-etcd.yaml,Port-6443,Port-10250,Port-10257,Port-10259,Port-2379,Port-2380")
  fi
  kubeadm init "${options[@]}"
}

initialise() {
  if [[ -e "$STATE/initialised" ]]; then
    say "initialised already"
    return 0
  fi
  if half_done && ! etcd_has_data; then
    reset_node
  fi
  step "decide where etcd's data comes from" decide_data
  step "place the cluster's keys" place_keys
  step "place the API server's policies" place_policies
  step "pull the control plane's images" retry kubeadm config images pull --kubernetes-version "v$KUBERNETES_VERSION"
  write_init_config
  step "kubeadm init" run_init
  step "wait for the API server" wait_for_api
  step "register this machine, not the one before it" replace_stale_master
  step "publish the keys that AWS verifies tokens with" publish_keys
  step "say who may ask to join" let_machines_join
  rm -f "$RUN/kubeadm.yaml"
  touch "$STATE/initialised"
}

# After a restore the Node object still says which instance it was; that field cannot be changed.
replace_stale_master() {
  local -a kubectl=(kubectl --kubeconfig "$KUBERNETES/admin.conf")
  local known
  known=$("${kubectl[@]}" get node "$NODE_NAME" --ignore-not-found --output 'jsonpath={.spec.providerID}')
  if [[ -n "$known" && "$known" != "$PROVIDER_ID" ]]; then
    say "$NODE_NAME was $known: its Node object is replaced"
    "${kubectl[@]}" delete node "$NODE_NAME"
    systemctl restart kubelet
    retry "${kubectl[@]}" get node "$NODE_NAME"
    kubeadm init phase mark-control-plane --config "$RUN/kubeadm.yaml"
  fi
}

let_machines_join() { # and end what kubeadm gives: with that, whoever holds its group's token is whichever node they like
  local -a kubectl=(kubectl --kubeconfig "$KUBERNETES/admin.conf")
  "${kubectl[@]}" delete clusterrolebinding --ignore-not-found kubeadm:node-autoapprove-bootstrap
  retry "${kubectl[@]}" apply --server-side --force-conflicts --filename "$BUNDLE/files/join-access.yaml"
}

start_timers() {
  local unit any=no
  for unit in eco2-admission eco2-etcd-snapshot; do
    write_file 0644 "$ROOT/etc/systemd/system/$unit.service" <"$BUNDLE/systemd/$unit.service"
    [[ "$CHANGED" = no ]] || any=yes
    write_file 0644 "$ROOT/etc/systemd/system/$unit.timer" <"$BUNDLE/systemd/$unit.timer"
    [[ "$CHANGED" = no ]] || any=yes
  done
  if [[ "$any" = yes ]]; then
    systemctl daemon-reload
    systemctl enable --now eco2-admission.timer eco2-etcd-snapshot.timer
  fi
}

control_plane() {
  initialise
  step "start the timers of admission and snapshots" start_timers
}
