#!/bin/bash
# k8s-master: what Secrets are encrypted with in etcd, from SSM. The API server reads the file anew by itself.
# A key's name follows from the key, for etcd remembers the name. kubernetes/encryption-key-previous is there only while keys change.
set -euo pipefail

# shellcheck source=deploy/eco2/bootstrap/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

entry() { # KEY: as one element of `keys`
  local size name
  size=$(base64 --decode <<<"$1" 2>/dev/null | wc -c) || true
  ((size == 32)) || die "$PARAMETER_PATH/kubernetes/encryption-key must be 32 bytes in base64; it is $size"
  name=$(sha256sum <<<"$1")
  printf '              - {name: key-%s, secret: %s}\n' "${name:0:8}" "$1"
}

write_encryption_config() {
  local current previous config status=0 ENCRYPTION_KEYS
  current=$(require_parameter kubernetes/encryption-key)
  previous=$(read_parameter kubernetes/encryption-key-previous) || status=$?
  ((status == 0 || status == 3)) || die "cannot read the SSM parameter $PARAMETER_PATH/kubernetes/encryption-key-previous"
  ENCRYPTION_KEYS=$(entry "$current")
  if [[ -n "$previous" ]]; then
    ENCRYPTION_KEYS+=$'\n'$(entry "$previous")
  fi
  config=$(fill "$BUNDLE/config/encryption.yaml" ENCRYPTION_KEYS)
  write_file 0600 "$KUBERNETES/encryption/config.yaml" <<<"$config"
  say "encryption at rest: $(grep -c 'secret:' <<<"$ENCRYPTION_KEYS") key(s), changed: $CHANGED"
}

write_encryption_config
