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

install_chart() { # RELEASE NAMESPACE REPOSITORY CHART VERSION VALUES
  local -a source=("$4" --repo "$3")
  if [[ "$3" = oci://* ]]; then
    source=("$3/$4")
  fi
  if [[ -n "$("$HELM" list --deployed --short --namespace "$2" --filter "^$1\$")" ]]; then
    say "$1 is deployed already"
    return 0
  fi
  # A first install that was cut off blocks every later one; what it made is taken over.
  kubectl --namespace "$2" delete secret --ignore-not-found --selector "owner=helm,name=$1,status=pending-install"
  retry "$HELM" upgrade --install "$1" "${source[@]}" --version "$5" --namespace "$2" --create-namespace \
    --values "$BUNDLE/$6" --take-ownership --wait --timeout 10m
}

install_charts() {
  local release namespace repository chart version values
  while IFS=$'\t' read -r -u 3 release namespace repository chart version values; do
    step "install $release (chart $chart $version)" \
      install_chart "$release" "$namespace" "$repository" "$chart" "$version" "$values"
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
  install_charts
  step "point Argo CD at the rendered manifests" apply_root_application
}
