-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE accounts ADD COLUMN lim interval DEFAULT ('1 day'::interval * 3);
