-- expect: missing-lock-or-statement-timeout@3 index-build-blocks-writes@4 statement-while-holding-access-exclusive@4
-- in-transaction: yes
ALTER TABLE users ADD COLUMN locale text;
CREATE INDEX users_locale ON users (locale);
