#!/bin/bash
# Backend instances (wealist.md §4), after common.sh: ECR login helper, temporary health servers, CodeDeploy agent.
set -euo pipefail

PLACEHOLDER_IMAGE=public.ecr.aws/docker/library/nginx:1.28.0-alpine

install_ecr_helper() {
  local home
  install_package amazon-ecr-credential-helper
  for home in /root /home/ec2-user; do
    write_file 0644 "$ROOT$home/.docker/config.json" <<<"{\"credHelpers\": {\"$REGISTRY\": \"ecr-login\"}}"
  done
  chown -R ec2-user:ec2-user "$ROOT/home/ec2-user/.docker"
}

placeholder_config() { # PORT HEALTH_PATH: only the health check is answered, real traffic gets 503
  cat <<NGINX
pid /tmp/nginx.pid;
error_log stderr warn;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/client;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server {
    listen $1;
    location = $2 {
      default_type application/json;
      return 200 '{"status":"UP","placeholder":true}';
    }
    location / {
      return 503;
    }
  }
}
NGINX
}

start_placeholder() { # SERVICE PORT HEALTH_PATH
  local config=$ROOT/etc/wealist/placeholder-$1.conf running
  placeholder_config "$2" "$3" | write_file 0644 "$config"
  running=$(docker ps --quiet --filter "publish=$2")
  if [ -n "$running" ]; then
    echo "port $2 is served already"
    return 0
  fi
  retry docker pull --quiet "$PLACEHOLDER_IMAGE"
  docker rm --force "placeholder-$1" >/dev/null 2>&1 || true
  docker run --detach --name "placeholder-$1" --restart unless-stopped --publish "$2:$2" \
    --user 101:101 --read-only --tmpfs /tmp:size=1m,mode=1777 --cap-drop ALL \
    --security-opt no-new-privileges:true --memory 32m --pids-limit 32 \
    --volume "$config:/etc/nginx/nginx.conf:ro" --entrypoint nginx \
    "$PLACEHOLDER_IMAGE" -e stderr -g "daemon off;"
  retry curl -fsS --max-time 5 -o /dev/null "http://localhost:$2$3"
}

# The package that the stack file records, by its checksum, and no other: the agent runs as root, and runs what it is sent.
install_codedeploy_agent() {
  local file=$ROOT/tmp/codedeploy-agent.rpm bucket=https://aws-codedeploy-$REGION.s3.$REGION.amazonaws.com
  if ! rpm --quiet -q codedeploy-agent; then
    if [ -z "$CODEDEPLOY_AGENT" ]; then
      echo "no package of CodeDeploy's agent is recorded, and none is taken on trust: refused. \`make agent\` says what to record" >&2
      return 1
    fi
    install_package ruby # the agent is written in it
    retry curl -fsSL --max-time 120 -o "$file" "$bucket/releases/$CODEDEPLOY_AGENT"
    if ! echo "$CODEDEPLOY_AGENT_SHA256  $file" | sha256sum --check --status; then
      rm -f "$file"
      echo "$CODEDEPLOY_AGENT does not match its recorded checksum $CODEDEPLOY_AGENT_SHA256" >&2
      return 1
    fi
    install_package "$file"
    rm -f "$ROOT/etc/cron.d/codedeploy-agent-update" "$file" # older ones bring themselves what is newest, once a day
  fi
  systemctl enable --now codedeploy-agent
}

step "set up the ECR login helper" install_ecr_helper
step "start the temporary user-service health server" \
  start_placeholder user-service 8080 /api/users/actuator/health
step "start the temporary board-service health server" \
  start_placeholder board-service 8000 /api/boards/health
# The agent comes last: it may start a deployment at once, which needs everything above.
step "install the CodeDeploy agent" install_codedeploy_agent
