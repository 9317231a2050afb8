-- expect: drop-table@2 missing-lock-or-statement-timeout@2
Drop Table If Exists Public.Users;
