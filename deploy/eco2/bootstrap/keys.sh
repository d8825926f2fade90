#!/bin/bash
# k8s-master's own keys, made here and kept in SSM: those that sign service accounts' tokens, and those that encrypt Secrets in etcd.
# Each parameter is a list of which the first is used and all are accepted. Sourced, after lib.sh and etcd.sh.

SIGNING_KEYS=kubernetes/service-account-keys
ENCRYPTION_KEYS_PARAMETER=kubernetes/encryption-keys

new_signing_key() { openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048; }

new_encryption_key() { openssl rand -base64 32; }

# A cluster's keys are made once. One that has data and no keys has lost them: others would leave it unreadable.
have_keys() { # NAME MAKE: unless there is one, the parameter is made
  local status=0
  read_parameter "$1" >/dev/null || status=$?
  case $status in
    0) ;;
    3)
      if etcd_has_data; then
        say "the SSM parameter $PARAMETER_PATH/$1 is missing, and this cluster has data that needs it:" >&2
        die "see docs/runbooks/eco2-certificate-rotation.md, A key is lost"
      fi
      say "this cluster has no $1 yet: they are made"
      write_parameter "$1" < <("$2")
      ;;
    *) die "cannot read the SSM parameter $PARAMETER_PATH/$1: may this node's role read and decrypt it?" ;;
  esac
}

nth_key() { # N: of PEM on standard input
  awk -v wanted="$1" '/^-----BEGIN/ { found++ } found == wanted'
}

count_keys() { grep --count '^-----BEGIN'; }

place_signing_keys() { # the first signs, all verify
  local keys public="" number
  have_keys "$SIGNING_KEYS" new_signing_key
  keys=$(require_parameter "$SIGNING_KEYS")
  for ((number = 1; number <= $(count_keys <<<"$keys"); number++)); do
    public+=$(nth_key "$number" <<<"$keys" | openssl pkey -pubout)$'\n'
  done
  write_file 0600 "$KUBERNETES/pki/sa.key" < <(nth_key 1 <<<"$keys")
  write_file 0600 "$KUBERNETES/pki/sa.pub" < <(printf '%s' "$public")
}

encryption_entry() { # KEY: as one element of `keys`; its name follows from the key, for etcd remembers the name
  local size name
  size=$(base64 --decode <<<"$1" 2>/dev/null | wc -c) || true
  ((size == 32)) || die "each line of $PARAMETER_PATH/$ENCRYPTION_KEYS_PARAMETER must be 32 bytes in base64; one is $size"
  name=$(sha256sum <<<"$1")
  printf '              - {name: key-%s, secret: %s}\n' "${name:0:8}" "$1"
}

place_encryption_keys() {
  local keys key config ENCRYPTION_KEYS=""
  have_keys "$ENCRYPTION_KEYS_PARAMETER" new_encryption_key
  keys=$(require_parameter "$ENCRYPTION_KEYS_PARAMETER")
  while read -r key; do ENCRYPTION_KEYS+=$(encryption_entry "$key")$'\n'; done <<<"$keys"
  ENCRYPTION_KEYS=${ENCRYPTION_KEYS%$'\n'}
  config=$(fill "$BUNDLE/config/encryption.yaml" ENCRYPTION_KEYS)
  write_file 0600 "$KUBERNETES/encryption/config.yaml" <<<"$config"
  say "encryption at rest: $(grep --count 'secret:' <<<"$ENCRYPTION_KEYS") key(s), changed: $CHANGED"
}

publish_keys() { # what AWS verifies tokens with, as the API server itself has it
  kubectl --kubeconfig "$KUBERNETES/admin.conf" get --raw /openid/v1/jwks >"$RUN/jwks.json"
  retry aws s3 cp --only-show-errors --region "$REGION" --content-type application/json --cache-control "public, max-age=300" \
    "$RUN/jwks.json" "s3://$ISSUER_BUCKET/openid/v1/jwks"
  rm -f "$RUN/jwks.json"
}
