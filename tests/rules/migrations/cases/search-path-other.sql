-- expect: index-build-blocks-writes@4 missing-lock-or-statement-timeout@4
SET search_path = tenant_a;
CREATE TABLE inv (id int);
CREATE INDEX ON public.inv (id);
