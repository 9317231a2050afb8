-- expect: nothing
REINDEX TABLE CONCURRENTLY public."Orders";
