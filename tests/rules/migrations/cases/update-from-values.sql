-- expect: nothing
UPDATE users SET plan = v.plan FROM (VALUES (1, 'a'), (2, 'b')) AS v (id, plan) WHERE users.id = v.id;
WITH v (id, plan) AS (VALUES (1, 'a'), (2, 'b')) UPDATE users u SET plan = v.plan FROM v WHERE u.id = v.id;
DELETE FROM users USING (VALUES (1), (2)) AS v (id) WHERE users.id = v.id;
DELETE FROM users WHERE id IN (VALUES (1), (2));
UPDATE users SET a = 1 WHERE (tenant_id, code) IN ((1, 'a'), (2, 'b'));
UPDATE users SET a = 1 WHERE id = (SELECT id FROM users WHERE slug = 'x');
UPDATE users SET a = 1 WHERE id = (SELECT max(id) FROM users);
DELETE FROM role_permissions WHERE role = 'admin' AND permission = 'export';
