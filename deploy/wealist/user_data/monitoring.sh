#!/bin/bash
# Monitoring instance (wealist.md §2, §4), after common.sh and the embedded files: Prometheus and Grafana on port 3001.
set -euo pipefail

MONITORING_DIR=$ROOT/opt/wealist/monitoring

write_monitoring_files() {
  write_file 0644 "$MONITORING_DIR/.env" <<<"REGION=$REGION
PARAMETER_PREFIX=$PARAMETER_PREFIX
API_HOST=$API_HOST"
  file_compose_yaml | write_file 0644 "$MONITORING_DIR/compose.yaml"
  file_prometheus_yml | sed "s/@API_HOST@/$API_HOST/g" | write_file 0644 "$MONITORING_DIR/prometheus.yml"
  file_alerts_yml | write_file 0644 "$MONITORING_DIR/alerts.yml"
  file_blackbox_yml | write_file 0644 "$MONITORING_DIR/blackbox.yml"
  file_datasource_yaml | write_file 0644 "$MONITORING_DIR/datasource.yaml"
  file_dashboards_yaml | write_file 0644 "$MONITORING_DIR/dashboards.yaml"
  file_availability_json | write_file 0644 "$MONITORING_DIR/availability.json"
  file_up_sh | write_file 0755 "$MONITORING_DIR/up.sh"
  file_wealist_monitoring_service | write_file 0644 "$ROOT/etc/systemd/system/wealist-monitoring.service"
}

start_monitoring() {
  systemctl daemon-reload
  systemctl enable wealist-monitoring
  retry systemctl restart wealist-monitoring
  retry curl -fsS --max-time 5 -o /dev/null http://localhost:3001/monitoring/api/health
}

step "write the monitoring configuration" write_monitoring_files
step "start Prometheus and Grafana" start_monitoring
