-- expect: missing-lock-or-statement-timeout@2 rename-column@2
ALTER VIEW active_users RENAME COLUMN id TO uid;
