-- expect: missing-lock-or-statement-timeout@2 rename-table@2
ALTER VIEW active_users RENAME TO live_users;
