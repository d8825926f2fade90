#!/bin/bash
# Every node but k8s-master: wait for this machine's own hand-over, join, and be registered. Sourced, after lib.sh.

JOIN_ATTEMPTS=${JOIN_ATTEMPTS:-12}
REGISTER_ATTEMPTS=30

# k8s-master writes it once no Node object has this node's name, and deletes it when the node has joined. Until there is one the
# Parameter Store answers that it may not be read. Sets TOKEN and CA_HASH; status 1 with the reason in WAITING_FOR.
read_hand_over() {
  local parameter=kubernetes/join/$INSTANCE_ID text expires until
  local -a fields
  if ! text=$(read_parameter "$parameter"); then
    WAITING_FOR="k8s-master has not written $PARAMETER_PATH/$parameter yet: a Node object of $NODE_NAME may be left of a lost machine"
    return 1
  fi
  mapfile -t fields < <(json_fields token ca_hash expires <<<"$text" 2>/dev/null)
  TOKEN=${fields[0]:-} CA_HASH=${fields[1]:-} expires=${fields[2]:-}
  if [[ ! "$TOKEN" =~ ^[a-z0-9]{6}\.[a-z0-9]{16}$ || ! "$CA_HASH" =~ ^sha256:[0-9a-f]{64}$ ]] ||
    ! until=$(date --date "$expires" +%s 2>/dev/null) || [[ -z "$expires" ]]; then
    WAITING_FOR="$PARAMETER_PATH/$parameter is not a token, a CA hash and a time"
    return 1
  fi
  if ((until <= $(date +%s))); then
    WAITING_FOR="the token in $PARAMETER_PATH/$parameter expired at $expires; k8s-master replaces it before that while it runs"
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
  die "the control plane does not let this machine in: $WAITING_FOR; systemd starts this again in 30 seconds"
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
  fill "$BUNDLE/config/kubeadm-join.yaml" TOKEN CA_HASH NODE_NAME NODE_IP PROVIDER_ID NODE_TAINTS >"$RUN/kubeadm.yaml"
  kubeadm join --config "$RUN/kubeadm.yaml"
  rm -f "$RUN/kubeadm.yaml"
}

# A kubelet whose Node object was deleted, or forgotten by a restore of etcd, registers again when it starts.
be_registered() {
  local attempt known status
  for ((attempt = 1; attempt <= REGISTER_ATTEMPTS; attempt++)); do
    status=0
    known=$(kubectl --kubeconfig "$KUBERNETES/kubelet.conf" get node "$NODE_NAME" --output 'jsonpath={.spec.providerID}' \
      2>"$RUN/errors") || status=$?
    if ((status == 0)) && [[ "$known" = "$PROVIDER_ID" ]]; then
      say "$NODE_NAME is registered as $PROVIDER_ID"
      return 0
    fi
    say "waiting for $NODE_NAME to be registered ($attempt of $REGISTER_ATTEMPTS): ${known:-$(tail -n 1 "$RUN/errors")}"
    if ((attempt % 6 == 1)) && grep --quiet NotFound "$RUN/errors"; then
      systemctl restart kubelet
    fi
    sleep 10
  done
  die "$NODE_NAME is not registered as this instance; if the Node object is another machine's: kubectl delete node $NODE_NAME"
}

worker() {
  step "join the cluster at $CONTROL_PLANE_HOST" join_cluster
  step "be registered as this instance" be_registered
}
