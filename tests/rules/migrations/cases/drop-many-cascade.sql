-- expect: index-drop-blocks@2 missing-lock-or-statement-timeout@2
DROP INDEX IF EXISTS app.idx_one, app."Idx Two" CASCADE;
