-- expect: nothing
ALTER INDEX IF EXISTS distributors RENAME TO suppliers;
