-- expect: constraint-validated-under-lock@3
SET lock_timeout = '2s';
ALTER TABLE users ADD COLUMN age int CHECK (age >= 0);
