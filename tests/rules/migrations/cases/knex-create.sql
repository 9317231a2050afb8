-- expect: index-build-blocks-writes@4 missing-lock-or-statement-timeout@4
create table "posts" ("id" serial primary key, "title" varchar(255) null, "created_at" timestamptz not null default CURRENT_TIMESTAMP);
create index "posts_title_index" on "posts" ("title");
create index "users_city_index" on "users" ("city");
