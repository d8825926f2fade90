#!/bin/bash
# etcd's snapshots: where they are, how they are checked, and how the control plane is stopped around a restore. Sourced, after lib.sh.
# A snapshot is three objects below snapshots/<time>/: etcd.db, authorities.tar.gz and, written last, manifest.json. Its checksums are in
# another bucket, so that who could put other bytes here does not say what is right.

SNAPSHOT_NAME='^[0-9]{8}T[0-9]{6}Z$'
MANIFESTS=(etcd kube-apiserver kube-controller-manager kube-scheduler)
# What a new master cannot make anew: the authorities that the nodes trust. Every other certificate is signed again.
# shellcheck disable=SC2034  # etcd-snapshot.sh packs them
AUTHORITIES=(ca.crt ca.key front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key)

etcd_tool() { # PROGRAM ARGUMENT...: etcdctl or etcdutl of the cluster's own etcd image; only the host's folders that it needs
  local image
  image=$(kubeadm config images list --kubernetes-version "v$KUBERNETES_VERSION" | grep '/etcd:') || return 1
  if ! ctr --namespace k8s.io images list --quiet | grep --quiet --fixed-strings --line-regexp "$image"; then
    retry ctr --namespace k8s.io images pull "$image" >/dev/null || return 1
  fi
  mkdir -p "$KUBERNETES/pki/etcd" "$STATE/etcd"
  ctr --namespace k8s.io run --rm --net-host \
    --mount "type=bind,src=$KUBERNETES/pki/etcd,dst=/pki,options=rbind:ro" \
    --mount "type=bind,src=$STATE/etcd,dst=/work,options=rbind:rw" \
    "$image" "eco2-etcd-$$-$RANDOM" "$@"
}

check_snapshot() { # FILE below the work folder: etcdutl reads it whole; an empty one is none
  local keys
  keys=$(etcd_tool etcdutl snapshot status "/work/$1" --write-out json | json_fields totalKey) || return 1
  ((keys > 0))
}

list_snapshots() { # complete ones, oldest first
  local keys
  keys=$(aws s3api list-objects-v2 --region "$REGION" --bucket "$SNAPSHOT_BUCKET" --prefix snapshots/ \
    --query 'Contents[].Key' --output text) || return 1
  tr '\t' '\n' <<<"$keys" | sed -n 's#^snapshots/\([^/]*\)/manifest\.json$#\1#p' | grep -E "$SNAPSHOT_NAME" | sort || true
}

stop_control_plane() { # the kubelet ends a static pod whose manifest is gone
  local name attempt
  mkdir -p "$KUBERNETES/manifests.stopped"
  for name in "${MANIFESTS[@]}"; do
    if [[ -e "$KUBERNETES/manifests/$name.yaml" ]]; then
      mv -f "$KUBERNETES/manifests/$name.yaml" "$KUBERNETES/manifests.stopped/"
    fi
  done
  for attempt in {1..60}; do
    if ! pgrep -x etcd >/dev/null && ! pgrep -x kube-apiserver >/dev/null; then return 0; fi
    say "waiting for etcd and the API server to end ($attempt of 60)"
    sleep 2
  done
  say "etcd or the API server still runs: nothing was changed; start them again by moving" >&2
  say "$KUBERNETES/manifests.stopped/*.yaml back to $KUBERNETES/manifests/" >&2
  return 1
}

start_control_plane() {
  local name
  for name in "${MANIFESTS[@]}"; do
    if [[ -e "$KUBERNETES/manifests.stopped/$name.yaml" ]]; then
      mv -f "$KUBERNETES/manifests.stopped/$name.yaml" "$KUBERNETES/manifests/"
    fi
  done
}

download_snapshot() { # TIME: into the work folder, checked
  local base=s3://$SNAPSHOT_BUCKET/snapshots/$1 sums=s3://$CHECKSUM_BUCKET/snapshots/$1.sha256 file
  if ! retry aws s3 cp --only-show-errors --region "$REGION" "$sums" "$STATE/etcd/sums"; then
    say "the snapshot $1 has no checksums at $sums: refused; take another one" >&2
    return 1
  fi
  for file in etcd.db authorities.tar.gz; do
    retry aws s3 cp --only-show-errors --region "$REGION" "$base/$file" "$STATE/etcd/$file"
  done
  # By name: a list that leaves one out would let it through.
  for file in etcd.db authorities.tar.gz; do
    if ! grep "^[0-9a-f]\{64\}  $file\$" "$STATE/etcd/sums" | (cd "$STATE/etcd" && sha256sum --check --status); then
      say "$file of the snapshot $1 is not what $sums says: refused; take another one" >&2
      return 1
    fi
  done
  if ! check_snapshot etcd.db; then
    say "etcdutl does not accept the snapshot $1: refused; take another one" >&2
    return 1
  fi
}

restore_data() { # etcd's data, beside the old; nothing is deleted
  local new=$STATE/etcd/restored
  rm -rf "$new"
  # The revision leaps, so that no watch of before sees an older one.
  etcd_tool etcdutl snapshot restore /work/etcd.db --data-dir /work/restored --name "$NODE_NAME" \
    --initial-cluster "$NODE_NAME=https://$NODE_IP:2380" --initial-advertise-peer-urls "https://$NODE_IP:2380" \
    --bump-revision 1000000000 --mark-compacted
  [[ -d "$new/member" ]] || die "etcdutl restored nothing: $new has no member folder"
  if [[ -e "$ETCD_DATA" ]]; then
    mv "$ETCD_DATA" "$ETCD_DATA.before-$(date --utc +%Y%m%dT%H%M%SZ)"
  fi
  mkdir -p "$(dirname "$ETCD_DATA")"
  mv "$new" "$ETCD_DATA"
  chmod 0700 "$ETCD_DATA"
}

restore_authorities() { # where the machine has its own it keeps them: they are the cluster's, or the restore was aimed wrong
  if [[ -e "$KUBERNETES/pki/ca.key" ]]; then
    say "the cluster's authorities are here already"
    return 0
  fi
  mkdir -p "$KUBERNETES/pki"
  tar --extract --gzip --file "$STATE/etcd/authorities.tar.gz" --directory "$KUBERNETES/pki"
}

at_end() { # a restore that failed leaves the control plane as it was
  if etcd_has_data; then start_control_plane; fi
}

restore_snapshot() { # TIME or latest
  local time=$1 snapshots
  snapshots=$(list_snapshots) || die "cannot list s3://$SNAPSHOT_BUCKET/snapshots/"
  if [[ "$time" = latest ]]; then
    time=$(tail -n 1 <<<"$snapshots")
  fi
  if [[ -z "$time" ]] || ! grep --quiet --line-regexp --fixed-strings "$time" <<<"$snapshots"; then
    die "there is no complete snapshot '$1' in s3://$SNAPSHOT_BUCKET/snapshots/; there are: ${snapshots//$'\n'/ }"
  fi
  say "restoring the snapshot $time"
  mkdir -p "$STATE/etcd"
  REMOVE_AT_END+=("$STATE/etcd")
  download_snapshot "$time"
  stop_control_plane
  restore_authorities
  restore_data
  start_control_plane
  rm -rf "$STATE/etcd"
}
