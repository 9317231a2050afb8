-- expect: index-build-blocks-writes@6 missing-lock-or-statement-timeout@6
DO $$
DECLARE users boolean;
BEGIN
  SELECT true INTO users FROM pg_class WHERE relname = 'users';
  CREATE INDEX users_name ON users (name);
END $$;
