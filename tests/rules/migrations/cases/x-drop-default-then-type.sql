-- expect: missing-lock-or-statement-timeout@3 column-type-change@4
-- in-transaction: yes
ALTER TABLE t ALTER s DROP DEFAULT;
ALTER TABLE t ALTER s TYPE int USING (s::int);
ALTER TABLE t ALTER s SET DEFAULT 0;
