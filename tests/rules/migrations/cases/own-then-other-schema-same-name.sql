-- expect: index-build-blocks-writes@3 missing-lock-or-statement-timeout@3
CREATE TABLE archive.orders (id int);
CREATE INDEX ON public.orders (id);
