-- expect: nothing
DO
$do$
BEGIN
   IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'app') THEN
      CREATE ROLE app LOGIN PASSWORD 'x';
   END IF;
END
$do$;
