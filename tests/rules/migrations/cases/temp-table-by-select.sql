-- expect: drop-table@5
SET lock_timeout = '2s';
SELECT id INTO TEMP TABLE gone FROM users WHERE id < 10;
ALTER TABLE gone ADD COLUMN n serial;
DROP TABLE app.gone;
