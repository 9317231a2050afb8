-- expect: missing-lock-or-statement-timeout@3 ddl-plus-backfill-same-txn@4 statement-while-holding-access-exclusive@4 unbatched-backfill@4
-- in-transaction: yes
ALTER TABLE a ADD COLUMN b int;
DO $$ BEGIN UPDATE a SET b = 1; END $$;
