-- expect: missing-lock-or-statement-timeout@3
-- in-transaction: yes
ALTER TABLE users ADD COLUMN x int;
SELECT setval('users_id_seq', 100);
SELECT pg_catalog.set_config('search_path', '', false);
