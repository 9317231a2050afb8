-- expect: full-table-rewrite-command@3
SET lock_timeout = '2s';
ALTER TABLE users SET TABLESPACE fast;
