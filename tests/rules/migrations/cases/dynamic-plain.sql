-- expect: index-build-blocks-writes@2 missing-lock-or-statement-timeout@2
DO $$ BEGIN EXECUTE 'CREATE INDEX foo ON bar (baz)'; END $$;
