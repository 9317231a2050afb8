-- expect: unbatched-backfill@11 column-type-change@12 column-type-change@12 ddl-plus-backfill-same-txn@12 missing-lock-or-statement-timeout@12 ddl-plus-backfill-same-txn@13 drop-column@13 column-type-change@15 ddl-plus-backfill-same-txn@15
DO $$
<<move_root>>
DECLARE
    wanted boolean := false;
BEGIN
SELECT count(*) != 0 INTO wanted
    FROM information_schema.columns
    WHERE table_name = 'messages' AND column_name = 'parent';
IF wanted THEN
    UPDATE messages SET root = parent WHERE root = '';
    ALTER TABLE messages ALTER COLUMN files TYPE varchar(300), ALTER COLUMN props TYPE jsonb USING props::jsonb;
    ALTER TABLE messages DROP COLUMN parent;
ELSE
    ALTER TABLE messages ALTER COLUMN files TYPE varchar(300);
END IF;
END move_root $$;
