-- expect: reindex-blocks@2
REINDEX SYSTEM app;
