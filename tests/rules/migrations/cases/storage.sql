-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE big ALTER COLUMN doc SET STORAGE EXTERNAL, ALTER COLUMN doc SET (n_distinct = -0.5), ALTER COLUMN a SET COMPRESSION lz4;
