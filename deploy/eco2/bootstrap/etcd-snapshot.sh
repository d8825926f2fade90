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
  printf '%s  etcd.db\n%s  authorities.tar.gz\n' "${etcd%% *}" "${authorities%% *}" >"$WORK/sums"
  printf '{"time": "%s", "kubernetes": "%s"}\n' "$TIME" "$KUBERNETES_VERSION" >"$WORK/manifest.json"
}

put_once() { # FILE BUCKET KEY: over nothing that is there, and locked as long as snapshots are kept; one PUT takes 5 GB, etcd's quota is 4
  local until
  until=$(date --utc --date "+$SNAPSHOT_DAYS days" +%Y-%m-%dT%H:%M:%SZ)
  retry aws s3api put-object --region "$REGION" --bucket "$2" --key "$3" --body "$1" --if-none-match '*' \
    --checksum-algorithm SHA256 --server-side-encryption aws:kms --ssekms-key-id "$KMS_KEY" \
    --object-lock-mode "$SNAPSHOT_LOCK" --object-lock-retain-until-date "$until" >/dev/null
}

send() { # the checksums apart, and the manifest last: a snapshot without one does not exist
  local file
  put_once "$WORK/sums" "$CHECKSUM_BUCKET" "snapshots/$TIME.sha256"
  for file in etcd.db authorities.tar.gz manifest.json; do
    put_once "$WORK/$file" "$SNAPSHOT_BUCKET" "snapshots/$TIME/$file"
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
