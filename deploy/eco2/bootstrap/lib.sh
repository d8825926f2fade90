#!/bin/bash
# Shared by every script of the bundle: settings, log lines, retries, files, parameters, and what the machine knows of itself.
set -euo pipefail
umask 077

ROOT=${ROOT:-} # file system root; only tests set it
BUNDLE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STATE=$ROOT/var/lib/eco2
RUN=$ROOT/run/eco2 # tmpfs: what is secret does not reach the disk
KUBERNETES=$ROOT/etc/kubernetes
ETCD_DATA=$ROOT/var/lib/etcd
CURRENT_STEP="starting"

# shellcheck source=/dev/null
. "$BUNDLE/settings.env"
# shellcheck source=/dev/null
. "$ROOT/etc/eco2/node.env"

export HOME=${HOME:-/root}
mkdir -p "$STATE" "$RUN"

say() { echo "eco2: $*"; }

die() {
  say "$*" >&2
  exit 1
}

step() { # DESCRIPTION COMMAND...
  CURRENT_STEP=$1
  say "==> $CURRENT_STEP"
  shift
  "$@"
}

REMOVE_AT_END=() # what holds a secret, or is of no use after the script

end() {
  local status=$?
  rm -rf "${REMOVE_AT_END[@]}"
  if declare -F at_end >/dev/null; then at_end; fi
  if ((status != 0)); then
    say "==> FAILED (exit $status) while: $CURRENT_STEP" >&2
  fi
  exit "$status"
}
trap end EXIT

retry() { # COMMAND...: five attempts, 5, 10, 20 and 40 seconds apart
  local attempt delay=5
  for attempt in 1 2 3 4; do
    if "$@"; then return 0; fi
    say "attempt $attempt of 5 failed, next one in ${delay}s: $*" >&2
    sleep "$delay"
    delay=$((delay * 2))
  done
  if "$@"; then return 0; fi
  say "gave up after 5 attempts: $*" >&2
  return 1
}

folder() { # PATH: everybody may look into it
  (umask 022 && mkdir -p "$1")
}

CHANGED=no # whether the last `write_file` wrote anything

write_file() { # MODE PATH: standard input becomes the file, whole or not at all; nothing happens when it is so already
  local temp
  folder "$(dirname "$2")"
  temp=$(mktemp "$2.XXXXXX")
  cat >"$temp"
  if [[ -e "$2" ]] && cmp --silent "$temp" "$2"; then
    rm -f "$temp"
    CHANGED=no
    return 0
  fi
  chmod "$1" "$temp"
  mv -f "$temp" "$2"
  # shellcheck disable=SC2034  # read where something must be started anew
  CHANGED=yes
}

fill() { # FILE NAME...: prints it with @NAME@ replaced by the variable's value, without showing a value to another process
  local text name
  text=$(<"$1")
  shift
  for name in "$@"; do
    text=${text//"@$name@"/"${!name}"}
  done
  printf '%s\n' "$text"
}

json_fields() { # NAME...: the values of a JSON object on standard input, one a line
  python3 -I -S -c 'import json, sys
data = json.load(sys.stdin)
print("\n".join(str(data[name]) for name in sys.argv[1:]))' "$@"
}

fetch() { # URL SHA256 PATH MODE: what is there already with that checksum stays
  local temp
  if [[ -e "$3" ]] && echo "$2  $3" | sha256sum --check --status; then
    return 0
  fi
  folder "$(dirname "$3")"
  temp=$(mktemp "$3.XXXXXX")
  if ! retry curl --fail --silent --show-error --location --proto '=https' --max-time 300 --output "$temp" "$1"; then
    rm -f "$temp"
    return 1
  fi
  if ! echo "$2  $temp" | sha256sum --check --status; then
    rm -f "$temp"
    say "$1 does not match its pinned checksum $2: refused" >&2
    return 1
  fi
  chmod "$4" "$temp"
  mv -f "$temp" "$3"
}

read_parameter() { # NAME: prints its value; status 3 when there is none, 1 for any other failure
  local value errors status=0
  errors=$(mktemp "$RUN/errors.XXXXXX")
  value=$(aws ssm get-parameter --region "$REGION" --name "$PARAMETER_PATH/$1" --with-decryption \
    --query Parameter.Value --output text 2>"$errors") || status=$?
  if ((status == 0)); then
    printf '%s\n' "$value"
  elif grep -q ParameterNotFound "$errors"; then
    status=3
  else
    cat "$errors" >&2
    status=1
  fi
  rm -f "$errors"
  return "$status"
}

require_parameter() { # NAME: prints its value, or says what is missing
  local value status=0
  value=$(read_parameter "$1") || status=$?
  case $status in
    0) printf '%s\n' "$value" ;;
    3)
      say "the SSM parameter $PARAMETER_PATH/$1 is missing" >&2
      return 1
      ;;
    *)
      say "cannot read the SSM parameter $PARAMETER_PATH/$1: may this node's role read and decrypt it?" >&2
      return 1
      ;;
  esac
}

write_parameter() { # NAME OPTION...: standard input becomes the value of a SecureString; the client reads it from a file of tmpfs
  local file status=0
  file=$(mktemp "$RUN/value.XXXXXX")
  cat >"$file"
  if [[ -s "$file" ]]; then
    aws ssm put-parameter --region "$REGION" --name "$PARAMETER_PATH/$1" --type SecureString --key-id "$KMS_KEY" \
      --value "file://$file" "${@:2}" >/dev/null || status=$?
  else
    status=1
  fi
  rm -f "$file"
  return "$status"
}

imds() { # PATH under meta-data; the session token goes through standard input, not the arguments
  curl --fail --silent --show-error --max-time 5 --header @- \
    "http://169.254.169.254/latest/meta-data/$1" <<<"X-aws-ec2-metadata-token: $IMDS_TOKEN"
}

read_machine() {
  IMDS_TOKEN=$(retry curl --fail --silent --show-error --max-time 5 --request PUT \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
  INSTANCE_ID=$(imds instance-id)
  NODE_IP=$(imds local-ipv4)
  ZONE=$(imds placement/availability-zone)
  # shellcheck disable=SC2034  # filled into kubeadm's configuration
  PROVIDER_ID=aws:///$ZONE/$INSTANCE_ID
  # An Auto Scaling group's nodes have no documented name.
  NODE_NAME=${NODE_NAME:-k8s-tenant-$INSTANCE_ID}
  [[ -n "$INSTANCE_ID" && -n "$NODE_IP" && -n "$ZONE" ]] || die "the instance metadata service did not answer in full"
}

is_control_plane() { [[ "$NODE_ROLE" = control-plane ]]; }

etcd_has_data() { [[ -d "$ETCD_DATA/member" ]]; }

reset_node() { # back to before kubeadm; never where etcd holds data
  if etcd_has_data; then
    die "refusing to reset this machine: $ETCD_DATA holds the cluster's data"
  fi
  say "an earlier attempt stopped half way: resetting what it left"
  kubeadm reset --force --cri-socket unix:///run/containerd/containerd.sock
}

wait_for_api() {
  retry kubectl --kubeconfig "$KUBERNETES/admin.conf" get --raw /readyz >/dev/null
}
