-- expect: missing-lock-or-statement-timeout@2 rename-column@2
ALTER TABLE users RENAME "to" TO "for";
