-- expect: nothing
ALTER INDEX distributors SET (fillfactor = 75);
