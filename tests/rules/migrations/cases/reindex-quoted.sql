-- expect: reindex-blocks@2
reindex index "Ix_Foo";
