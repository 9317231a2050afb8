-- expect: reindex-blocks@2
REINDEX DATABASE production;
