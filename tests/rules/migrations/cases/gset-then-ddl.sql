-- expect: unreadable@2 drop-table@3 missing-lock-or-statement-timeout@3
SELECT now() AS t \gset
DROP TABLE x;
