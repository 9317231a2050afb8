-- expect: missing-lock-or-statement-timeout@3 index-build-blocks-writes@4
create unique index concurrently a_key on public.a using btree (x);
alter table "public"."a" add constraint "a_key" UNIQUE using index "a_key";
CREATE UNIQUE INDEX b_key ON public.b USING btree (x);
alter table "public"."b" add constraint "b_key" UNIQUE using index "b_key";
