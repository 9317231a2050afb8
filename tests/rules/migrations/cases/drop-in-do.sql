-- expect: drop-table@2 missing-lock-or-statement-timeout@2
DO $$ BEGIN DROP TABLE users; END $$;
