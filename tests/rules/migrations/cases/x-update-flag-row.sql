-- expect: nothing
UPDATE feature_flags SET enabled = true WHERE flag = 'x';
