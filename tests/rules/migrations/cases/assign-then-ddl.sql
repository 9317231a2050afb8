-- expect: missing-lock-or-statement-timeout@2 rename-column@2
DO $$ DECLARE n int := 5; m text; BEGIN n := n + 1; ALTER TABLE a RENAME COLUMN b TO c; END $$;
