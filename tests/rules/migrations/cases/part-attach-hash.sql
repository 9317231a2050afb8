-- expect: missing-lock-or-statement-timeout@2 partition-attach@2
alter table logs attach partition logs_0 for values with (modulus 4, remainder 0);
