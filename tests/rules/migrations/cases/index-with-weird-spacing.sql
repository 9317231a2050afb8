-- expect: index-build-blocks-writes@2 missing-lock-or-statement-timeout@2
CREATE/**/INDEX-- why
idx_w
  ON/* the table */weird(a)
;
