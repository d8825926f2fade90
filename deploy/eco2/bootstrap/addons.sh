#!/bin/bash
# k8s-master, once: the charts without which Argo CD cannot run, Argo CD, and the Application from which it brings the rest.
# What is deployed stays as it is: from then on Argo CD keeps it. Sourced, after lib.sh.

HELM=$ROOT/usr/local/bin/helm

install_helm() {
  local archive=$STATE/helm-$HELM_VERSION.tar.gz
  fetch "https://get.helm.sh/helm-v$HELM_VERSION-linux-amd64.tar.gz" "$HELM_SHA256" "$archive" 0600
  if [[ ! -x "$HELM" || "$archive" -nt "$HELM" ]]; then
    folder "$(dirname "$HELM")"
    tar --extract --gzip --touch --no-same-owner --strip-components 1 --file "$archive" --directory "$(dirname "$HELM")" linux-amd64/helm
    chmod 0755 "$HELM"
  fi
}

CHART= # the archive that fetch_chart brought

fetch_chart() { # REPOSITORY CHART VERSION SHA256: what is there already with that checksum stays
  local work
  CHART=$STATE/charts/$2-$3.tgz
  if [[ "$4" = - ]]; then
    say "no checksum of chart $2 $3 is recorded, and what runs as the cluster's admin is not taken on trust: refused." \
      "\`make charts\`, where the repository can be reached, says which to write into infra/systems/eco2/versions.py" >&2
    return 1
  fi
  if [[ -e "$CHART" ]] && echo "$4  $CHART" | sha256sum --check --status; then
    return 0
  fi
  mkdir -p "$STATE/charts"
  work=$(mktemp -d "$STATE/charts/.new.XXXXXX")
  REMOVE_AT_END+=("$work")
  retry "$HELM" pull "$2" --repo "$1" --version "$3" --destination "$work"
  if ! echo "$4  $work/$2-$3.tgz" | sha256sum --check --status; then
    say "chart $2 $3 of $1 is not the one that was recorded (sha256 $4): refused" >&2
    return 1
  fi
  mv -f "$work/$2-$3.tgz" "$CHART"
}

install_chart() { # RELEASE NAMESPACE VALUES
  # A first install that was cut off blocks every later one; what it made is taken over.
  kubectl --namespace "$2" delete secret --ignore-not-found --selector "owner=helm,name=$1,status=pending-install"
  retry "$HELM" upgrade --install "$1" "$CHART" --namespace "$2" --create-namespace \
    --values "$BUNDLE/$3" --take-ownership --wait --timeout 10m
}

apply_chart() { # RELEASE NAMESPACE VALUES: without Helm's record, a Secret, which definitions of kinds outgrow
  "$HELM" template "$1" "$CHART" --namespace "$2" --values "$BUNDLE/$3" |
    kubectl apply --server-side --force-conflicts --field-manager eco2-bootstrap --filename -
}

is_there() { # HOW RELEASE NAMESPACE: what is applied is there once Argo CD keeps it
  if [[ "$1" = apply ]]; then
    kubectl --namespace "$ROOT_APPLICATION_NAMESPACE" get applications.argoproj.io "$2" >/dev/null 2>&1
  else
    [[ -n "$("$HELM" list --deployed --short --namespace "$3" --filter "^$2\$")" ]]
  fi
}

bring_chart() { # HOW RELEASE NAMESPACE REPOSITORY CHART VERSION SHA256 VALUES
  if is_there "$1" "$2" "$3"; then
    say "$2 is deployed already"
    return 0
  fi
  fetch_chart "$4" "$5" "$6" "$7"
  if [[ "$1" = apply ]]; then
    retry apply_chart "$2" "$3" "$8"
  else
    install_chart "$2" "$3" "$8"
  fi
}

bring_charts() {
  local how release namespace repository chart version sha256 values
  while IFS=$'\t' read -r -u 3 how release namespace repository chart version sha256 values; do
    step "install $release (chart $chart $version)" \
      bring_chart "$how" "$release" "$namespace" "$repository" "$chart" "$version" "$sha256" "$values"
  done 3<"$BUNDLE/charts.tsv"
}

apply_root_application() {
  if kubectl --namespace "$ROOT_APPLICATION_NAMESPACE" get applications.argoproj.io "$ROOT_APPLICATION" >/dev/null 2>&1; then
    say "the Application $ROOT_APPLICATION is there already"
    return 0
  fi
  retry kubectl apply --server-side --field-manager eco2-bootstrap \
    --filename "$BUNDLE/root-project.json" --filename "$BUNDLE/charts-project.json" --filename "$BUNDLE/root-application.json"
}

install_addons() {
  export KUBECONFIG=$KUBERNETES/admin.conf
  step "wait for the API server" wait_for_api
  step "install Helm $HELM_VERSION" install_helm
  bring_charts
  step "point Argo CD at the rendered manifests" apply_root_application
}
