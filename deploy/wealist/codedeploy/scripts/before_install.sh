#!/bin/bash
# BeforeInstall (wealist.md §7): back up the current deployment, clean it away, prepare folders.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

KEEP_BACKUPS=${KEEP_BACKUPS:-3}

back_up() {
  local name temp
  name=$(date -u +%Y%m%dT%H%M%S.%N).tar.gz
  install -d -m 0700 "$BACKUP_DIR"
  temp=$(mktemp "$BACKUP_DIR/.new.XXXXXX")
  tar -C "$APP_DIR" -czf "$temp" .
  mv -f "$temp" "$BACKUP_DIR/$name"
  say "backed up to $BACKUP_DIR/$name"
}

drop_old_backups() {
  find "$BACKUP_DIR" -name '*.tar.gz' -type f | LC_ALL=C sort -r | tail -n "+$((KEEP_BACKUPS + 1))" |
    while IFS= read -r old; do rm -f "$old"; done
}

if [ -n "$(ls -A "$APP_DIR" 2>/dev/null)" ]; then
  back_up
  drop_old_backups
else
  say "no deployment to back up"
fi
rm -rf "${APP_DIR:?}"
mkdir -p "$APP_DIR"
install -d -m 0711 "$RUN_DIR"
say "cleaned $APP_DIR"
