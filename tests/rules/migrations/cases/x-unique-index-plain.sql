-- expect: index-build-blocks-writes@2 missing-lock-or-statement-timeout@2
CREATE UNIQUE INDEX u ON t (a) NULLS NOT DISTINCT;
