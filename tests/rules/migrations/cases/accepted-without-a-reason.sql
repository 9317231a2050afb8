-- expect: acceptance-without-effect@4 drop-column@4
SET lock_timeout = '2s';
-- mobius: accept drop-column
ALTER TABLE users DROP COLUMN nick;
