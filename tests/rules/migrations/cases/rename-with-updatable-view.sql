-- expect: missing-lock-or-statement-timeout@3
-- in-transaction: yes
ALTER TABLE public.users RENAME TO accounts;
CREATE OR REPLACE VIEW public.users AS TABLE public.accounts;
