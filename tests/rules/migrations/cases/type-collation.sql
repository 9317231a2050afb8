-- expect: column-type-change@2 missing-lock-or-statement-timeout@2
ALTER TABLE users ALTER COLUMN bio TYPE text COLLATE "de-x-icu";
