-- expect: missing-lock-or-statement-timeout@2
create index on only public."Kunden Daten" using btree ("E-Mail" varchar_pattern_ops desc nulls last);
