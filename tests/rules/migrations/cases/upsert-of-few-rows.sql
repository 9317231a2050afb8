-- expect: nothing
INSERT INTO roles SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(id, n) ON CONFLICT (id) DO UPDATE SET n = excluded.n;
WITH s(id) AS (VALUES (1)), t AS (SELECT 2 AS id) INSERT INTO kinds SELECT id FROM s UNION SELECT id FROM t ON CONFLICT (id) DO UPDATE SET seen = now();
INSERT INTO days SELECT extract(doy FROM d) FROM generate_series(now(), now() + '1 day', '1 hour') d ON CONFLICT (d) DO UPDATE SET d = 1;
INSERT INTO app_users SELECT id, name FROM users WHERE id = 5 ON CONFLICT (id) DO UPDATE SET name = excluded.name;
INSERT INTO totals SELECT id, n FROM raw ORDER BY id LIMIT 1000 ON CONFLICT (id) DO UPDATE SET n = excluded.n;
INSERT INTO copies SELECT id FROM raw ON CONFLICT DO NOTHING;
