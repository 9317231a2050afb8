-- expect: accepted:drop-column@4
SET lock_timeout = '2s';
-- mobius: accept drop-column because nobody has read it since release 41
ALTER TABLE users DROP COLUMN nick;
