-- expect: drop-table@3 missing-lock-or-statement-timeout@3
CREATE TABLE n1 (a int);
DROP TABLE n1, legacy;
