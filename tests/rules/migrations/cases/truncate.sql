-- expect: truncate-table@3
SET lock_timeout = '2s';
TRUNCATE sessions;
