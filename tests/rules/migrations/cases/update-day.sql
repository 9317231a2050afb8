-- expect: nothing
UPDATE users SET flag = true WHERE created_at >= '2024-01-01' AND created_at < '2024-01-02';
