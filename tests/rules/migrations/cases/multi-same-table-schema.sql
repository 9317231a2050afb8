-- expect: missing-lock-or-statement-timeout@3
-- in-transaction: yes
ALTER TABLE public.users ADD COLUMN a int;
ALTER TABLE users ADD COLUMN b int;
