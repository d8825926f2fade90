#!/bin/bash
# k8s-master, by hand: other keys for Secrets in etcd. `rotate`, then later `drop`; `again` places them as they are in SSM.
# The API server reads the file anew by itself. docs/runbooks/eco2-certificate-rotation.md
set -euo pipefail

# shellcheck source=deploy/eco2/bootstrap/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deploy/eco2/bootstrap/etcd.sh
. "$BUNDLE/etcd.sh"
# shellcheck source=deploy/eco2/bootstrap/keys.sh
. "$BUNDLE/keys.sh"

is_control_plane || die "this is $NODE_NAME: the keys are k8s-master's"
KEYS=$(require_parameter "$ENCRYPTION_KEYS_PARAMETER")
case ${1:-} in
  rotate) write_parameter "$ENCRYPTION_KEYS_PARAMETER" --overwrite < <(new_encryption_key && printf '%s\n' "$KEYS") ;;
  drop) write_parameter "$ENCRYPTION_KEYS_PARAMETER" --overwrite < <(head -n 1 <<<"$KEYS") ;;
  again) ;;
  *) die "say what to do: $0 rotate | drop | again" ;;
esac
step "place the keys" place_encryption_keys
