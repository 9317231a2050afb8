-- expect: drop-column@2 missing-lock-or-statement-timeout@2
ALTER TABLE U&"d\0061ta" DROP COLUMN x;
