-- expect: rename-column@3
-- dialect: sqlite
ALTER TABLE [users] RENAME COLUMN `a` TO "b";
