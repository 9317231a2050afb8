-- expect: index-build-blocks-writes@2 missing-lock-or-statement-timeout@2
CREATE INDEX "CONCURRENTLY" ON t (a);
