-- expect: nothing
DELETE FROM feature_flags WHERE name = 'old_flag';
