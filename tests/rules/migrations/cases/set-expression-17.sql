-- expect: full-table-rewrite-command@3 missing-lock-or-statement-timeout@3
-- pg-version: 17
ALTER TABLE lots ALTER COLUMN total SET EXPRESSION AS (price * qty * 2);
