-- expect: reindex-blocks@2
REINDEX INDEX my_index;
