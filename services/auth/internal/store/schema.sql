-- Applied at each start, under a lock: every statement may run again.
CREATE TABLE IF NOT EXISTS users (
  id uuid PRIMARY KEY,
  email text NOT NULL UNIQUE CHECK (email = lower(email)),
  password_hash text NOT NULL,
  display_name text NOT NULL,
  roles text[] NOT NULL DEFAULT '{user}',
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS platform_accounts (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  platform text NOT NULL,
  platform_user_id text NOT NULL,
  -- Sealed by the service (internal/sealed).
  access_token bytea NOT NULL,
  refresh_token bytea,
  expires_at timestamptz,
  renew_after timestamptz NOT NULL DEFAULT now(),
  UNIQUE (platform, platform_user_id),
  UNIQUE (user_id, platform)
);
CREATE TABLE IF NOT EXISTS outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text NOT NULL,
  key text NOT NULL,
  event_id uuid NOT NULL UNIQUE,
  body bytea NOT NULL,
  traceparent text NOT NULL DEFAULT '',
  published_at timestamptz
);
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (id) WHERE published_at IS NULL;
