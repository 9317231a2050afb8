-- expect: drop-column@3
SET lock_timeout = '2s';
ALTER TABLE :"schema".users DROP COLUMN x;
