-- expect: missing-lock-or-statement-timeout@2 truncate-table@2
DO $$ BEGIN TRUNCATE cache_entries; END $$;
