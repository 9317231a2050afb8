-- expect: index-drop-blocks@2 missing-lock-or-statement-timeout@2
DROP INDEX a_i;
