-- expect: missing-lock-or-statement-timeout@4 index-build-blocks-writes@4
CREATE TEMP TABLE t (a int);
CREATE INDEX ON t (a);
CREATE INDEX ON public.t (a);
DROP TABLE t;
