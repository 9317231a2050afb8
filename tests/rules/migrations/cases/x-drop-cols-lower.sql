-- expect: drop-column@2 drop-column@2 missing-lock-or-statement-timeout@2
alter table t drop a, drop b cascade;
