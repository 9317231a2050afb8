-- expect: nothing
-- in-transaction: yes
-- atlas:txmode none

-- Create index "t_c" to table: "t"
CREATE INDEX CONCURRENTLY "t_c" ON "t" ("c");
