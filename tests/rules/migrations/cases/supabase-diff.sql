-- expect: drop-not-null@2 missing-lock-or-statement-timeout@2 index-build-blocks-writes@3 unique-built-under-lock@4
alter table "public"."todos" alter column "done" drop not null;
CREATE UNIQUE INDEX todos_slug_key2 ON public.fresh USING btree (slug);
alter table "public"."todos" add constraint "todos_slug_key" UNIQUE (slug);
create table "public"."fresh" ("slug" text);
