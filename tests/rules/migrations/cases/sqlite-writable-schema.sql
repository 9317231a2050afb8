-- expect: sqlite-writable-schema@3
-- dialect: sqlite
PRAGMA writable_schema=1;
UPDATE sqlite_master SET sql = replace(sql, 'a', 'b') WHERE name = 'users';
