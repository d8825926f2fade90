-- One service's database and login role (wealist.md §5); run by init.sh once per service, as often as wanted.
-- Connect to the `postgres` database as the master user: CREATEDB and CREATEROLE are enough. PostgreSQL 15 to 17.
-- Environment: APP_DB_NAME, APP_DB_USER, APP_DB_PASSWORD.
\set ON_ERROR_STOP on
\set VERBOSITY terse
\getenv name APP_DB_NAME
\getenv owner APP_DB_USER
\getenv password APP_DB_PASSWORD

-- Several instances may run this at once; the lock belongs to this session and this database.
SELECT pg_advisory_lock(hashtext('wealist-database-init')) \g /dev/null

-- Keeps the password out of the server's log where the master may say so (a superuser may; RDS logs no statements by default).
DO $$
BEGIN
  PERFORM set_config('log_statement', 'none', false);
  PERFORM set_config('log_min_error_statement', 'panic', false);
  PERFORM set_config('log_min_duration_statement', '-1', false);
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;

SELECT format('CREATE ROLE %I LOGIN', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'owner') \gexec
-- Each run, so that a rotated parameter takes effect.
ALTER ROLE :"owner" LOGIN PASSWORD :'password';

-- The RDS master is no superuser: it can give a database to a role only as a member of it.
SELECT format('GRANT %I TO CURRENT_USER', :'owner')
WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \gexec

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8''', :'name', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SELECT format('ALTER DATABASE %I OWNER TO %I', :'name', :'owner')
FROM pg_database WHERE datname = :'name' AND pg_get_userbyid(datdba) <> :'owner' \gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;

\connect :"name"
SELECT pg_advisory_lock(hashtext('wealist-database-init')) \g /dev/null
SET ROLE :"owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
