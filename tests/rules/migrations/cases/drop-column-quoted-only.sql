-- expect: drop-column@2 missing-lock-or-statement-timeout@2
alter table only "A"."B" drop column if exists "C" cascade;
