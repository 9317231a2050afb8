-- expect: missing-lock-or-statement-timeout@2 truncate-table@2
TRUNCATE TABLE ONLY sessions RESTART IDENTITY;
