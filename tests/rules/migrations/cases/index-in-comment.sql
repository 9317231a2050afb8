-- expect: nothing
/* CREATE INDEX a ON b (c); /* nested */ DROP TABLE b; */
-- DROP TABLE c;
SELECT 1; -- CREATE INDEX d ON e (f);
