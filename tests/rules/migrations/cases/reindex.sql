-- expect: reindex-blocks@2
REINDEX TABLE items;
