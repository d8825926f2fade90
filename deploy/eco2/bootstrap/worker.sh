#!/bin/bash
# Every node but k8s-master: wait for the control plane's hand-over, join, and be registered as this very instance. Sourced, after lib.sh.

HAND_OVER=kubernetes/join
JOIN_ATTEMPTS=${JOIN_ATTEMPTS:-12}
REGISTER_ATTEMPTS=60

# The master writes it every quarter of an hour. Sets TOKEN and CA_HASH; status 1 with the reason in WAITING_FOR.
read_hand_over() {
  local text status=0 expires until
  local -a fields
  text=$(read_parameter "$HAND_OVER") || status=$?
  case $status in
    0) ;;
    3)
      WAITING_FOR="k8s-master has not written $PARAMETER_PATH/$HAND_OVER yet"
      return 1
      ;;
    *)
      WAITING_FOR="$PARAMETER_PATH/$HAND_OVER cannot be read"
      return 1
      ;;
  esac
  mapfile -t fields < <(json_fields token ca_hash expires <<<"$text" 2>/dev/null)
  TOKEN=${fields[0]:-} CA_HASH=${fields[1]:-} expires=${fields[2]:-}
  if [[ ! "$TOKEN" =~ ^[a-z0-9]{6}\.[a-z0-9]{16}$ || ! "$CA_HASH" =~ ^sha256:[0-9a-f]{64}$ ]] ||
    ! until=$(date --date "$expires" +%s 2>/dev/null) || [[ -z "$expires" ]]; then
    WAITING_FOR="$PARAMETER_PATH/$HAND_OVER is not a token, a CA hash and a time"
    return 1
  fi
  if ((until <= $(date +%s))); then
    WAITING_FOR="the token in $PARAMETER_PATH/$HAND_OVER expired at $expires; k8s-master writes a new one every 15 minutes"
    return 1
  fi
}

wait_for_hand_over() {
  local attempt delay=5
  for ((attempt = 1; attempt <= JOIN_ATTEMPTS; attempt++)); do
    if read_hand_over; then return 0; fi
    if ((attempt < JOIN_ATTEMPTS)); then
      say "waiting for the control plane: $WAITING_FOR (attempt $attempt of $JOIN_ATTEMPTS, next one in ${delay}s)"
      sleep "$delay"
      delay=$((delay * 2 > 60 ? 60 : delay * 2))
    fi
  done
  die "the control plane is not there: $WAITING_FOR; systemd starts this again in 30 seconds"
}

join_cluster() {
  if [[ -s "$KUBERNETES/kubelet.conf" ]]; then
    say "joined already"
    return 0
  fi
  if [[ -e "$KUBERNETES/bootstrap-kubelet.conf" || -e "$KUBERNETES/pki/ca.crt" ]]; then
    reset_node
  fi
  wait_for_hand_over
  # The token is in a file of this run only: not among the arguments, not in the log.
  fill "$BUNDLE/config/kubeadm-join.yaml" TOKEN CA_HASH NODE_NAME NODE_IP PROVIDER_ID NODE_LABELS NODE_TAINTS >"$RUN/kubeadm.yaml"
  kubeadm join --config "$RUN/kubeadm.yaml"
  rm -f "$RUN/kubeadm.yaml"
}

# A node that replaces a lost one of its name finds the old one's Node object, which the cloud controller deletes once it is not
# ready: so this kubelet keeps still until it is gone.
be_registered() {
  local attempt known status started=0
  for ((attempt = 1; attempt <= REGISTER_ATTEMPTS; attempt++)); do
    status=0
    known=$(kubectl --kubeconfig "$KUBERNETES/kubelet.conf" get node "$NODE_NAME" --output 'jsonpath={.spec.providerID}' \
      2>"$RUN/errors") || status=$?
    if ((status == 0)) && [[ "$known" = "$PROVIDER_ID" ]]; then
      say "$NODE_NAME is registered as $PROVIDER_ID"
      return 0
    elif ((status == 0)) && [[ -n "$known" ]]; then
      say "waiting for the cloud controller to remove the lost node: $NODE_NAME is still $known ($attempt of $REGISTER_ATTEMPTS)"
      systemctl stop kubelet
      started=0
    elif ((status != 0 && (started == 0 || attempt - started > 6))) && grep --quiet NotFound "$RUN/errors"; then
      say "$NODE_NAME is not registered: starting kubelet ($attempt of $REGISTER_ATTEMPTS)"
      systemctl restart kubelet
      started=$attempt
    else
      say "waiting for $NODE_NAME to be registered ($attempt of $REGISTER_ATTEMPTS): $(tail -n 1 "$RUN/errors")"
    fi
    sleep 10
  done
  systemctl start kubelet
  die "$NODE_NAME is not registered as this instance; if the old one is gone for good: kubectl delete node $NODE_NAME"
}

worker() {
  step "join the cluster at $CONTROL_PLANE_HOST" join_cluster
  step "be registered as this instance" be_registered
}
