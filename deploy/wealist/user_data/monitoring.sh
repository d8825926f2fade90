#!/bin/bash
# Monitoring instance (wealist.md §2, §4), after common.sh and the embedded files: Prometheus, Alertmanager, and Grafana on port 3001.
set -euo pipefail

MONITORING_DIR=$ROOT/opt/wealist/monitoring

write_monitoring_files() {
  write_file 0644 "$MONITORING_DIR/.env" <<<"REGION=$REGION
PARAMETER_PREFIX=$PARAMETER_PREFIX
API_HOST=$API_HOST
ALERTMANAGER_ROLE=$ALERTMANAGER_ROLE"
  alertmanager_yml | write_file 0644 "$MONITORING_DIR/alertmanager.yml"
  file_prometheus_yml | sed "s/@API_HOST@/$API_HOST/g" | write_file 0644 "$MONITORING_DIR/prometheus.yml"
  write_files 0644 "$MONITORING_DIR" alerts.yml availability.json blackbox.yml compose.yaml contact.yaml dashboards.yaml datasource.yaml
  write_files 0755 "$MONITORING_DIR" keys.sh up.sh
  write_files 0644 "$ROOT/etc/systemd/system" wealist-keys.service wealist-keys.timer wealist-monitoring.service
}

write_files() { # MODE FOLDER NAME...: embedded files, each of which is a function named like it
  local name
  for name in "${@:3}"; do "file_${name//[^a-z0-9]/_}" | write_file "$1" "$2/$name"; done
}

start_monitoring() {
  systemctl daemon-reload
  systemctl enable wealist-monitoring
  systemctl enable --now wealist-keys.timer
  retry systemctl restart wealist-monitoring
  retry curl -fsS --max-time 5 -o /dev/null http://localhost:3001/monitoring/api/health
}

step "write the monitoring configuration" write_monitoring_files
step "start Prometheus and Grafana" start_monitoring
