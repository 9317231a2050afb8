-- expect: missing-lock-or-statement-timeout@2
DROP TRIGGER t ON users;
