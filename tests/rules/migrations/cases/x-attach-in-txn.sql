-- expect: missing-lock-or-statement-timeout@3 partition-attach@3
-- in-transaction: yes
ALTER TABLE p ATTACH PARTITION c FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
