-- expect: missing-lock-or-statement-timeout@2 replication-identity-break@2
alter table public.orders replica identity nothing;
