-- expect: missing-lock-or-statement-timeout@2 set-not-null-scans@2
alter table if exists sales.orders alter state set not null;
