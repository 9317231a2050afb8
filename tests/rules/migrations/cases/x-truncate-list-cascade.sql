-- expect: missing-lock-or-statement-timeout@2 truncate-cascade@2
TRUNCATE TABLE a, ONLY b, c RESTART IDENTITY CASCADE;
