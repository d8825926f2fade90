#!/bin/bash
# k8s-master, every 15 minutes: a token of 30 minutes and the hash of the CA's key, as JSON in an SSM SecureString.
set -euo pipefail

# shellcheck source=deploy/eco2/bootstrap/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

MINUTES=30

write_hand_over() {
  local expires token hash
  expires=$(date --utc --date "+$MINUTES minutes" +%Y-%m-%dT%H:%M:%SZ)
  token=$(kubeadm token create --kubeconfig "$KUBERNETES/admin.conf" --ttl "${MINUTES}m" --description "hand-over to new nodes")
  hash=$(openssl x509 -in "$KUBERNETES/pki/ca.crt" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum)
  printf '{"token": "%s", "ca_hash": "sha256:%s", "expires": "%s"}' "$token" "${hash%% *}" "$expires" >"$RUN/join.json"
  # The value is read from the file by the client: it is no argument.
  aws ssm put-parameter --region "$REGION" --name "$PARAMETER_PATH/kubernetes/join" --type SecureString --key-id "$KMS_KEY" \
    --overwrite --value "file://$RUN/join.json" >/dev/null
  say "wrote $PARAMETER_PATH/kubernetes/join; it is good until $expires"
}

REMOVE_AT_END+=("$RUN/join.json")
step "hand a join token over" write_hand_over
