#!/bin/bash
# k8s-master, by hand: other keys for service accounts' tokens. `add`, `switch` and `drop`, one after the other; `replace` when one leaked.
# docs/runbooks/eco2-certificate-rotation.md
set -euo pipefail

# shellcheck source=deploy/eco2/bootstrap/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deploy/eco2/bootstrap/etcd.sh
. "$BUNDLE/etcd.sh"
# shellcheck source=deploy/eco2/bootstrap/keys.sh
. "$BUNDLE/keys.sh"

key_ids() { # of a JWKS on standard input
  python3 -I -S -c 'import json, sys
print(" ".join(sorted(key["kid"] for key in json.load(sys.stdin)["keys"])))'
}

both_are_seen() { # by whoever asks the issuer
  local own seen
  own=$(kubectl --kubeconfig "$KUBERNETES/admin.conf" get --raw /openid/v1/jwks | key_ids)
  seen=$(curl --fail --silent --show-error --max-time 20 "https://$ISSUER_HOST/openid/v1/jwks" | key_ids)
  [[ "$own" = "$seen" ]] || die "https://$ISSUER_HOST/openid/v1/jwks does not have both keys yet: wait, then switch"
}

want() { # COUNT COMMAND
  local there
  there=$(count_keys <<<"$KEYS")
  ((there == $1)) || die "there are $there key(s): \`$2\` wants $1 (docs/runbooks/eco2-certificate-rotation.md)"
}

next_keys() { # COMMAND: the list that it makes of the one in KEYS
  case $1 in
    add) printf '%s\n' "$KEYS" && new_signing_key ;;
    switch) nth_key 2 <<<"$KEYS" && nth_key 1 <<<"$KEYS" ;;
    drop) nth_key 1 <<<"$KEYS" ;;
    replace) new_signing_key ;;
  esac
}

at_end() { start_control_plane; }

is_control_plane || die "this is $NODE_NAME: the keys are k8s-master's"
KEYS=$(require_parameter "$SIGNING_KEYS")
case ${1:-} in
  add) want 1 add ;;
  switch)
    want 2 switch
    step "ask the issuer for both keys" both_are_seen
    ;;
  drop) want 2 drop ;;
  replace | again) ;;
  *) die "say what to do: $0 add | switch | drop | replace | again" ;;
esac
if [[ "$1" != again ]]; then
  step "write the keys to SSM" write_parameter "$SIGNING_KEYS" --overwrite < <(next_keys "$1")
fi
step "stop the control plane" stop_control_plane
step "place the keys" place_signing_keys
step "start the control plane" start_control_plane
step "wait for the API server" wait_for_api
step "publish the keys" publish_keys
say "the first of $(count_keys <"$KUBERNETES/pki/sa.pub") key(s) signs"
