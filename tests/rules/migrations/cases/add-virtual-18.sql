-- expect: missing-lock-or-statement-timeout@3
-- pg-version: 18
ALTER TABLE lots ADD COLUMN total numeric GENERATED ALWAYS AS (price * qty) VIRTUAL;
