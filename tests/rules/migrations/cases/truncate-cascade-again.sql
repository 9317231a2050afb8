-- expect: missing-lock-or-statement-timeout@2 truncate-cascade@2
TRUNCATE users, teams RESTART IDENTITY CASCADE;
