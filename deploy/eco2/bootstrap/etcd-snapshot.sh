#!/bin/bash
# k8s-master, on a timer and before risky work: etcd and the cluster's authorities to S3, checked before they are sent.
set -euo pipefail

# shellcheck source=deploy/eco2/bootstrap/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deploy/eco2/bootstrap/etcd.sh
. "$BUNDLE/etcd.sh"

WORK=$STATE/etcd
METRICS=$ROOT/var/lib/node-exporter
TIME=$(date --utc +%Y%m%dT%H%M%SZ)

save() {
  rm -rf "$WORK"
  mkdir -p "$WORK"
  etcd_tool etcdctl --endpoints https://127.0.0.1:2379 --cacert /pki/ca.crt \
    --cert /pki/healthcheck-client.crt --key /pki/healthcheck-client.key snapshot save /work/etcd.db
}

check() {
  check_snapshot etcd.db || die "the snapshot is corrupt or empty: it is not sent, and the last good one stays the newest"
}

pack() {
  local etcd authorities
  tar --create --gzip --file "$WORK/authorities.tar.gz" --directory "$KUBERNETES/pki" "${AUTHORITIES[@]}"
  etcd=$(sha256sum <"$WORK/etcd.db")
  authorities=$(sha256sum <"$WORK/authorities.tar.gz")
  printf '{"time": "%s", "kubernetes": "%s", "etcd_sha256": "%s", "authorities_sha256": "%s"}\n' \
    "$TIME" "$KUBERNETES_VERSION" "${etcd%% *}" "${authorities%% *}" >"$WORK/manifest.json"
}

send() { # the manifest last: a snapshot without one does not exist
  local file
  for file in etcd.db authorities.tar.gz manifest.json; do
    retry aws s3 cp --only-show-errors --region "$REGION" --sse aws:kms --sse-kms-key-id "$KMS_KEY" \
      "$WORK/$file" "s3://$SNAPSHOT_BUCKET/snapshots/$TIME/$file"
  done
}

report() { # what node-exporter shows, and the alert EtcdSnapshotTooOld looks at
  mkdir -p "$METRICS"
  chmod 0755 "$METRICS"
  printf 'eco2_etcd_snapshot_last_success_timestamp_seconds %s\n' "$(date --utc +%s)" >"$METRICS/eco2-etcd-snapshot.tmp"
  chmod 0644 "$METRICS/eco2-etcd-snapshot.tmp"
  mv "$METRICS/eco2-etcd-snapshot.tmp" "$METRICS/eco2-etcd-snapshot.prom"
}

REMOVE_AT_END+=("$WORK")
step "save etcd" save
step "check the snapshot" check
step "pack the cluster's authorities" pack
step "send s3://$SNAPSHOT_BUCKET/snapshots/$TIME/" send
step "report to the monitoring" report
say "saved s3://$SNAPSHOT_BUCKET/snapshots/$TIME/"
