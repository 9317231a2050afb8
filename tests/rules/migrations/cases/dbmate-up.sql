-- expect: drop-column@3 missing-lock-or-statement-timeout@3
-- migrate:up
ALTER TABLE post DROP COLUMN subtitle;
