-- expect: nothing
DELETE FROM comments WHERE id IN (SELECT id FROM comments WHERE spam LIMIT 500);
