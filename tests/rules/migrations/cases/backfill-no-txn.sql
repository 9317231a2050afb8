-- expect: missing-lock-or-statement-timeout@2 unbatched-backfill@3
ALTER TABLE users ADD COLUMN locale text;
UPDATE users SET locale = 'en';
