-- expect: column-type-change@2 missing-lock-or-statement-timeout@2
ALTER TABLE t ALTER COLUMN tags TYPE text[] USING string_to_array(tags, ',');
