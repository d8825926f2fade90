-- One service's database and login role; run by databases.sh once per service, as often as wanted.
-- Connect to the database `postgres` as the superuser. Environment: SERVICE_NAME, SERVICE_PASSWORD.
\set ON_ERROR_STOP on
\set VERBOSITY terse
\getenv service SERVICE_NAME
\getenv password SERVICE_PASSWORD

-- Two runs at once take turns.
SELECT pg_advisory_lock(hashtext('eco2-databases')) \g /dev/null

-- Keeps the password out of the server's log.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
SET password_encryption = 'scram-sha-256';

SELECT format('CREATE ROLE %I', :'service')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'service') \gexec
-- Each run, so that a changed parameter takes effect, and powers that somebody added are gone.
ALTER ROLE :"service" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  CONNECTION LIMIT 20 PASSWORD :'password';

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8''', :'service', :'service')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service') \gexec
ALTER DATABASE :"service" OWNER TO :"service";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;

\connect :"service"
REVOKE ALL ON SCHEMA public FROM PUBLIC;
