-- expect: nothing
UPDATE settings SET value = 'on' WHERE key = 'feature_x';
