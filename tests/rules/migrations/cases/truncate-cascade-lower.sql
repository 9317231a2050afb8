-- expect: missing-lock-or-statement-timeout@2 truncate-cascade@2
truncate table public.users cascade;
