-- expect: nothing
-- pg-version: 15
MERGE INTO plans p USING (VALUES (1, 'a'), (2, 'b')) v(id, n) ON p.id = v.id WHEN MATCHED THEN UPDATE SET n = v.n WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.n);
